//! How many requests may wait, and how many do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::fair::Flow;
use crate::model::places::may_take;
use crate::model::urgency::Urgency;

/// How many interactive requests may wait. Bulk requests wait beside them, at most half as many as there are places
/// that interactive ones leave.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For one receiver.
    pub per_receiver: usize,
    /// In all.
    pub in_all: usize,
}

/// How many requests wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    interactive: usize,
    bulk: usize,
}

impl Waiting {
    pub(super) const fn in_all(self) -> usize {
        self.interactive + self.bulk
    }

    pub(super) const fn of(self, urgency: Urgency) -> usize {
        match urgency {
            Urgency::Interactive => self.interactive,
            Urgency::Bulk => self.bulk,
        }
    }

    pub(super) const fn of_mut(&mut self, urgency: Urgency) -> &mut usize {
        match urgency {
            Urgency::Interactive => &mut self.interactive,
            Urgency::Bulk => &mut self.bulk,
        }
    }

    /// Whether one more may wait, of a caller of which `own` requests that are equally urgent wait, where `most`
    /// interactive ones may.
    pub(super) const fn has_room(self, urgency: Urgency, own: usize, most: usize) -> bool {
        let most = match urgency {
            // Bulk requests are not counted, so they never make an interactive one be refused.
            Urgency::Interactive => most,
            Urgency::Bulk => most.saturating_sub(self.interactive).div_ceil(2),
        };
        may_take(own, self.of(urgency), most)
    }
}

/// How many requests of each caller wait. Only the callers that have some.
#[derive(Debug, Default)]
pub(super) struct WaitingByCaller {
    callers: HashMap<Arc<str>, Waiting>,
    all: Waiting,
}

impl WaitingByCaller {
    /// One more request of this flow waits.
    pub(super) fn join(&mut self, flow: &Flow) {
        *self.all.of_mut(flow.urgency) += 1;
        let own = self.callers.entry(Arc::clone(&flow.caller)).or_default();
        *own.of_mut(flow.urgency) += 1;
    }

    /// One request less of this flow waits.
    pub(super) fn leave(&mut self, flow: &Flow) {
        let Some(own) = self.callers.get_mut(&flow.caller) else { return };
        *own.of_mut(flow.urgency) -= 1;
        if own.in_all() == 0 {
            self.callers.remove(&flow.caller);
        }
        *self.all.of_mut(flow.urgency) -= 1;
    }

    pub(super) const fn all(&self) -> Waiting {
        self.all
    }

    pub(super) fn of(&self, caller: &str) -> Waiting {
        self.callers.get(caller).copied().unwrap_or_default()
    }

    pub(super) fn by_caller(&self) -> BTreeMap<Arc<str>, usize> {
        let callers = self.callers.iter();
        callers.map(|(caller, waiting)| (Arc::clone(caller), waiting.in_all())).collect()
    }
}
