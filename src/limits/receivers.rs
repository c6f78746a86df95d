//! At most so many messages to one receiver in any span of a second.
//!
//! One bucket that refills would let burst and refill add up to almost twice the limit. So each
//! receiver has as many cells as it may get messages, each good for one message in a window; a
//! message may go if any of them is free. That is an exact sliding window. On top of it comes the
//! caution with a receiver that Feishu refused.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use super::caution::Cautions;
use super::cells::{Cells, Forgotten};
use super::gcra::decide;
use super::{NotUntil, Scope, Standing};
use crate::clock::Moment;
use crate::model::receiver::Receiver;

#[derive(Debug)]
pub(super) struct ReceiverGates {
    /// How many cells a receiver has.
    limit: usize,
    window: Duration,
    quota: Quota,
    cells: Cells,
    /// Those that this process took itself, where Redis says what is taken: by its own clock they are until
    /// then, whatever Redis' clock shows.
    own: Cells,
    /// The messages that have a turn and are not answered yet: until when the cell of each is taken by itself.
    /// They may arrive at any moment, so each of them has a cell for as long as it is under way.
    under_way: HashMap<Receiver, Vec<Moment>>,
    /// Whether Redis has the last word, which counts those under way too.
    defers: bool,
    pub(super) cautions: Cautions,
    /// Until then nobody gets anything.
    opens_at: Moment,
}

impl ReceiverGates {
    pub(super) fn new(limit: NonZeroU32, window: Duration) -> Self {
        let quota = Quota::with_period(window).expect("a window is at least one second long");
        Self {
            limit: limit.get() as usize,
            window,
            quota,
            cells: Cells::default(),
            own: Cells::default(),
            under_way: HashMap::new(),
            defers: false,
            cautions: Cautions::default(),
            opens_at: Moment::ZERO,
        }
    }

    /// From now on each receiver may get so many, but nobody anything before `opens_at`.
    pub(super) fn set_limit(&mut self, limit: NonZeroU32, opens_at: Moment) {
        (self.limit, self.opens_at) = (limit.get() as usize, opens_at);
    }

    /// Whether Redis has the last word from now on.
    pub(super) fn set_defers(&mut self, defers: bool) {
        self.defers = defers;
    }

    /// Nobody gets anything before.
    pub(super) fn open_at(&mut self, opens_at: Moment) {
        self.opens_at = opens_at;
    }

    /// Whether anybody may get anything now.
    pub(super) fn is_open(&self, now: Moment) -> bool {
        self.opens_at <= now
    }

    /// What is known elsewhere: until when the receiver's cells are taken. A cell that was taken here is so for
    /// a window at least.
    pub(super) fn learn(&mut self, receiver: &Receiver, mut cells: Vec<Moment>, now: Moment) {
        let is_later = |one: &Moment, other: &Moment| other.cmp(one);
        let mut own = self.own.get(receiver).to_vec();
        own.retain(|cell| *cell > now);
        own.sort_unstable_by(is_later);
        cells.sort_unstable_by(is_later);
        cells.resize(cells.len().max(own.len()), Moment::ZERO);
        for (cell, own) in cells.iter_mut().zip(own) {
            *cell = own.max(*cell);
        }
        *self.cells.get_mut(receiver) = cells;
    }

    /// A cell that Redis gave to this process, which asked for it at `asked_at`.
    pub(super) fn own(&mut self, receiver: &Receiver, asked_at: Moment, now: Moment) {
        let own = self.own.get_mut(receiver);
        own.retain(|cell| *cell > now);
        own.push(asked_at.saturating_add(self.window));
    }

    /// The message that was sent at `sent_at` with such a cell has arrived by now.
    pub(super) fn own_arrived(&mut self, receiver: &Receiver, sent_at: Moment, now: Moment) {
        let own = self.own.get_mut(receiver);
        put_off(own, self.limit, sent_at.saturating_add(self.window), self.window, now);
    }

    /// Whether a message may go with `ahead` others before; nothing is taken.
    pub(super) fn ready(
        &self,
        receiver: &Receiver,
        ahead: usize,
        now: Moment,
    ) -> Result<(), NotUntil> {
        let moment = self.ready_at(receiver, ahead, now);
        if moment > now { Err(NotUntil { scope: Scope::Receiver, moment }) } else { Ok(()) }
    }

    /// Takes a turn that is ready, and tells whether it is a trial.
    pub(super) fn take(&mut self, receiver: &Receiver, now: Moment) -> Result<bool, NotUntil> {
        self.take_cell(receiver, now)?;
        Ok(self.cautions.take(receiver, now))
    }

    /// Takes the first free cell.
    fn take_cell(&mut self, receiver: &Receiver, now: Moment) -> Result<(), NotUntil> {
        if let Some(moment) = self.taken(receiver, now).min()
            && self.taken(receiver, now).count() >= self.limit
        {
            return Err(NotUntil { scope: Scope::Receiver, moment });
        }
        let cells = self.cells.get_mut(receiver);
        let taken_until = |cell| decide(self.quota, cell, now);
        match cells.iter_mut().find_map(|cell| Some((taken_until(*cell).ok()?, cell))) {
            Some((taken_until, cell)) => *cell = taken_until,
            None => cells.push(taken_until(Moment::ZERO).expect("an untouched cell is free")),
        }
        Ok(())
    }

