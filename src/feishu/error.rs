//! The ways in which a call to Feishu can fail, one variant for each way in which the caller of this module can react.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use super::codes::{self, Retry};
use crate::model::problem_kind::{Outcome, ProblemKind};

/// The error of a call to Feishu.
#[derive(Clone, Debug, Error)]
pub enum CallError {
    /// No connection was established, so nothing was sent. The text is the innermost cause: the outer causes repeat
    /// the URL, which holds data of the caller.
    #[error("no connection ({0})")]
    Connect(String),
    /// The request was or may have been sent, and no complete answer arrived in time.
    #[error("no answer in time")]
    TimedOut {
        /// See `is_stale` of [`CallError::Broken`].
        is_stale: bool,
    },
    /// The connection broke when the request was or may have been sent.
    #[error("the connection was lost ({cause})")]
    Broken {
        /// The cause.
        cause: String,
        /// Whether the connection was reused from an earlier call and delivered no byte for this call. Then the
        /// connection may have been dead before the call, and the failure says nothing about Feishu.
        is_stale: bool,
    },
    /// The answer is not a valid answer of Feishu. Examples are HTML of a proxy, JSON without a code, and a success
    /// without a message.
    #[error("HTTP {http_status}, {detail}")]
    Unreadable {
        /// The HTTP status.
        http_status: u16,
        /// What is wrong with the answer.
        detail: &'static str,
        /// Feishu's log id, if the headers hold one.
        log_id: Option<String>,
    },
    /// A call for a store app's token was not made, because Feishu has not pushed the app ticket that it needs.
    #[error("the app ticket has not arrived: Feishu was asked to push it")]
    NoTicket,
    /// Feishu answered with a result code that is not zero.
    #[error("code {}: {}", .0.code, .0.msg)]
    Refused(Box<Refusal>),
}

impl CallError {
    /// What the error of a forward says about the delivery of the message.
    ///
    /// It is [`Outcome::NotDelivered`] only if nothing was sent, or if Feishu refused the message.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(_) | Self::NoTicket => Outcome::NotDelivered,
            Self::TimedOut { .. } | Self::Broken { .. } | Self::Unreadable { .. } => {
                Outcome::Unknown
            }
            Self::Refused(refusal) => refusal.outcome(),
        }
    }

    /// Feishu's code as text, or a word for the reason why there is no code.
    #[must_use]
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Connect(_) => "connect".into(),
            Self::NoTicket => "no_app_ticket".into(),
            Self::TimedOut { .. } => "timeout".into(),
            Self::Broken { .. } | Self::Unreadable { .. } => "unreadable".into(),
            Self::Refused(refusal) => refusal.code.to_string().into(),
        }
    }

    /// The HTTP status of the answer, if there was one.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.http_status),
            Self::Unreadable { http_status, .. } => Some(*http_status),
            Self::Connect(_) | Self::TimedOut { .. } | Self::Broken { .. } | Self::NoTicket => None,
        }
    }

    /// The id under which Feishu's support finds the call, if Feishu gave one.
    #[must_use]
    pub fn log_id(&self) -> Option<&str> {
        match self {
            Self::Unreadable { log_id, .. } => log_id.as_deref(),
            Self::Refused(refusal) => refusal.log_id.as_deref(),
            Self::Connect(_) | Self::TimedOut { .. } | Self::Broken { .. } | Self::NoTicket => None,
        }
    }

    /// Whether the error proves that Feishu can be reached.
    #[must_use]
    pub fn shows_feishu(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            // A proxy answers with a status from 500 on behalf of a Feishu that it cannot reach.
            Self::Unreadable { http_status, .. } => *http_status < 500,
            Self::Connect(_) | Self::TimedOut { .. } | Self::Broken { .. } | Self::NoTicket => {
                false
            }
        }
    }

    /// Whether the error may only mean that a reused connection was dead. See [`CallError::Broken`].
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::TimedOut { is_stale: true } | Self::Broken { is_stale: true, .. })
    }

    /// The problem of a forward whose call failed so.
    #[must_use]
    pub fn problem_of_forward(&self) -> ProblemKind {
        match self {
            // For a ticket, Feishu has to reach the gateway.
            Self::Connect(_) | Self::NoTicket => ProblemKind::FeishuUnreachable,
            Self::TimedOut { .. } => ProblemKind::FeishuTimeout,
            Self::Broken { .. } | Self::Unreadable { .. } => ProblemKind::FeishuUnreadable,
            Self::Refused(_) => self.problem().unwrap_or(ProblemKind::FeishuError),
        }
    }

    /// What may make a repetition succeed, by Feishu's code. `None` if there is no code, or if the table of codes does not
    /// hold it.
    #[must_use]
    pub(super) fn retry(&self) -> Option<Retry> {
        match self {
            Self::Refused(refusal) => codes::find(refusal.code).map(|known| known.retry),
            _ => None,
        }
    }

    /// The problem of Feishu's code. `None` if there is no code, or if the table of codes does not hold it.
    #[must_use]
    pub fn problem(&self) -> Option<ProblemKind> {
        match self {
            Self::Refused(refusal) => codes::find(refusal.code).map(|known| known.problem),
            _ => None,
        }
    }
}

