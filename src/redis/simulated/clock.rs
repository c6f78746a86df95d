//! The wall clock of the server.

use std::time::Duration;

use jiff::SignedDuration;

use crate::clock::{Clock, Moment};

/// The beginning of a simulated server's time, in microseconds since 1970: 2026-01-01.
const START: i64 = 1_767_225_600_000_000;
const MILLION: i128 = 1_000_000;

/// A wall clock that can be wrong.
#[derive(Debug)]
pub(super) struct ServerClock {
    clock: Clock,
    /// What it showed when it was last set, in microseconds since 1970, and when that was.
    set_to: i64,
    set_at: Moment,
    /// By how many millionths it goes too fast.
    drift: i32,
}

impl ServerClock {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, set_to: START, set_at: Moment::ZERO, drift: 0 }
    }

    /// The clock that is right.
    pub(super) fn true_clock(&self) -> &Clock {
        &self.clock
    }

    /// Microseconds since 1970.
    pub(super) fn micros(&self) -> i64 {
        let passed = micros(self.clock.since(self.set_at));
        let passed = i128::from(passed) * (MILLION + i128::from(self.drift)) / MILLION;
        self.set_to.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// Sets it forward, or back.
    pub(super) fn step(&mut self, by: SignedDuration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.set(self.micros().saturating_add(by));
    }

    /// From now on it goes too fast by so many millionths.
    pub(super) fn drift(&mut self, millionths: i32) {
        self.set(self.micros());
        self.drift = millionths;
    }

    fn set(&mut self, to: i64) {
        (self.set_to, self.set_at) = (to, self.clock.now());
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
