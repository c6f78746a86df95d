//! The `uuid`s that Feishu may know, whichever caller has used them.

use moka::Entry;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::prior::{HOUR, UuidReused};
use crate::clock::{Clock, Moment};
use crate::delivery::horizon::cache;
use crate::delivery::identity::{Digest, Identity};

/// The `uuid`s that Feishu may know.
#[derive(Debug)]
pub(super) struct FeishuUuids {
    clock: Clock,
    // The caller's use of each is in the register as well, whose horizon covers these entries too.
    held: Cache<Digest, HeldUuid>,
}

#[derive(Clone, Copy, Debug)]
struct HeldUuid {
    content: Digest,
    used_at: Moment,
    /// Attempts that are under way or may have been delivered.
    by: u32,
}

impl FeishuUuids {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, held: cache(HOUR, |_: &HeldUuid| ()) }
    }

    /// Whether Feishu knows the `uuid` as that of no other forward.
    pub(super) fn check(&self, identity: &Identity) -> Result<(), UuidReused> {
        match self.held.get(&identity.at_feishu) {
            Some(hold) if self.is_other(identity, &hold) => Err(UuidReused),
            _ => Ok(()),
        }
    }

    fn is_other(&self, identity: &Identity, hold: &HeldUuid) -> bool {
        hold.content != identity.content && self.clock.since(hold.used_at) < HOUR
    }

    /// From now on and for an hour Feishu may know the `uuid` as that of this forward.
    pub(super) fn hold(&self, identity: &Identity) -> Result<(), UuidReused> {
        let content = identity.content;
        let used_at = self.clock.now();
        let mut result = Ok(());
        let _ = self.held.entry(identity.at_feishu).and_compute_with(|entry| {
            let known = entry.map(Entry::into_value);
            if known.is_some_and(|hold| self.is_other(identity, &hold)) {
                result = Err(UuidReused);
                return Op::Nop;
            }
            let by = known.filter(|it| it.content == content).map_or(0, |it| it.by);
            Op::Put(HeldUuid { content, used_at, by: by + 1 })
        });
        result
    }

    /// Feishu's hour begins when it delivers, which is at `used_at` at the latest.
    pub(super) fn may_be_known_since(&self, identity: &Identity, used_at: Moment) {
        self.change(identity, |hold| Op::Put(HeldUuid { used_at, ..hold }));
    }

    /// An attempt that held the `uuid` was not delivered.
    pub(super) fn release(&self, identity: &Identity) {
        self.change(identity, |hold| match hold.by {
            0 | 1 => Op::Remove,
            by => Op::Put(HeldUuid { by: by - 1, ..hold }),
        });
    }

    fn change(&self, identity: &Identity, change: impl FnOnce(HeldUuid) -> Op<HeldUuid>) {
        let _ = self.held.entry(identity.at_feishu).and_compute_with(|entry| {
            let own = entry.map(Entry::into_value).filter(|it| it.content == identity.content);
            own.map_or(Op::Nop, change)
        });
    }
}
