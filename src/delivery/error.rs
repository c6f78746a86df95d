//! Why a message was not forwarded.

use std::sync::Arc;

use thiserror::Error;

use super::turn::NoTurn;
use crate::feishu::codes::{self, Retry};
use crate::feishu::error::CallError;

/// A forward that did not succeed.
#[derive(Clone, Debug, Error)]
pub enum ForwardError {
    /// Its turn would not have come in time; Feishu was not called.
    #[error("no turn for the {} in time", .0.scope.name())]
    NoTurn(NoTurn),
    /// The gateway shuts down; Feishu was not called.
    #[error("the gateway is shutting down")]
    Draining,
    /// There is no tenant token; the message was not sent.
    #[error("no tenant token: {0}")]
    NoToken(Arc<CallError>),
    /// The call that would have forwarded it failed.
    #[error("{0}")]
    Failed(CallError),
}

impl ForwardError {
    /// Whether Feishu rejected the tenant token in a way that a fresh one may mend.
    pub(super) fn asks_for_a_fresh_token(&self) -> bool {
        let Self::Failed(CallError::Refused(refusal)) = self else {
            return false;
        };
        codes::find(refusal.code).is_some_and(|code| code.retry == Retry::RefreshTokenOnce)
    }
}
