//! The table of Feishu's result codes: for each code the gateway's problem, whether to retry, and the remedy.
//!
//! Only the code identifies a failure. The HTTP status does not, and neither does `msg`, to which Feishu appends
//! suffixes such as `, ext=chat rate limit` (Feishu's documentation).

use crate::model::problem_kind::ProblemKind::{self, *};
use crate::model::problem_kind::Remedy;
use Retry::{AfterReset, Backoff, Never, RefreshTokenOnce, ResendTicket};

/// Whether, and after which event, a repetition of the call may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// A repetition will fail too.
    Never,
    /// After a pause that grows with each attempt.
    Backoff,
    /// After the seconds in `x-ogw-ratelimit-reset`.
    AfterReset,
    /// With a new tenant token, and only once.
    RefreshTokenOnce,
    /// After Feishu has pushed a new app ticket (store apps).
    ResendTicket,
}

/// One of Feishu's result codes.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The number in the member `code` of the answer.
    pub code: i64,
    /// The problem that the gateway reports to its caller.
    pub problem: ProblemKind,
    /// Whether to repeat the call.
    pub retry: Retry,
    /// Feishu's documented description of the code. Empty if Feishu documents none.
    pub msg: &'static str,
    /// Instructions to solve the problem.
    pub remedy: Remedy,
}

/// The row of a code. `None` if the table does not hold the code.
#[must_use]
pub fn find(code: i64) -> Option<&'static Code> {
    CODES.iter().find(|row| row.code == code)
}

const fn row(code: i64, problem: ProblemKind, retry: Retry, msg: &'static str) -> Code {
    Code { code, problem, retry, msg, remedy: problem.facts().remedy }
}

impl Code {
    /// Replaces the problem's general remedy by a more specific one.
    const fn saying(self, en: &'static str, zh: &'static str) -> Self {
        Self { remedy: Remedy { en, zh }, ..self }
    }
}

/// What a refusal of one forward implies for the app's other forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Feishu would refuse all of them: the code does not depend on what is forwarded.
    App,
    /// Feishu may refuse others too. The missing permission may be needed for this message or receiver only.
    PerhapsApp,
    /// Feishu would not refuse the others for this reason: it has accepted the app and examined the message.
    Message,
    /// No conclusion.
    Nothing,
}

impl Code {
    /// What a refusal with this code implies for the app's other forwards.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self.problem {
            MonthlyQuotaExhausted
            | DailyQuotaExhausted
            | GatewayAddressDenied
            | AppNotInUse
            | AppNotAvailable
            | BotNotEnabled => Reach::App,
            // A missing permission can depend on the receiver, so one such refusal must not stop a whole app.
            // 230027 is not one of these codes: Feishu also returns it for chats outside the tenant.
            PermissionMissing if self.code > 99_991_000 => Reach::PerhapsApp,
            // The codes of the message APIs.
            _ if (230_000..240_000).contains(&self.code) => Reach::Message,
            _ => Reach::Nothing,
        }
    }
}

/// The row for a used-up monthly quota of API calls.
pub const MONTHLY_QUOTA: &Code = &row(99991403, MonthlyQuotaExhausted, Never, "");

