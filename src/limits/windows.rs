//! The sliding windows of all receivers: at most so many messages to each in any span of a second.
//!
//! One bucket that refills would let burst and refill add up to almost twice the limit. So each receiver has
//! as many slots as it may get messages in a window. A message takes a free slot for one window. That is an
//! exact sliding window, and a quiet receiver costs one slot. The cooldown of a refused receiver comes on top.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use super::cooldown::Cooldowns;
use super::decision::{NotBefore, Scope, Standing};
use super::gcra::decide;
use super::slots::{Evicted, Slots};
use crate::clock::Moment;
use crate::model::receiver::Receiver;

#[derive(Debug)]
pub(super) struct ReceiverWindows {
    /// How many slots a receiver has.
    limit: usize,
    window: Duration,
    quota: Quota,
    slots: Slots,
    /// The slots that this process took itself, where Redis says which ones are taken. By the clock of this
    /// process they are taken for a window, whatever Redis' clock shows.
    own: Slots,
    /// For each message under way the moment at which its slot becomes free by itself. Such a message may
    /// arrive at Feishu at any moment, so it counts for as long as it is under way.
    under_way: HashMap<Receiver, Vec<Moment>>,
    /// Whether Redis decides, which counts as well what it has granted since `opens_at` and is under way.
    is_shared: bool,
    pub(super) cooldowns: Cooldowns,
    /// Before this moment no receiver gets anything.
    opens_at: Moment,
}

impl ReceiverWindows {
    pub(super) fn new(limit: NonZeroU32, window: Duration) -> Self {
        let quota = Quota::with_period(window).expect("a window is at least one second long");
        Self {
            limit: limit.get() as usize,
            window,
            quota,
            slots: Slots::default(),
            own: Slots::default(),
            under_way: HashMap::new(),
            is_shared: false,
            cooldowns: Cooldowns::default(),
            opens_at: Moment::ZERO,
        }
    }

    /// From now on each receiver may get `limit` messages in a window, and nothing before `opens_at`.
    pub(super) fn set_limit(&mut self, limit: NonZeroU32, opens_at: Moment) {
        (self.limit, self.opens_at) = (limit.get() as usize, opens_at);
    }

    pub(super) fn set_shared(&mut self, is_shared: bool) {
        self.is_shared = is_shared;
    }

    /// No receiver gets anything before `opens_at`.
    pub(super) fn open_at(&mut self, opens_at: Moment) {
        self.opens_at = opens_at;
    }

    /// Whether receivers may get anything now.
    pub(super) fn is_open(&self, now: Moment) -> bool {
        self.opens_at <= now
    }

    /// Adopts what Redis knows: until when the receiver's slots are taken.
    pub(super) fn adopt(&mut self, receiver: &Receiver, mut slots: Vec<Moment>, now: Moment) {
        let is_later = |one: &Moment, other: &Moment| other.cmp(one);
        let mut own = self.own.get(receiver).to_vec();
        own.retain(|slot| *slot > now);
        own.sort_unstable_by(is_later);
        slots.sort_unstable_by(is_later);
        slots.resize(slots.len().max(own.len()), Moment::ZERO);
        // A slot that this process took is taken for a window at least.
        for (slot, own) in slots.iter_mut().zip(own) {
            *slot = own.max(*slot);
        }
        *self.slots.get_mut(receiver) = slots;
    }

    /// Notes a slot that Redis granted to this process, which asked for it at `asked_at`.
    pub(super) fn own(&mut self, receiver: &Receiver, asked_at: Moment, now: Moment) {
        let own = self.own.get_mut(receiver);
        own.retain(|slot| *slot > now);
        own.push(asked_at.saturating_add(self.window));
    }

    /// The message that was sent at `sent_at` with such a slot has arrived by now.
    pub(super) fn own_arrived(&mut self, receiver: &Receiver, sent_at: Moment, now: Moment) {
        let own = self.own.get_mut(receiver);
        put_off(own, self.limit, sent_at.saturating_add(self.window), self.window, now);
    }

    /// Takes a slot and returns whether the message is a probe. The caller has checked that it is ready.
    pub(super) fn take(&mut self, receiver: &Receiver, now: Moment) -> Result<bool, NotBefore> {
        self.take_slot(receiver, now)?;
        Ok(self.cooldowns.take(receiver, now))
    }

    fn take_slot(&mut self, receiver: &Receiver, now: Moment) -> Result<(), NotBefore> {
        if let Some(moment) = self.taken(receiver, now).min()
            && self.taken(receiver, now).count() >= self.limit
        {
            return Err(NotBefore { scope: Scope::Receiver, moment });
        }
        let slots = self.slots.get_mut(receiver);
        let taken_until = |slot| decide(self.quota, slot, now);
        match slots.iter_mut().find_map(|slot| Some((taken_until(*slot).ok()?, slot))) {
            Some((taken_until, slot)) => *slot = taken_until,
            None => slots.push(taken_until(Moment::ZERO).expect("an untouched slot is free")),
        }
        Ok(())
    }

    /// The message that was granted at `taken_at` has arrived by now.
    pub(super) fn arrived(&mut self, receiver: &Receiver, taken_at: Moment, now: Moment) {
        // It may have arrived only now, so it counts from now: however long messages are under way, no
        // window at Feishu holds more of them than the limit.
        let slots = self.slots.get_mut(receiver);
        put_off(slots, self.limit, taken_at.saturating_add(self.window), self.window, now);
    }

