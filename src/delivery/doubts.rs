//! Forwards of which nobody knows whether they went out, so that what is said of a repetition stays
//! true: one that fails does not undo the first.

use std::sync::Arc;
use std::time::Duration;

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
const REMEMBERED: Duration = Duration::from_hours(24);
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

/// The first attempts of all that is in doubt.
#[derive(Debug)]
pub struct Doubts {
    clock: Clock,
    first_attempts: Cache<Identity, Moment>,
}

impl Doubts {
    /// Nothing is in doubt.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let first_attempts = Cache::builder()
            .max_capacity(MOST)
            .eviction_policy(EvictionPolicy::lru())
            // By the machine's clock, for the sake of memory; what counts is asked of ours.
            .time_to_live(REMEMBERED)
            .build();
        Self { clock, first_attempts }
    }

    /// When a forward was first attempted, if it is in doubt.
    pub(super) fn first_attempt(&self, identity: &Identity) -> Option<Moment> {
        let first_attempt = self.first_attempts.get(identity)?;
        (self.clock.since(first_attempt) < REMEMBERED).then_some(first_attempt)
    }

    /// Nobody knows whether it went out.
    pub(super) fn remember(&self, identity: Identity, first_attempt: Moment) {
        self.first_attempts.insert(identity, first_attempt);
    }

    /// It went out.
    pub(super) fn settle(&self, identity: &Identity) {
        self.first_attempts.invalidate(identity);
    }
}
