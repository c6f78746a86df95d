//! The cells of all receivers, forgotten without a look at each.
//!
//! A scan would stop every forward for as long as it takes, and that grows with the receivers. So there
//! are two generations: whoever gets a message moves to the younger one, and who got none for as long as a
//! generation lasts is dropped with the older one.

use std::collections::HashMap;
use std::mem::replace;
use std::time::Duration;

use crate::clock::Moment;
use crate::model::receiver::Receiver;

/// A message may be counted a little later than the moment that it is counted at.
const LATE: Duration = Duration::from_secs(1);

/// For each receiver the moments until which its cells are taken; a quiet one has one cell.
type Generation = HashMap<Receiver, Vec<Moment>>;

/// What was forgotten: to drop it takes a while if it is much.
#[derive(Debug)]
pub struct Forgotten(Vec<Generation>);

impl Forgotten {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(HashMap::is_empty)
    }

    /// That and something else.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

#[derive(Debug, Default)]
pub(super) struct Cells {
    young: Generation,
    old: Generation,
    /// When the younger one began.
    begun_at: Moment,
}

impl Cells {
    pub(super) fn get(&self, receiver: &Receiver) -> &[Moment] {
        let cells = self.young.get(receiver).or_else(|| self.old.get(receiver));
        cells.map_or(&[], Vec::as_slice)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, receiver: &Receiver) -> &mut Vec<Moment> {
        let Self { young, old, .. } = self;
        let young = young.entry(receiver.clone());
        young.or_insert_with(|| old.remove(receiver).unwrap_or_default())
    }

    /// Begins a generation, if the last one is older than cells can be taken.
    pub(super) fn age(&mut self, window: Duration, now: Moment) -> Forgotten {
        if now.saturating_sub(self.begun_at) < window.saturating_add(LATE) {
            return Forgotten(Vec::new());
        }
        self.begun_at = now;
        // As large as the last one, so that it does not have to grow, which is a scan too.
        let young = Generation::with_capacity(self.young.len());
        Forgotten(vec![replace(&mut self.old, replace(&mut self.young, young))])
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
