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
/// then on, and the one before lives no longer than the claims that are known: then what was claimed unseen is free. A
/// request may also be carried out twice, and answered once. So there is another owner every few seconds anyway.
#[derive(Debug)]
pub(super) struct Owners(Mutex<OwnerState>);

/// For how many beats an owner claims.
const BEATS_OF_AN_OWNER: u32 = 10;

#[derive(Debug)]
struct OwnerState {
    /// Who holds what is claimed next. A number below 2⁵³, as the scores of Redis are.
    current: Arc<str>,
    /// How often the owners were kept alive.
    beats: u32,
    /// The claims that are known and not settled, and their owners.
    held: HashMap<(BroadcastId, u32, u32), Arc<str>>,
}

impl Owners {
    pub(super) fn new() -> Self {
        Self(Mutex::new(OwnerState { current: fresh(), beats: 0, held: HashMap::new() }))
    }

    /// Who holds what is claimed next.
    pub(super) fn current(&self) -> Arc<str> {
        Arc::clone(&self.state().current)
    }

    /// All who are to be kept alive: who hold something, and who holds what is claimed next.
    pub(super) fn beat(&self) -> Vec<Arc<str>> {
        let mut state = self.state();
        state.beats = state.beats.wrapping_add(1);
        if state.beats.is_multiple_of(BEATS_OF_AN_OWNER) {
            state.current = fresh();
        }
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
        assert_eq!(owners.beat().len(), 2);
        // What was asked for before, and whose answer is lost too, changes nothing any more.
        owners.lost(&first);
        assert_eq!(owners.current(), second);
        let result = Settlement::Delivered("om_2".into());
        owners.settled(&id, &[Settled { place: 7, claim: 1, result }]);
        assert_eq!(owners.beat(), [second]);
    }

    #[test]
    fn what_a_request_has_claimed_that_was_carried_out_twice_is_free_when_what_is_known_is_settled()
    {
        let owners = Owners::new();
        let first = owners.current();
        // Nobody knows what the second time claimed.
        let kept = (0..BEATS_OF_AN_OWNER).filter(|_| owners.beat().contains(&first));
        assert_eq!(kept.count(), BEATS_OF_AN_OWNER as usize - 1);
    }
}
