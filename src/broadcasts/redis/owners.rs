//! Who holds the claims of this replica.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt;

use crate::broadcasts::store::{Claimed, Settled};
use crate::model::broadcast_id::BroadcastId;
use crate::random::generator;

/// The owners of this replica's claims.
///
/// The answer to a claim may be lost, and then nobody here knows what was claimed. So the replica has another owner from
/// then on, and the one before lives no longer than the claims that are known: then what was claimed unseen is free.
#[derive(Debug)]
pub(super) struct Owners(Mutex<OwnerState>);

#[derive(Debug)]
struct OwnerState {
    /// Who holds what is claimed next. A number below 2⁵³, as the scores of Redis are.
    current: Arc<str>,
    /// The claims that are known and not settled, and their owners.
    held: HashMap<(BroadcastId, u32, u32), Arc<str>>,
}

impl Owners {
    pub(super) fn new() -> Self {
        Self(Mutex::new(OwnerState { current: fresh(), held: HashMap::new() }))
    }

    /// Who holds what is claimed next.
    pub(super) fn current(&self) -> Arc<str> {
        Arc::clone(&self.state().current)
    }

    /// All who hold something, and who holds what is claimed next.
    pub(super) fn all(&self) -> Vec<Arc<str>> {
        let state = self.state();
        let mut all: Vec<_> = state.held.values().chain([&state.current]).cloned().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The owner has claimed these.
    pub(super) fn claimed(&self, owner: &Arc<str>, id: &BroadcastId, claimed: &[Claimed]) {
        let names = claimed.iter().map(|it| (id.clone(), it.place, it.claim));
        self.state().held.extend(names.map(|it| (it, Arc::clone(owner))));
    }

    /// Nobody knows what the owner has claimed.
    pub(super) fn lost(&self, owner: &Arc<str>) {
        let mut state = self.state();
        if state.current == *owner {
            state.current = fresh();
        }
    }

    /// These claims have ended.
    pub(super) fn settled(&self, id: &BroadcastId, settled: &[Settled]) {
        let mut state = self.state();
        for Settled { place, claim, .. } in settled {
            state.held.remove(&(id.clone(), *place, *claim));
        }
    }

    fn state(&self) -> MutexGuard<'_, OwnerState> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh() -> Arc<str> {
    (generator().random::<u64>() >> 11).to_string().into()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::broadcasts::store::Settlement;
    use crate::model::receiver::Receiver;

    #[test]
    fn after_a_lost_answer_the_owner_lives_as_long_as_the_claims_that_are_known() {
        let (owners, id) = (Owners::new(), BroadcastId::generate(Timestamp::UNIX_EPOCH));
        let receiver = Receiver::parse("oc_1", None).unwrap();
        let claimed = Claimed { place: 7, receiver, claim: 1, in_doubt_since: None };
        let first = owners.current();
        owners.claimed(&first, &id, &[claimed]);
        owners.lost(&first);
        let second = owners.current();
        assert_ne!(first, second);
        assert_eq!(owners.all().len(), 2);
        // What was asked for before, and whose answer is lost too, changes nothing any more.
        owners.lost(&first);
        assert_eq!(owners.current(), second);
        let result = Settlement::Delivered("om_2".into());
        owners.settled(&id, &[Settled { place: 7, claim: 1, result }]);
        assert_eq!(owners.all(), [second]);
    }
}
