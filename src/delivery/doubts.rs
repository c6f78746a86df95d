//! Forwards of which nobody knows whether they went out, so that what is said of a repetition stays
//! true: one that fails does not undo the first.

use std::sync::Arc;
use std::time::Duration;

use moka::Entry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::Order;
use super::app::App;
use crate::clock::{Clock, Moment};
use crate::model::dedup_key::DedupKey;
use crate::model::receiver::Receiver;

/// How long after the first attempt it is safe to repeat one: Feishu knows a `uuid` for an hour
/// (Feishu's documentation), and a repetition takes its time to get there.
pub(super) const SAFE_TO_REPEAT: Duration = Duration::from_mins(55);
/// How long a doubt is remembered, so that a repetition that comes too late is not sent.
pub(super) const REMEMBERED: Duration = Duration::from_hours(24);
/// At about 300 bytes each; beyond that the least recently used are forgotten.
const MOST: u64 = 100_000;

/// What Feishu knows a repetition by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    app: Arc<str>,
    receiver: Receiver,
    uuid: DedupKey,
}

impl Identity {
    pub(super) fn of(app: &App, order: &Order) -> Self {
        let Order { receiver, uuid, .. } = order;
        Self { app: Arc::clone(&app.name), receiver: receiver.clone(), uuid: uuid.clone() }
    }
}

/// What nobody knows yet of a forward.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    first_attempt: Moment,
    /// Attempts whose end is still to come; a caller that hung up may ask again meanwhile.
    under_way: u32,
    /// Whether one that has ended may have gone out.
    may_be_out: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It went out.
    Out,
    /// Nobody knows.
    Unknown,
    /// It did not go out; of other attempts that says nothing.
    NotOut,
}

/// All that is in doubt.
#[derive(Debug)]
pub struct Doubts {
    clock: Clock,
    doubts: Cache<Identity, Doubt>,
}

impl Doubts {
    /// Nothing is in doubt.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let doubts = Cache::builder()
            .max_capacity(MOST)
            .eviction_policy(EvictionPolicy::lru())
            // By the machine's clock, for the sake of memory; what counts is asked of ours.
            .time_to_live(REMEMBERED)
            .build();
        Self { clock, doubts }
    }

    /// When a forward was first attempted, if it is in doubt.
    pub(super) fn first_attempt(&self, identity: &Identity) -> Option<Moment> {
        let Doubt { first_attempt, .. } = self.doubts.get(identity)?;
        (self.clock.since(first_attempt) < REMEMBERED).then_some(first_attempt)
    }

    /// An attempt begins.
    pub(super) fn begin(&self, identity: Identity, first_attempt: Moment) {
        self.change(identity, first_attempt, |doubt| doubt.under_way += 1);
    }

    /// An attempt has ended, whether or not it was said that it begins.
    pub(super) fn end(&self, identity: Identity, first_attempt: Moment, end: End) {
        self.change(identity, first_attempt, |doubt| {
            doubt.under_way = doubt.under_way.saturating_sub(1);
            match end {
                End::Out => doubt.may_be_out = false,
                End::Unknown => doubt.may_be_out = true,
                End::NotOut => {}
            }
        });
    }

    /// It went out, but nobody was there to be told.
    pub(super) fn untold(&self, identity: Identity, first_attempt: Moment) {
        self.change(identity, first_attempt, |doubt| doubt.may_be_out = true);
    }

    fn change(&self, identity: Identity, first_attempt: Moment, change: impl FnOnce(&mut Doubt)) {
        let _ = self.doubts.entry(identity).and_compute_with(|entry| {
            let is_known = entry.is_some();
            let none = Doubt { first_attempt, under_way: 0, may_be_out: false };
            let mut doubt = entry.map_or(none, Entry::into_value);
            doubt.first_attempt = first_attempt;
            change(&mut doubt);
            if doubt.under_way > 0 || doubt.may_be_out {
                Op::Put(doubt)
            } else if is_known {
                Op::Remove
            } else {
                Op::Nop
            }
        });
    }
}
