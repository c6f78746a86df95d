//! Why a message was not forwarded.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::turn::NoTurn;
use crate::clock::Moment;
use crate::feishu::codes::Code;
use crate::feishu::error::CallError;
use crate::feishu::token::Trouble;
use crate::model::problem_kind::{FixBy, ProblemKind};

/// A forward that did not succeed.
#[derive(Clone, Debug, Error)]
pub enum ForwardError {
    /// The caller may not forward to this receiver; Feishu was not called.
    #[error("the caller may not forward to this receiver")]
    NotAllowed,
    /// Its turn would not have come in time; Feishu was not called.
    #[error("{0}")]
    NoTurn(NoTurn),
    /// The gateway shuts down; Feishu was not called.
    #[error("the gateway is shutting down")]
    Draining,
    /// Feishu has not answered for a while; it was not called.
    #[error("the circuit is open")]
    CircuitOpen {
        /// When the next call may try.
        retry_after: Duration,
    },
    /// Feishu has refused the app itself; it was not called, as that costs quota.
    #[error("Feishu has refused the app with {}", .code.code)]
    AppRefused {
        /// What Feishu said.
        code: &'static Code,
        /// When the next call may try.
        retry_after: Duration,
    },
    /// There is no tenant token; the message was not sent.
    #[error("no tenant token: {0}")]
    NoToken(TokenError),
    /// The call that would have forwarded it failed.
    #[error("{0}")]
    Failed(CallError),
    /// The caller's key names another forward.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The caller's `uuid` stands for another forward.
    #[error("the uuid was used for something else")]
    UuidReused,
    /// An earlier attempt may have gone out, too long ago for Feishu to know a repetition.
    #[error("too late to repeat")]
    TooLateToRepeat,
}

/// Why there is no tenant token.
#[derive(Clone, Debug, Error)]
#[error("{error}")]
pub struct TokenError {
    /// What became of the last call for it.
    pub error: Arc<CallError>,
    /// When the next call for it may be made.
    pub call_at: Moment,
}

impl From<Trouble> for TokenError {
    fn from(trouble: Trouble) -> Self {
        Self { error: trouble.error, call_at: trouble.call_at }
    }
}

impl ForwardError {
    /// Whether Feishu refused the message itself in a way that does not pass.
    pub(super) fn is_final(&self) -> bool {
        let Self::Failed(error) = self else {
            return false;
        };
        error
            .problem()
            .map(ProblemKind::facts)
            .is_some_and(|it| it.status < 500 && it.status != 429)
    }

    /// What an operator calls the result of such a forward: `failed` where Feishu, the app or the gateway
    /// is why, `refused` where the caller, the receiver, the chat or the tenant is; none where it was
    /// not even taken in.
    pub(super) fn result(&self) -> Option<&'static str> {
        match self {
            Self::NotAllowed
            | Self::NoTurn(_)
            | Self::KeyReused
            | Self::UuidReused
            | Self::TooLateToRepeat => None,
            Self::Draining
            | Self::CircuitOpen { .. }
            | Self::AppRefused { .. }
            | Self::NoToken(_) => Some("failed"),
            Self::Failed(error) => match error.problem() {
                // Other programs spend the receiver's budget: no operator can help that.
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

    /// Whether this forward was held up before its call, so that an earlier call of its says more.
    pub(super) fn is_before_the_call(&self) -> bool {
        matches!(
            self,
            Self::NoTurn(_)
                | Self::Draining
                | Self::CircuitOpen { .. }
                | Self::AppRefused { .. }
                | Self::TooLateToRepeat
        )
    }
}