    /// Counts a message as under way until [`Self::ended`].
    pub(super) fn hold(&mut self, receiver: &Receiver, taken_at: Moment) {
        let slot = taken_at.saturating_add(self.window);
        self.under_way.entry(receiver.clone()).or_default().push(slot);
    }

    /// The message that was granted at `taken_at` is no longer under way.
    pub(super) fn ended(&mut self, receiver: &Receiver, taken_at: Moment) {
        let Some(under_way) = self.under_way.get_mut(receiver) else { return };
        let slot = taken_at.saturating_add(self.window);
        if let Some(place) = under_way.iter().position(|it| *it == slot) {
            under_way.swap_remove(place);
        }
        if under_way.is_empty() {
            self.under_way.remove(receiver);
        }
    }

    /// A message has arrived, and the slot that it took in Redis is not known here: what Redis says comes a
    /// little late. The nearest slot counts as its own; a second one might cost the receiver a message.
    pub(super) fn guess_arrived(&mut self, receiver: &Receiver, sent_at: Moment, now: Moment) {
        let taken_until = sent_at.saturating_add(self.window);
        let slots = self.slots.get_mut(receiver).iter_mut();
        if let Some(nearest) = slots.min_by_key(|slot| slot.abs_diff(taken_until))
            && *nearest > now
        {
            *nearest = now.saturating_add(self.window);
        }
    }

    /// When a message may go that has `ahead` others before it.
    pub(super) fn ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        let free_at = self.slot_free_at(receiver, ahead, now, now);
        free_at.max(self.cooldowns.ready_at(receiver, ahead, now))
    }

    /// When a message may go that has `ahead` others before it, if Feishu accepts the next probe. Whether it
    /// does cannot be foreseen.
    pub(super) fn ready_at_best(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        let probe_at = self.cooldowns.ready_at(receiver, 0, now);
        let then = self.slot_free_at(receiver, ahead, probe_at, now);
        then.max(self.slot_free_at(receiver, ahead, now, now))
    }

    /// The first moment, at or after `from`, at which a message with `ahead` others before it finds a free
    /// slot. The others take the slots in the order in which these become free, each for one window.
    fn slot_free_at(&self, receiver: &Receiver, ahead: usize, from: Moment, now: Moment) -> Moment {
        let from = from.max(self.opens_at);
        let rounds = u32::try_from(ahead / self.limit).unwrap_or(u32::MAX);
        let later = self.window.saturating_mul(rounds);
        let mut taken: Vec<Moment> =
            self.taken(receiver, now).filter(|free_at| *free_at > from).collect();
        let place = ahead % self.limit + taken.len();
        // More slots than the limit are taken for a while after the limit was lowered.
        let Some(place) = place.checked_sub(self.limit) else {
            return from.saturating_add(later);
        };
        taken.sort_unstable();
        taken[place].saturating_add(later)
    }

    pub(super) fn standing(&self, receiver: &Receiver, now: Moment) -> Standing {
        let opens_at = self.cooldowns.ready_at(receiver, 0, now).max(self.opens_at);
        if opens_at > now {
            let reset = self.ready_at(receiver, 0, now).saturating_sub(now);
            return Standing { remaining: 0, reset };
        }
        let taken = self.taken(receiver, now);
        let first = taken.clone().min();
        let reset = first.map_or(Duration::ZERO, |first| first.saturating_sub(now));
        let free = self.limit.saturating_sub(taken.count());
        let most = if self.cooldowns.contains(receiver) { 1 } else { u32::MAX };
        Standing { remaining: u32::try_from(free).unwrap_or(u32::MAX).min(most), reset }
    }

    /// The earliest moments at which the receiver's taken slots become free.
    fn taken(&self, receiver: &Receiver, now: Moment) -> impl Iterator<Item = Moment> + Clone {
        let slots = self.slots.get(receiver).iter().copied().filter(move |slot| *slot > now);
        // A message that is under way for longer than its slot is taken by itself counts for a window from
        // its arrival, and it has not arrived yet.
        let under_way = self.under_way.get(receiver).into_iter().flatten();
        let is_counted = |slot: &Moment| self.is_shared && *slot > self.opens_at;
        let overdue = under_way.filter(move |it| **it <= now && !is_counted(it));
        slots.chain(overdue.map(move |_| now.saturating_add(self.window)))
    }

    pub(super) fn sweep(&mut self, now: Moment) -> Evicted {
        self.cooldowns.sweep(now);
        let own = self.own.sweep(self.window, now);
        self.slots.sweep(self.window, now).and(own)
    }

    /// How many receivers are remembered.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Counts a message from now on whose slot was taken until `taken_until`. That slot is put off, or a free one
/// where the message took so long that another one has its slot.
fn put_off(
    slots: &mut Vec<Moment>,
    limit: usize,
    taken_until: Moment,
    window: Duration,
    now: Moment,
) {
    let counts_until = now.saturating_add(window);
    let has_room = slots.len() < limit;
    match slots.iter_mut().filter(|slot| **slot <= taken_until.max(now)).max() {
        Some(slot) => *slot = counts_until,
        None if has_room => slots.push(counts_until),
        None => {}
    }
}
