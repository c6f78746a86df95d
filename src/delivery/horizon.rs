//! Caches with a bound, and how far back their knowledge reaches.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::clock::Moment;

/// The most entries of one cache, of about 300 bytes each: a little more than an app may send in an hour. Beyond
/// it the least recently used entries are evicted.
pub(super) const MOST: u64 = 1 << 16;

/// How far back the knowledge of a cache reaches.
#[derive(Clone, Debug, Default)]
pub(super) struct Horizon(Arc<AtomicU64>);

impl Horizon {
    /// Something is not known that was last used at `used_at`.
    pub(super) fn forgot(&self, used_at: Moment) {
        // Zero is never.
        let micros = u64::try_from(used_at.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(micros.saturating_add(1), Relaxed);
    }

    /// Since when everything is known. None if nothing was ever forgotten.
    pub(super) fn get(&self) -> Option<Moment> {
        self.0.load(Relaxed).checked_sub(1).map(Moment::from_micros)
    }
}

/// A cache that evicts entries after `time`, and the least recently used ones earlier when it is full. `evicted`
/// is called for the latter.
pub(super) fn cache<K, V>(
    time: Duration,
    evicted: impl Fn(&V) + Send + Sync + 'static,
) -> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(MOST)
        .eviction_policy(EvictionPolicy::lru())
        // By the machine's clock, which bounds the memory. Whether an entry counts is decided by our own clock.
        .time_to_live(time)
        .eviction_listener(move |_, value, cause| {
            if cause == RemovalCause::Size {
                evicted(&value);
            }
        })
        .build()
}