/// Feishu's answer to a call that it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FeishuRefusal)]
pub struct Refusal {
    /// Feishu's error code.
    #[schema(example = 230002)]
    pub code: i64,
    /// Feishu's description of the error. It can be empty.
    #[schema(example = "The bot can not be outside the group.")]
    pub msg: String,
    /// Feishu's log id of the call, for Feishu's support.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "202611221530120F2A6D1F5C3B7E9A4D21", nullable = false)]
    pub log_id: Option<String>,
    /// The HTTP status of Feishu's answer.
    #[schema(example = 400, minimum = 100)]
    pub http_status: u16,
    /// A link to Feishu's help for this error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://open.feishu.cn/search?query=230002", nullable = false)]
    pub troubleshooter: Option<String>,
    /// Time until the app's limit is reset, where Feishu said so.
    #[serde(skip)]
    pub reset: Option<Duration>,
    /// The fields that Feishu found wrong.
    #[serde(skip)]
    pub fields: Vec<FieldViolation>,
    /// Feishu's member `error` as it came, if it is an object of at most 4 KiB: JSON.
    #[serde(skip)]
    pub details: Option<String>,
}

impl Refusal {
    /// What the refusal of a forward says about the delivery of the message.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match codes::find(self.code) {
            Some(known) => known.problem.facts().outcome,
            // A failing server may have delivered the message before it failed.
            None if self.http_status >= 500 => Outcome::Unknown,
            None => Outcome::NotDelivered,
        }
    }
}

/// A field that Feishu reports as invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The name of the field.
    pub field: String,
    /// What is wrong with the field.
    pub description: String,
}

/// Feishu's answer to a successful forward.
#[derive(Clone, Debug, Default)]
pub struct Forwarded {
    /// The JSON object as Feishu sent it: the new message. For a merge, the new message is its member `message`.
    pub data: Bytes,
    /// The id of the new message.
    pub message_id: String,
    /// The ids of the messages that Feishu has left out of a merge. At most 100.
    pub invalid_message_ids: Vec<String>,
    /// The id under which Feishu's support finds the call.
    pub log_id: Option<String>,
}

/// The result of a call as text for logs: `0` for a success, otherwise [`CallError::code`].
#[must_use]
pub fn code_of<T>(answer: &Result<T, CallError>) -> Cow<'static, str> {
    answer.as_ref().map_or_else(CallError::code, |_| "0".into())
}

/// The HTTP status of the answer, if there was one. A success counts as 200: its status is not kept.
#[must_use]
pub fn status_of<T>(answer: &Result<T, CallError>) -> Option<u16> {
    answer.as_ref().map_or_else(CallError::http_status, |_| Some(200))
}

/// The result of a call as the label of a metric: [`code_of`], but `other` for a code that the table does not hold.
/// So Feishu's answers cannot create an unlimited number of time series.
#[must_use]
pub fn label_of<T>(answer: &Result<T, CallError>) -> Cow<'static, str> {
    match answer {
        Err(CallError::Refused(refusal)) if codes::find(refusal.code).is_none() => "other".into(),
        _ => code_of(answer),
    }
}
