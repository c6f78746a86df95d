//! Why nothing was forwarded.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::clock::Moment;
use crate::feishu::codes::Code;
use crate::feishu::error::CallError;
use crate::feishu::token::TokenTrouble;
use crate::limits::OverBudget;
use crate::model::problem_kind::{FixBy, ProblemKind};
use crate::queue::QueueError;

/// A forward that did not succeed.
#[derive(Clone, Debug, Error)]
pub enum ForwardError {
    /// The caller may not forward to this receiver. Feishu was not called.
    #[error("the caller may not forward to this receiver")]
    NotAllowed,
    /// There was no permit for an attempt. Feishu was not called.
    #[error("{0}")]
    NoPermit(QueueError),
    /// The caller's budget allows no more calls now. Feishu was not called.
    #[error("{0}")]
    OverBudget(OverBudget),
    /// The gateway shuts down. Feishu was not called.
    #[error("the gateway is shutting down")]
    Draining,
    /// The circuit is open, because Feishu did not answer. It was not called.
    #[error("the circuit is open")]
    CircuitOpen {
        /// Time until the next call may be made.
        retry_after: Duration,
    },
    /// Feishu has refused the app itself. It was not called, because calls cost quota.
    #[error("Feishu has refused the app with {}", .code.code)]
    AppRefused {
        /// Feishu's result code.
        code: &'static Code,
        /// Time until the next call may be made.
        retry_after: Duration,
    },
    /// There is no tenant token. The message was not sent.
    #[error("no tenant token: {0}")]
    NoToken(TokenError),
    /// The call failed.
    #[error("{0}")]
    Failed(CallError),
    /// The caller's key is in use for another forward.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The caller's `uuid` is in use for another forward.
    #[error("the uuid was used for something else")]
    UuidReused,
    /// An earlier attempt may have been delivered, too long ago for Feishu to recognise a repetition.
    #[error("too late to repeat")]
    TooLateToRepeat,
}

/// Why there is no tenant token.
#[derive(Clone, Debug, Error)]
#[error("{error}")]
pub struct TokenError {
    /// The failure of the last call for it.
    pub error: Arc<CallError>,
    /// When the next call for it may be made.
    pub call_at: Moment,
}

impl From<TokenTrouble> for TokenError {
    fn from(trouble: TokenTrouble) -> Self {
        Self { error: trouble.error, call_at: trouble.call_at }
    }
}

impl ForwardError {
    /// The problem of the forward.
    #[must_use]
    pub fn problem(&self) -> ProblemKind {
        match self {
            Self::NotAllowed => ProblemKind::ReceiverNotAllowed,
            Self::NoPermit(error) => error.problem(),
            Self::OverBudget(over) => over.problem(),
            Self::Draining => ProblemKind::Draining,
            Self::CircuitOpen { .. } => ProblemKind::FeishuUnreachable,
            Self::AppRefused { code, .. } => code.problem,
            Self::NoToken(TokenError { error, .. }) => match &**error {
                CallError::Refused(_) => error.problem_of_forward(),
                CallError::Connect(_)
                | CallError::TimedOut { .. }
                | CallError::Broken { .. }
                | CallError::Unreadable { .. }
                | CallError::NoTicket => ProblemKind::FeishuUnreachable,
            },
            Self::Failed(error) => error.problem_of_forward(),
            Self::KeyReused => ProblemKind::IdempotencyKeyReused,
            Self::UuidReused => ProblemKind::UuidReused,
            Self::TooLateToRepeat => ProblemKind::TooLateToRepeat,
        }
    }

    /// Whether Feishu refused the message itself for good.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let Self::Failed(error) = self else {
            return false;
        };
        error
            .problem()
            .map(ProblemKind::facts)
            .is_some_and(|it| it.status < 500 && it.status != 429)
    }

    /// The result in metrics: `failed` if Feishu, the app or the gateway is the cause, `refused` if the caller,
    /// the receiver, the chat or the tenant is. None if the forward was rejected before it began.
    pub(super) fn result(&self) -> Option<&'static str> {
        match self {
            Self::NotAllowed
            | Self::NoPermit(_)
            | Self::OverBudget(_)
            | Self::KeyReused
            | Self::UuidReused
            | Self::TooLateToRepeat => None,
            Self::Draining
            | Self::CircuitOpen { .. }
            | Self::AppRefused { .. }
            | Self::NoToken(_) => Some("failed"),
            Self::Failed(error) => match error.problem() {
                // Other programs use up the receiver's budget, which no operator can change.
                Some(ProblemKind::ReceiverRateLimited) => Some("refused"),
                Some(problem) => match problem.facts().fix_by {
                    FixBy::Operator | FixBy::Nobody => Some("failed"),
                    FixBy::Caller | FixBy::Receiver | FixBy::ChatAdmin | FixBy::TenantAdmin => {
                        Some("refused")
                    }
                },
                None => Some("failed"),
            },
        }
    }

    /// The problem of a forward that the gateway's own limits or the caller's budget refused. None if something else was the cause.
    pub(super) fn own_limit(&self) -> Option<ProblemKind> {
        match self {
            Self::NoPermit(error) => Some(error.problem()),
            Self::OverBudget(over) => Some(over.problem()),
            _ => None,
        }
    }

    /// Whether the forward failed before its call, so that an earlier call tells more.
    pub(super) fn is_before_the_call(&self) -> bool {
        matches!(
            self,
            Self::NoPermit(_)
                | Self::OverBudget(_)
                | Self::Draining
                | Self::CircuitOpen { .. }
                | Self::AppRefused { .. }
                | Self::TooLateToRepeat
        )
    }
}
