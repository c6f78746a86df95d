//! The facts about a problem that the API, its documentation and the metrics show.

use serde::Serialize;
use utoipa::ToSchema;

/// Who can remove the cause of a problem:
///
/// - `caller`: the program that calls the gateway;
/// - `receiver`: the user who gets the message;
/// - `chat_admin`: the owner or an administrator of the chat;
/// - `tenant_admin`: an administrator of the Feishu tenant;
/// - `operator`: whoever runs the gateway and its Feishu app;
/// - `nobody`: it passes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "chat_admin")]
pub enum FixBy {
    /// The program that called the gateway.
    Caller,
    /// The person who gets the message.
    Receiver,
    /// The owner or an administrator of the chat.
    ChatAdmin,
    /// The administrator of the Feishu tenant.
    TenantAdmin,
    /// Whoever runs the gateway and its Feishu app.
    Operator,
    /// Nobody needs to act: it passes.
    Nobody,
}

impl FixBy {
    /// The name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Receiver => "receiver",
            Self::ChatAdmin => "chat_admin",
            Self::TenantAdmin => "tenant_admin",
            Self::Operator => "operator",
            Self::Nobody => "nobody",
        }
    }
}

/// What a problem says about delivery:
///
/// - `not_delivered`: the message was not delivered;
/// - `unknown`: the message may have been delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "not_delivered")]
pub enum Outcome {
    /// The message was not delivered.
    NotDelivered,
    /// The message may or may not have been delivered; repeating with the same `uuid` within the
    /// hour cannot deliver it twice.
    Unknown,
}

/// Instructions to solve a problem, in both languages of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The English text.
    pub en: &'static str,
    /// The Chinese text.
    pub zh: &'static str,
}

/// The facts that hold for every occurrence of a problem.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The problem code.
    pub name: &'static str,
    /// The title in English: a short summary that does not change from occurrence to occurrence (RFC 9457).
    pub title: &'static str,
    /// The title in Chinese.
    pub title_zh: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Who can remove the cause.
    pub fix_by: FixBy,
    /// What the problem says about delivery.
    pub outcome: Outcome,
    /// Whether a repetition of the request may succeed although nobody removes the cause.
    pub retryable: bool,
    /// The instructions to solve the problem. A row of `feishu::codes` may replace them by more specific ones.
    pub remedy: Remedy,
}
