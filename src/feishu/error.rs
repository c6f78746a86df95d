//! How a call to Feishu can fail, told apart by what the caller of this module can do about it.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use super::codes;
use crate::model::problem_kind::{Outcome, ProblemKind};

/// A call that did not succeed.
#[derive(Clone, Debug, Error)]
pub enum CallError {
    /// No connection came about, so nothing was sent.
    #[error("no connection: {0}")]
    Connect(String),
    /// The request was written, or may have been, and no whole answer came in time.
    #[error("no answer in time")]
    TimedOut {
        /// As of [`CallError::Broken`].
        is_stale: bool,
    },
    /// The connection broke after the request was written, or may have been.
    #[error("the connection broke: {cause}")]
    Broken {
        /// Why.
        cause: String,
        /// Whether an earlier call had left the connection, and not a byte came back over it: then it may
        /// have been dead for long, and nothing is known of Feishu.
        is_stale: bool,
    },
    /// An answer that is not Feishu's: HTML of a proxy, JSON without a code, a success without a
    /// message.
    #[error("HTTP {http_status} that cannot be read: {detail}")]
    Unreadable {
        /// The HTTP status.
        http_status: u16,
        /// What is wrong with it.
        detail: &'static str,
        /// Feishu's log id, if a header holds one.
        log_id: Option<String>,
    },
    /// Feishu answered with a result code that is not zero.
    #[error("code {}: {}", .0.code, .0.msg)]
    Refused(Box<Refusal>),
}

impl CallError {
    /// What it says about the message, where the call was to forward one.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(_) => Outcome::NotDelivered,
            Self::TimedOut { .. } | Self::Broken { .. } | Self::Unreadable { .. } => {
                Outcome::Unknown
            }
            Self::Refused(refusal) => refusal.outcome(),
        }
    }

    /// Feishu's code, or in a word why there is none.
    #[must_use]
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Connect(_) => "connect".into(),
            Self::TimedOut { .. } => "timeout".into(),
            Self::Broken { .. } | Self::Unreadable { .. } => "unreadable".into(),
            Self::Refused(refusal) => refusal.code.to_string().into(),
        }
    }

    /// The id under which Feishu's support finds the call, if Feishu gave one.
    #[must_use]
    pub fn log_id(&self) -> Option<&str> {
        match self {
            Self::Unreadable { log_id, .. } => log_id.as_deref(),
            Self::Refused(refusal) => refusal.log_id.as_deref(),
            Self::Connect(_) | Self::TimedOut { .. } | Self::Broken { .. } => None,
        }
    }

    /// Whether it shows that Feishu is there: with a code, or with any HTTP answer but one of a server that
    /// fails, which a proxy gives for a Feishu that is gone.
    #[must_use]
    pub fn shows_feishu(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Unreadable { http_status, .. } => *http_status < 500,
            Self::Connect(_) | Self::TimedOut { .. } | Self::Broken { .. } => false,
        }
    }

    /// Whether all that is known is that a connection which an earlier call had left is dead.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::TimedOut { is_stale: true } | Self::Broken { is_stale: true, .. })
    }

    /// The problem that Feishu's code stands for, if Feishu answered with one that is known.
    #[must_use]
    pub fn problem(&self) -> Option<ProblemKind> {
        match self {
            Self::Refused(refusal) => codes::find(refusal.code).map(|known| known.problem),
            _ => None,
        }
    }
}

/// What Feishu said when it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FeishuRefusal)]
pub struct Refusal {
    /// Feishu's result code.
    #[schema(example = 230002)]
    pub code: i64,
    /// Feishu's description of it; it may be empty.
    #[schema(example = "The bot can not be outside the group.")]
    pub msg: String,
    /// The id under which Feishu's support finds the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "202611221530120F2A6D1F5C3B7E9A4D21", nullable = false)]
    pub log_id: Option<String>,
    /// The HTTP status of Feishu's answer.
    #[schema(example = 400, minimum = 100)]
    pub http_status: u16,
    /// A link to Feishu's own help for this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://open.feishu.cn/search?query=230002", nullable = false)]
    pub troubleshooter: Option<String>,
    /// Time until the app's limit is reset, where Feishu said so.
    #[serde(skip)]
    pub reset: Option<Duration>,
    /// The fields that Feishu found wrong.
    #[serde(skip)]
    pub fields: Vec<FieldViolation>,
}

impl Refusal {
    /// What it says about the message.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match codes::find(self.code) {
            Some(known) => known.problem.facts().outcome,
            // A server that fails may have done its work before.
            None if self.http_status >= 500 => Outcome::Unknown,
            None => Outcome::NotDelivered,
        }
    }
}

/// A field that Feishu found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Its name.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// Feishu's answer to a forward that went out.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// The new message as Feishu wrote it, a JSON object.
    pub message: Bytes,
    /// Its id.
    pub message_id: String,
    /// The id under which Feishu's support finds the call.
    pub log_id: Option<String>,
}

/// How a call ended, in a word for metrics and logs: Feishu's own code, 0 for a success, or why there
/// is none.
#[must_use]
pub fn code_of<T>(answer: &Result<T, CallError>) -> Cow<'static, str> {
    answer.as_ref().map_or_else(CallError::code, |_| "0".into())
}

/// The same as the label of a metric, of which there may not be as many as Feishu has numbers: `other` for a
/// code that the table does not hold.
#[must_use]
pub fn label_of<T>(answer: &Result<T, CallError>) -> Cow<'static, str> {
    match answer {
        Err(CallError::Refused(refusal)) if codes::find(refusal.code).is_none() => "other".into(),
        _ => code_of(answer),
    }
}
