//! What Feishu may know a `uuid` as, whichever caller has sent it.

use moka::Entry;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::{HOUR, Reused};
use crate::clock::{Clock, Moment};
use crate::delivery::horizon::memory;
use crate::delivery::identity::{Digest, Identity};

/// The `uuid`s that Feishu may know.
#[derive(Debug)]
pub(super) struct Held {
    clock: Clock,
    // Its caller's use of each is in the register as well, which knows how far back that reaches.
    held: Cache<Digest, Hold>,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    content: Digest,
    used_at: Moment,
    /// Attempts that are under way or may have gone out.
    by: u32,
}

impl Held {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, held: memory(HOUR, |_: &Hold| ()) }
    }

    /// Whether Feishu would take this for another forward.
    pub(super) fn look(&self, identity: &Identity) -> Result<(), Reused> {
        match self.held.get(&identity.at_feishu) {
            Some(hold) if self.is_other(identity, &hold) => Err(Reused),
            _ => Ok(()),
        }
    }

    fn is_other(&self, identity: &Identity, hold: &Hold) -> bool {
        hold.content != identity.content && self.clock.since(hold.used_at) < HOUR
    }

    /// From now on and for an hour Feishu may know the `uuid` as this.
    pub(super) fn hold(&self, identity: &Identity) -> Result<(), Reused> {
        let content = identity.content;
        let used_at = self.clock.now();
        let mut result = Ok(());
        let _ = self.held.entry(identity.at_feishu).and_compute_with(|entry| {
            let known = entry.map(Entry::into_value);
            if known.is_some_and(|hold| self.is_other(identity, &hold)) {
                result = Err(Reused);
                return Op::Nop;
            }
            let by = known.filter(|it| it.content == content).map_or(0, |it| it.by);
            Op::Put(Hold { content, used_at, by: by + 1 })
        });
        result
    }

    /// Feishu's hour begins when it delivers: then at the latest.
    pub(super) fn may_be_known_since(&self, identity: &Identity, used_at: Moment) {
        self.change(identity, |hold| Op::Put(Hold { used_at, ..hold }));
    }

    /// An attempt that held it did not go out.
    pub(super) fn release(&self, identity: &Identity) {
        self.change(identity, |hold| match hold.by {
            0 | 1 => Op::Remove,
            by => Op::Put(Hold { by: by - 1, ..hold }),
        });
    }

    fn change(&self, identity: &Identity, change: impl FnOnce(Hold) -> Op<Hold>) {
        let _ = self.held.entry(identity.at_feishu).and_compute_with(|entry| {
            let own = entry.map(Entry::into_value).filter(|it| it.content == identity.content);
            own.map_or(Op::Nop, change)
        });
    }
}