/// All known codes.
#[rustfmt::skip]
pub const CODES: &[Code] = &[
    // The forward API. Its documentation page lists these codes with HTTP 400.
    row(230001, InvalidRequest, Never, "Your request contains an invalid request parameter.").saying("Check message_id, receive_id, receive_id_type and uuid; Feishu's message names the field after 'ext='.", "检查 message_id、receive_id、receive_id_type 与 uuid；飞书返回信息中 ext= 之后会指出出错字段。"),
    row(230002, BotNotInChat, Never, "The bot can not be outside the group."),
    row(230006, BotNotEnabled, Never, "Bot ability is not activated."),
    row(230013, UserOutOfScope, Never, "Bot has NO availability to this user."),
    row(230018, ChatSettingsForbid, Never, "These operations are NOT allowed at current group settings."),
    row(230019, ThreadNotFound, Never, "The thread does NOT exist."),
    row(230020, ReceiverRateLimited, Backoff, "This operation triggers the frequency limit.").saying("This receiver gets too many messages. All bots in a chat share its limit. Retry later.", "该接收者的消息频率过高（群内所有机器人共享限频），请稍后重试。"),
    row(230027, PermissionMissing, Never, "Lack of necessary permissions.").saying("Grant the app im:message or im:message:send_as_bot. For chats outside the tenant, enable external sharing of the bot.", "为应用开通 im:message 或 im:message:send_as_bot；外部群需先开启机器人对外共享。"),
    row(230029, UserResigned, Never, "User has resigned."),
    row(230034, ReceiverInvalid, Never, "The receive_id is invalid."),
    row(230035, SendDenied, Never, "Send Message Permission deny."),
    row(230036, TenantKeyDeleted, Never, "Tenant crypt key has been deleted."),
    row(230038, CrossTenantForbidden, Never, "Cross tenant p2p chat operate forbid."),
    row(230049, MessageInProgress, Backoff, "The message is being sent."),
    row(230050, MessageNotVisible, Never, "The message is invisible to the operator."),
    row(230053, UserStoppedBot, Never, "The user has stopped the bot from sending messages."),
    row(230061, MessageTypeUnsupported, Never, "The message type does not support forwarding."),
    row(230062, EncryptedChatForbidden, Never, "No permission to forward to third-party encryption group."),
    row(230063, ChatInvalid, Never, "The chat_id of group to forward is invalid."),
    row(230064, MessageInvalid, Never, "The message to be forwarded is invalid."),
    row(230065, MessageRecalled, Never, "The message to be forwarded has been recalled."),
    row(230066, MessageInSecretChat, Never, "The message to be forwarded is in a secret group, forwarding is not supported."),
    row(230070, MessageRestricted, Never, "Forwarding of messages in restricted mode is not allowed."),
    row(230074, ThreadNotVisible, Never, "The target thread is invisible to the operator."),
    row(230110, MessageDeleted, Never, "Action unavailable as the message has been deleted."),
    row(232009, ChatDissolved, Never, "Your request specifies a chat which has already been dissolved."),
    // merge_forward and the forward of threads. Their documentation pages list these codes.
    row(230067, MessagesNotMergeable, Never, "The source of the messages to be merged and forwarded are not in compliance."),
    row(230069, MessagesNotMergeable, Never, "Does not support forwarding messages from different groups.").saying("All messages must come from the same chat.", "待合并的消息必须来自同一会话。"),
    row(230073, ThreadSourceNotVisible, Never, "The thread is invisible to the operator."),
    // Codes that every API can return.
    row(99991400, AppRateLimited, AfterReset, "request trigger frequency limit").saying("The app used up its 50 calls a second or 1000 calls a minute. Wait for the seconds in x-ogw-ratelimit-reset.", "应用触发了每秒 50 次或每分钟 1000 次的上限，按 x-ogw-ratelimit-reset 等待后重试。"),
    *MONTHLY_QUOTA,
    row(99991401, GatewayAddressDenied, Never, ""),
    row(99991661, CredentialsRejected, Never, "").saying("Feishu received no access token. This is a fault of the gateway, or a proxy removed Authorization.", "飞书未收到 access token：网关出现故障，或中间代理移除了 Authorization。"),
    row(99991662, AppNotInUse, Never, ""),
    row(99991663, CredentialsRejected, RefreshTokenOnce, "").saying("Feishu rejected the tenant token, and a new one too. Check the app's credentials and the API's token type.", "飞书拒绝了 tenant_access_token，重新获取后仍被拒绝，请检查应用凭证与接口的 token 类型。"),
    row(99991664, CredentialsRejected, RefreshTokenOnce, "").saying("Feishu rejected the app token.", "飞书拒绝了 app_access_token。"),
    row(99991665, CredentialsRejected, RefreshTokenOnce, "").saying("Feishu rejected the tenant token.", "飞书拒绝了 tenant_access_token。"),
    row(99991668, CredentialsRejected, Never, "").saying("Feishu treated the token as a user token and rejected it.", "token 被当作 user_access_token 并被拒绝。"),
    row(99991671, CredentialsRejected, RefreshTokenOnce, "").saying("Feishu says that the token has the wrong format.", "token 格式不正确。"),
    row(99991672, PermissionMissing, Never, "").saying("The app lacks the API's scope; grant im:message or im:message:send_as_bot.", "应用缺少接口权限，请开通 im:message 或 im:message:send_as_bot。"),
    row(99991673, AppNotAvailable, Never, ""),
    row(99991676, PermissionMissing, Never, "").saying("The token lacks a permission that this API needs.", "token 缺少接口所需权限。"),
    row(99991679, PermissionMissing, Never, "").saying("The user has not authorised the app.", "用户未授权该应用。"),
    row(99992402, InvalidRequest, Never, "field validation failed").saying("Feishu's field_violations name the wrong field. For a uuid of more than 50 characters, Feishu names no field.", "field_violations 会指出错误字段；uuid 超过 50 字符也会返回此码但不指明字段。"),
    row(99992354, MessageNotFound, Never, ""),
    // Codes of Feishu's platform, which checks ids before the API does (Feishu's table of general codes).
    row(99992351, ReceiverInvalid, Never, "these open ids not existed").saying("The open_id does not exist in this tenant. Check that the id matches receive_id_type.", "open_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992352, ReceiverInvalid, Never, "these lark ids not existed").saying("The open_id does not exist in this tenant. Check that the id matches receive_id_type.", "open_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992353, ReceiverInvalid, Never, "these lark ids not existed").saying("The open_id does not exist in this tenant. Check that the id matches receive_id_type.", "open_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992355, ChatInvalid, Never, "these lark ids not existed").saying("The chat_id does not exist in this tenant. Check that the id matches receive_id_type.", "chat_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992356, ChatInvalid, Never, "these open_chat ids not existed").saying("The chat_id does not exist in this tenant. Check that the id matches receive_id_type.", "chat_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992359, ReceiverInvalid, Never, "these user ids not existed").saying("The user_id does not exist in this tenant. Check that the id matches receive_id_type.", "user_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992360, ReceiverInvalid, Never, "these ids not existed").saying("The user_id does not exist in this tenant. Check that the id matches receive_id_type.", "user_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992361, ReceiverInvalid, Never, "open_id cross app").saying("Each app has its own open_ids, and this one belongs to another app. Get the open_id with this app, or use a union_id or user_id.", "open_id 按应用隔离，该 open_id 属于其他应用。请用本应用获取，或改用 union_id、user_id。"),
    row(99992363, ReceiverInvalid, Never, "these ids not existed").saying("The union_id does not exist in this tenant. Check that the id matches receive_id_type.", "union_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992364, ReceiverInvalid, Never, "these ids not existed / user id cross tenant").saying("The union_id or user_id does not exist in this tenant. Check that the id matches receive_id_type.", "union_id 或 user_id 不存在或不属于本租户，请检查 ID 与 receive_id_type 是否匹配。"),
    row(99992381, CrossTenantForbidden, Never, "union_id cross tenant").saying("The union_id belongs to another tenant.", "该 union_id 不属于当前租户。"),
    row(18121, MessageInProgress, Backoff, "").saying("Feishu is still processing the same request. Retry with the same uuid.", "飞书仍在处理相同的请求，请稍后使用相同 uuid 重试。"),
    row(11232, ReceiverRateLimited, Backoff, "").saying("Feishu's message system limits the rate. Retry later.", "飞书消息系统限频，请稍后重试。"),
    row(11233, ReceiverRateLimited, Backoff, "").saying("Feishu limits the rate of this chat. Retry later.", "该会话被限频，请稍后重试。"),
    row(11247, DailyQuotaExhausted, Never, ""),
    row(2200, FeishuInternalError, Backoff, "").saying("Feishu failed internally; the gateway retried with the same uuid.", "飞书内部错误，网关已用相同 uuid 重试。"),
    row(1500, FeishuInternalError, Backoff, "").saying("Feishu failed internally; the gateway retried with the same uuid.", "飞书内部错误，网关已用相同 uuid 重试。"),
    row(1663, FeishuInternalError, Backoff, "").saying("Feishu failed internally; the gateway retried with the same uuid.", "飞书内部错误，网关已用相同 uuid 重试。"),
    row(5000, FeishuInternalError, Backoff, "").saying("Feishu failed internally; the gateway retried with the same uuid.", "飞书内部错误，网关已用相同 uuid 重试。"),
    row(55001, FeishuInternalError, Backoff, "").saying("Feishu failed internally; the gateway retried with the same uuid.", "飞书内部错误，网关已用相同 uuid 重试。"),
    // The token APIs. They were seen with HTTP 200.
    row(10003, CredentialsRejected, Never, "invalid param").saying("app_id or app_secret is malformed.", "app_id 或 app_secret 格式错误。"),
    row(10005, CredentialsRejected, Never, "").saying("The app_id is not authorised.", "app_id 未授权。"),
    row(10012, CredentialsRejected, ResendTicket, "").saying("Feishu could not issue the store app's app token: its app_ticket is missing or expired.", "商店应用的 app_access_token 获取失败，app_ticket 缺失或过期。"),
    row(10013, CredentialsRejected, Backoff, "").saying("Feishu could not issue the tenant token.", "tenant_access_token 获取失败。"),
    row(10014, CredentialsRejected, Never, "app secret invalid | app id not exists").saying("app_id or app_secret is wrong, or the app is disabled.", "app_id 或 app_secret 错误，或应用已停用。"),
    row(10015, CredentialsRejected, Never, "").saying("app_secret is wrong.", "app_secret 错误。"),
    row(10016, CredentialsRejected, Never, "").saying("app_ticket can be resent only for a store app.", "只有商店应用可以重推 app_ticket。"),
    row(99991543, CredentialsRejected, Never, "").saying("app_id or app_secret does not exist.", "app_id 或 app_secret 不存在。"),
];
