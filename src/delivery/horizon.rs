//! Memories that are bounded, and how far back they reach.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::clock::Moment;

/// The most that one memory holds, at about 300 bytes each: a little more than an app may send in an hour.
/// Beyond that the least recently used are forgotten.
pub(super) const MOST: u64 = 1 << 16;

/// How far back a memory reaches: to the last that it does not know.
#[derive(Clone, Debug, Default)]
pub(super) struct Horizon(Arc<AtomicU64>);

impl Horizon {
    /// Something is not known that was last used then.
    pub(super) fn forgot(&self, used_at: Moment) {
        // Zero is never.
        let micros = u64::try_from(used_at.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(micros.saturating_add(1), Relaxed);
    }

    /// Since when all is known, if something is not.
    pub(super) fn get(&self) -> Option<Moment> {
        self.0.load(Relaxed).checked_sub(1).map(Moment::from_micros)
    }
}

/// A memory that forgets after this time, and earlier what was used least when it is full.
pub(super) fn memory<K, V>(
    time: Duration,
    forgot: impl Fn(&V) + Send + Sync + 'static,
) -> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(MOST)
        .eviction_policy(EvictionPolicy::lru())
        // By the machine's clock, for the sake of memory; what counts is asked of ours.
        .time_to_live(time)
        .eviction_listener(move |_, value, cause| {
            if cause == RemovalCause::Size {
                forgot(&value);
            }
        })
        .build()
}
