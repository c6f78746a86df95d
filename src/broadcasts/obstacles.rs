//! What keeps the broadcasts of one app from being delivered for a while.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use super::broadcast::Broadcast;
use super::settlement::{Finding, Obstacle};
use crate::clock::Moment;
use crate::model::problem_kind::ProblemKind;

/// What is in the way of the app, and of each caller.
#[derive(Debug, Default)]
pub(super) struct Obstacles {
    app: Option<Obstacle>,
    callers: HashMap<Arc<str>, Obstacle>,
}

/// Whether receivers of a broadcast may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Any number of them.
    Free,
    /// One, to see whether the obstacle has gone.
    Probe,
    /// None.
    Blocked,
}

impl Obstacles {
    /// A forward for the caller has shown this. It was a probe if there was an obstacle when it began.
    pub(super) fn learn(&mut self, caller: &Arc<str>, finding: Finding, is_probe: bool) {
        match finding {
            Finding::Blocked(obstacle) if obstacle.of_app => self.app = Some(obstacle),
            Finding::Blocked(obstacle) => {
                self.callers.insert(Arc::clone(caller), obstacle);
                self.app.take_if(|_| is_probe);
            }
            // Only by a probe: another call may have left before the obstacle was there.
            Finding::Clear if is_probe => {
                self.app = None;
                self.callers.remove(caller);
            }
            Finding::Clear | Finding::Nothing => {}
        }
    }

    /// Whether receivers of the caller's broadcasts may be claimed now.
    pub(super) fn way(&self, caller: &Arc<str>, now: Moment) -> Way {
        match self.of(caller) {
            None => Way::Free,
            Some(obstacle) if obstacle.until <= now => Way::Probe,
            Some(_) => Way::Blocked,
        }
    }

    /// Why a broadcast is paused, if it is.
    pub(super) fn problem(&self, broadcast: &Broadcast) -> Option<ProblemKind> {
        self.of(&broadcast.caller).map(|it| it.problem)
    }

    fn of(&self, caller: &Arc<str>) -> Option<&Obstacle> {
        self.app.as_ref().or_else(|| self.callers.get(caller))
    }
}
