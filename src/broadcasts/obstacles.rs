//! What keeps the broadcasts of one app from being delivered for a while.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use super::broadcast::Broadcast;
use super::settlement::{Finding, Obstacle};
use crate::clock::Moment;
use crate::model::problem_kind::ProblemKind;
use crate::model::tenant_key::TenantKey;

/// What is in the way of the app in each tenant, and of each caller.
#[derive(Debug, Default)]
pub(super) struct Obstacles {
    /// By the tenant in which the app forwards. None: it is a self-built app.
    app: HashMap<Option<TenantKey>, Obstacle>,
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
    /// A forward for the caller in this tenant has shown this. It was a probe if there was an obstacle when it began.
    pub(super) fn learn(
        &mut self,
        caller: &Arc<str>,
        tenant: Option<&TenantKey>,
        finding: Finding,
        is_probe: bool,
    ) {
        match finding {
            Finding::Blocked(obstacle) if obstacle.of_app => {
                self.app.insert(tenant.cloned(), obstacle);
            }
            Finding::Blocked(obstacle) => {
                self.callers.insert(Arc::clone(caller), obstacle);
                if is_probe {
                    self.app.remove(&tenant.cloned());
                }
            }
            // Only by a probe: another call may have left before the obstacle was there.
            Finding::Clear if is_probe => {
                self.app.remove(&tenant.cloned());
                self.callers.remove(caller);
            }
            Finding::Clear | Finding::Nothing => {}
        }
    }

    /// Whether receivers of the caller's broadcasts in this tenant may be claimed now.
    pub(super) fn way(&self, caller: &Arc<str>, tenant: Option<&TenantKey>, now: Moment) -> Way {
        match self.of(caller, tenant) {
            None => Way::Free,
            Some(obstacle) if obstacle.until <= now => Way::Probe,
            Some(_) => Way::Blocked,
        }
    }

    /// Why a broadcast is paused, if it is.
    pub(super) fn problem(&self, broadcast: &Broadcast) -> Option<ProblemKind> {
        self.of(&broadcast.caller, broadcast.tenant.as_ref()).map(|it| it.problem)
    }

    /// Forgets what is in the way in tenants without active broadcasts.
    pub(super) fn keep_those_of(&mut self, active: &[Broadcast]) {
        self.app.retain(|tenant, _| active.iter().any(|it| it.tenant == *tenant));
    }

    fn of(&self, caller: &Arc<str>, tenant: Option<&TenantKey>) -> Option<&Obstacle> {
        self.app.get(&tenant.cloned()).or_else(|| self.callers.get(caller))
    }
}
