//! The time in the file.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use super::records::length;
use crate::clock::{Clock, Stamp};

/// Shows the time for the file, in milliseconds since 1970: the wall clock's, unless that was set back since the start.
/// It never goes back.
#[derive(Debug)]
pub(super) struct FileClock {
    pub(super) clock: Clock,
    opened: Stamp,
    opened_at: i64,
    latest: AtomicI64,
}

impl FileClock {
    pub(super) fn new(clock: Clock) -> Self {
        let (opened, opened_at) = (clock.stamp(), clock.wall().as_millisecond());
        Self { clock, opened, opened_at, latest: AtomicI64::new(opened_at) }
    }

    pub(super) fn now(&self) -> i64 {
        let now = self.opened_at.saturating_add(length(self.clock.age(self.opened)));
        self.latest.fetch_max(now, Relaxed).max(now)
    }

    /// The time at `stamp`, or up to a millisecond earlier.
    pub(super) fn time_of(&self, stamp: Stamp) -> i64 {
        let age = self.clock.age(stamp).as_nanos().div_ceil(1_000_000);
        self.now().saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))
    }
}