    /// The message whose turn was taken at `taken_at` has arrived by now, and nobody knows when: it counts from
    /// now, so that however long the way is, no span at Feishu has more than the limit.
    pub(super) fn arrived(&mut self, receiver: &Receiver, taken_at: Moment, now: Moment) {
        let cells = self.cells.get_mut(receiver);
        put_off(cells, self.limit, taken_at.saturating_add(self.window), self.window, now);
    }

    /// The turn that is taken now is kept, until it has ended.
    pub(super) fn hold(&mut self, receiver: &Receiver, taken_at: Moment) {
        let cell = taken_at.saturating_add(self.window);
        if let Some(under_way) = self.under_way.get_mut(receiver) {
            under_way.push(cell);
        } else {
            self.under_way.insert(receiver.clone(), vec![cell]);
        }
    }

    /// The message whose turn was taken at `taken_at` is under way no longer.
    pub(super) fn ended(&mut self, receiver: &Receiver, taken_at: Moment) {
        let Some(under_way) = self.under_way.get_mut(receiver) else { return };
        let cell = taken_at.saturating_add(self.window);
        if let Some(place) = under_way.iter().position(|it| *it == cell) {
            under_way.swap_remove(place);
        }
        if under_way.is_empty() {
            self.under_way.remove(receiver);
        }
    }

    /// The same where it is not known which cell is the message's, as what is learned from elsewhere comes a
    /// little late. It takes no second one, which might cost the receiver a turn.
    pub(super) fn guess_arrived(&mut self, receiver: &Receiver, sent_at: Moment, now: Moment) {
        let taken_until = sent_at.saturating_add(self.window);
        let cells = self.cells.get_mut(receiver).iter_mut();
        if let Some(nearest) = cells.min_by_key(|cell| cell.abs_diff(taken_until))
            && *nearest > now
        {
            *nearest = now.saturating_add(self.window);
        }
    }

    /// When a message with `ahead` others before it may go.
    pub(super) fn ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        let cell_at = self.cell_at(receiver, ahead, now);
        cell_at.max(self.cautions.ready_at(receiver, ahead, now))
    }

    /// The same if the next trial gets through, as one that is refused cannot be foreseen.
    pub(super) fn ready_at_best(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        let opens_at = self.cautions.ready_at(receiver, 0, now);
        let then = self.cell_from(receiver, ahead, opens_at, now);
        then.max(self.cell_at(receiver, ahead, now))
    }

    /// When a message with `ahead` others before it finds a free cell: they all take the cells in
    /// the order in which these become free, each for one window.
    fn cell_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        self.cell_from(receiver, ahead, now, now)
    }

    /// The same from a moment on that may be to come.
    fn cell_from(&self, receiver: &Receiver, ahead: usize, from: Moment, now: Moment) -> Moment {
        let from = from.max(self.opens_at);
        let rounds = u32::try_from(ahead / self.limit).unwrap_or(u32::MAX);
        let later = self.window.saturating_mul(rounds);
        let mut taken: Vec<Moment> =
            self.taken(receiver, now).filter(|free_at| *free_at > from).collect();
        let place = ahead % self.limit + taken.len();
        // There may be more than the limit, from before it was lowered.
        let Some(place) = place.checked_sub(self.limit) else {
            return from.saturating_add(later);
        };
        taken.sort_unstable();
        taken[place].saturating_add(later)
    }

    pub(super) fn standing(&self, receiver: &Receiver, now: Moment) -> Standing {
        let closed_until = self.cautions.ready_at(receiver, 0, now).max(self.opens_at);
        if closed_until > now {
            let reset = self.ready_at(receiver, 0, now).saturating_sub(now);
            return Standing { remaining: 0, reset };
        }
        let first = self.taken(receiver, now).min();
        let reset = first.map_or(Duration::ZERO, |first| first.saturating_sub(now));
        let free = self.limit.saturating_sub(self.taken(receiver, now).count());
        let most = if self.cautions.contains(receiver) { 1 } else { u32::MAX };
        Standing { remaining: u32::try_from(free).unwrap_or(u32::MAX).min(most), reset }
    }

    /// The moments at which the receiver's taken cells become free, at the earliest. Those who are under way for
    /// longer than a cell is taken by itself have one for a window from when they arrive, and none has yet.
    fn taken(&self, receiver: &Receiver, now: Moment) -> impl Iterator<Item = Moment> {
        let cells = self.cells.get(receiver).iter().copied().filter(move |cell| *cell > now);
        let under_way = self.under_way.get(receiver).into_iter().flatten();
        let overdue = under_way.filter(move |it| **it <= now);
        // What Redis has told counts them already, unless it was emptied since.
        let counted = if self.defers { cells.clone().count() } else { 0 };
        cells.chain(overdue.skip(counted).map(move |_| now.saturating_add(self.window)))
    }

    pub(super) fn sweep(&mut self, now: Moment) -> Forgotten {
        self.cautions.sweep(now);
        let own = self.own.age(self.window, now);
        self.cells.age(self.window, now).and(own)
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }
}

/// A message whose cell was taken until `taken_until` counts from now. That is its own cell, or one that is
/// free, where it took so long that another message has its own.
fn put_off(
    cells: &mut Vec<Moment>,
    limit: usize,
    taken_until: Moment,
    window: Duration,
    now: Moment,
) {
    let counts_until = now.saturating_add(window);
    let untouched = cells.len() < limit;
    match cells.iter_mut().filter(|cell| **cell <= taken_until.max(now)).max() {
        Some(cell) => *cell = counts_until,
        None if untouched => cells.push(counts_until),
        None => {}
    }
}
