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

/// For each receiver the moments until which its cells are taken; a quiet one has one cell.
pub(super) type Generation = HashMap<Receiver, Vec<Moment>>;

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

    /// Begins a generation, if the last one is older than cells can be taken; hands out what is
    /// forgotten, so that it can be dropped where nobody waits for that.
    pub(super) fn age(&mut self, window: Duration, now: Moment) -> Generation {
        if now.saturating_sub(self.begun_at) < window {
            return Generation::new();
        }
        self.begun_at = now;
        // As large as the last one, so that it does not have to grow, which is a scan too.
        let young = Generation::with_capacity(self.young.len());
        replace(&mut self.old, replace(&mut self.young, young))
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
