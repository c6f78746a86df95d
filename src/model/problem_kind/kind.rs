//! The problem codes.

use serde::Serialize;
use utoipa::ToSchema;

/// The problem code. New codes can come: treat a code that you do not know by its `status`, `outcome` and `retryable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode, example = "bot_not_in_chat")]
pub enum ProblemKind {
    /// The request is invalid.
    InvalidRequest,
    /// The bot is not in the chat.
    BotNotInChat,
    /// The app has no bot.
    BotNotEnabled,
    /// The user is outside the app's availability range.
    UserOutOfScope,
    /// The chat's settings forbid posting.
    ChatSettingsForbid,
    /// The thread does not exist.
    ThreadNotFound,
    /// The receiver gets too many messages.
    ReceiverRateLimited,
    /// The app lacks a permission.
    PermissionMissing,
    /// The receiver has left the company.
    UserResigned,
    /// The receiver is invalid.
    ReceiverInvalid,
    /// Sending to this receiver is denied.
    SendDenied,
    /// The tenant's encryption key was deleted.
    TenantKeyDeleted,
    /// The receiver belongs to another tenant.
    CrossTenantForbidden,
    /// The message is being sent.
    MessageInProgress,
    /// The bot cannot see the message.
    MessageNotVisible,
    /// The user has stopped the bot.
    UserStoppedBot,
    /// This type of message cannot be forwarded.
    MessageTypeUnsupported,
    /// The receiving chat is encrypted.
    EncryptedChatForbidden,
    /// The receiving chat is invalid.
    ChatInvalid,
    /// The message is invalid.
    MessageInvalid,
    /// The message was recalled.
    MessageRecalled,
    /// The message is in a secret chat.
    MessageInSecretChat,
    /// The message is restricted.
    MessageRestricted,
    /// The bot cannot see the receiving thread.
    ThreadNotVisible,
    /// The message was deleted.
    MessageDeleted,
    /// The chat was dissolved.
    ChatDissolved,
    /// The app makes too many calls.
    AppRateLimited,
    /// The monthly API quota is used up.
    MonthlyQuotaExhausted,
    /// The gateway's address is not allowed.
    GatewayAddressDenied,
    /// Feishu rejects the app's credentials.
    CredentialsRejected,
    /// The app is disabled.
    AppNotInUse,
    /// The app is not available in this tenant.
    AppNotAvailable,
    /// The message does not exist.
    MessageNotFound,
    /// The daily message quota is used up.
    DailyQuotaExhausted,
    /// Feishu failed internally.
    FeishuInternalError,
    /// These messages cannot be merged.
    MessagesNotMergeable,
    /// The bot cannot see the thread to be forwarded.
    ThreadSourceNotVisible,
    /// The API key is missing or not valid.
    Unauthorized,
    /// The API key may not forward to this receiver.
    ReceiverNotAllowed,
    /// The API key may not forward in this tenant.
    TenantNotAllowed,
    /// The request comes from elsewhere than the operator allows.
    OriginNotAllowed,
    /// The API key makes too many calls.
    CallerRateLimited,
    /// The monthly calls of the API key are used up.
    CallerQuotaExhausted,
    /// There is no such route.
    RouteNotFound,
    /// The route does not take this method.
    MethodNotAllowed,
    /// The request came in too slowly.
    RequestTimeout,
    /// The request body is too large.
    BodyTooLarge,
    /// The request body is not JSON.
    UnsupportedMediaType,
    /// The idempotency key was used for something else.
    IdempotencyKeyReused,
    /// The `uuid` was used for another forward.
    UuidReused,
    /// It is too late to repeat a forward that may have gone out.
    TooLateToRepeat,
    /// There is no such broadcast of the caller.
    BroadcastNotFound,
    /// The broadcast has ended.
    BroadcastEnded,
    /// The caller has too many broadcasts.
    TooManyBroadcasts,
    /// The gateway has no store for broadcasts.
    BroadcastsNotConfigured,
    /// The request needs an `Idempotency-Key`.
    IdempotencyKeyMissing,
    /// The pushed event did not pass the checks of its app.
    EventRejected,
    /// Feishu cannot be reached.
    FeishuUnreachable,
    /// Feishu's answer cannot be read.
    FeishuUnreadable,
    /// Feishu answered with an unknown error.
    FeishuError,
    /// Feishu did not answer in time.
    FeishuTimeout,
    /// The gateway is at its limit.
    Overloaded,
    /// The gateway is shutting down.
    Draining,
    /// The gateway failed.
    InternalError,
}

impl ProblemKind {
    /// All problem codes. Those that stand for a code of Feishu come first.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::BotNotInChat,
        Self::BotNotEnabled,
        Self::UserOutOfScope,
        Self::ChatSettingsForbid,
        Self::ThreadNotFound,
        Self::ReceiverRateLimited,
        Self::PermissionMissing,
        Self::UserResigned,
        Self::ReceiverInvalid,
        Self::SendDenied,
        Self::TenantKeyDeleted,
        Self::CrossTenantForbidden,
        Self::MessageInProgress,
        Self::MessageNotVisible,
        Self::UserStoppedBot,
        Self::MessageTypeUnsupported,
        Self::EncryptedChatForbidden,
        Self::ChatInvalid,
        Self::MessageInvalid,
        Self::MessageRecalled,
        Self::MessageInSecretChat,
        Self::MessageRestricted,
        Self::ThreadNotVisible,
        Self::MessageDeleted,
        Self::ChatDissolved,
        Self::AppRateLimited,
        Self::MonthlyQuotaExhausted,
        Self::GatewayAddressDenied,
        Self::CredentialsRejected,
        Self::AppNotInUse,
        Self::AppNotAvailable,
        Self::MessageNotFound,
        Self::DailyQuotaExhausted,
        Self::FeishuInternalError,
        Self::MessagesNotMergeable,
        Self::ThreadSourceNotVisible,
        Self::Unauthorized,
        Self::ReceiverNotAllowed,
        Self::TenantNotAllowed,
        Self::OriginNotAllowed,
        Self::CallerRateLimited,
        Self::CallerQuotaExhausted,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::UuidReused,
        Self::TooLateToRepeat,
        Self::BroadcastNotFound,
        Self::BroadcastEnded,
        Self::TooManyBroadcasts,
        Self::BroadcastsNotConfigured,
        Self::IdempotencyKeyMissing,
        Self::EventRejected,
        Self::FeishuUnreachable,
        Self::FeishuUnreadable,
        Self::FeishuError,
        Self::FeishuTimeout,
        Self::Overloaded,
        Self::Draining,
        Self::InternalError,
    ];
}
