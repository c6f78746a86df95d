//! The window slots of all receivers, evicted by generations.
//!
//! A scan for slots that no longer count would hold the lock that each forward needs, for longer the more
//! receivers there are. So there are two generations. A receiver that gets a message moves to the younger
//! one; the older one is dropped as a whole.

use std::collections::HashMap;
use std::mem::replace;
use std::time::Duration;

use crate::clock::Moment;
use crate::model::receiver::Receiver;

/// A message may be noted a little later than the moment from which it counts.
const LATE: Duration = Duration::from_secs(1);

/// For each receiver the moments until which its slots are taken. A quiet receiver has one slot.
type Generation = HashMap<Receiver, Vec<Moment>>;

/// Slots that were evicted. Dropping many of them takes a while, so do it outside of the limiter's lock.
#[derive(Debug)]
pub struct Evicted(Vec<Generation>);

impl Evicted {
    /// Whether nothing was evicted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(HashMap::is_empty)
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    young: Generation,
    old: Generation,
    /// When the younger generation began.
    begun_at: Moment,
}

impl Slots {
    pub(super) fn get(&self, receiver: &Receiver) -> &[Moment] {
        let slots = self.young.get(receiver).or_else(|| self.old.get(receiver));
        slots.map_or(&[], Vec::as_slice)
    }

    /// The slots of a receiver, which moves to the younger generation.
    pub(super) fn get_mut(&mut self, receiver: &Receiver) -> &mut Vec<Moment> {
        let Self { young, old, .. } = self;
        let young = young.entry(receiver.clone());
        young.or_insert_with(|| old.remove(receiver).unwrap_or_default())
    }

    /// Begins a generation if the last one is older than any slot can be taken, and evicts the older one.
    pub(super) fn sweep(&mut self, window: Duration, now: Moment) -> Evicted {
        if now.saturating_sub(self.begun_at) < window.saturating_add(LATE) {
            return Evicted(Vec::new());
        }
        self.begun_at = now;
        // As large as the last one, because growing means a scan as well.
        let young = Generation::with_capacity(self.young.len());
        Evicted(vec![replace(&mut self.old, replace(&mut self.young, young))])
    }

    /// How many receivers are remembered.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
