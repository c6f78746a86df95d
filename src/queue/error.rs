//! Why there is no permit.

use std::time::Duration;

use thiserror::Error;

use crate::clock::Moment;
use crate::limits::{NotBefore, Scope};
use crate::model::problem_kind::ProblemKind;

/// There is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueueError {
    /// A permit would come too late.
    #[error("no turn for the {} in time", .scope.name())]
    TooLate {
        /// The limit that is in the way.
        scope: Scope,
        /// How long until a new forward could have a permit.
        retry_after: Duration,
    },
    /// As many forwards wait as may wait in all.
    #[error("too many wait for their turns")]
    Full,
}

impl QueueError {
    /// The problem that the caller is answered.
    #[must_use]
    pub const fn problem(self) -> ProblemKind {
        match self {
            Self::TooLate { scope: Scope::Receiver, .. } => ProblemKind::ReceiverRateLimited,
            Self::TooLate { scope: Scope::App, .. } => ProblemKind::AppRateLimited,
            Self::Full => ProblemKind::Overloaded,
        }
    }

    pub(super) fn too_late(NotBefore { scope, moment }: NotBefore, now: Moment) -> Self {
        Self::TooLate { scope, retry_after: moment.saturating_sub(now) }
    }
}
