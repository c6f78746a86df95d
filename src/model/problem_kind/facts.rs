//! What is said of a problem.

use serde::Serialize;
use utoipa::ToSchema;

/// Who can remove the cause of a problem.
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
    /// The name on the wire.
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

/// What a failure says about delivery.
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

/// What to do about a problem, in both languages of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// All that holds for every case of one problem.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The problem code.
    pub name: &'static str,
    /// A short summary that is the same for each case, as it stands in every problem.
    pub title: &'static str,
    /// The same in Chinese.
    pub title_zh: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Who can remove the cause.
    pub fix_by: FixBy,
    /// What it says about delivery.
    pub outcome: Outcome,
    /// Whether the same request may succeed later although nobody acts.
    pub retryable: bool,
    /// What to do, unless Feishu's code says it more exactly.
    pub remedy: Remedy,
}
