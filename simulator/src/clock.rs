//! The simulator's clock: a source of time, plus the duration by which the clock was moved forward.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::Sleep;

/// A source of time. It returns the duration since an arbitrary start, and must never go back.
pub type TimeSource = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A source of real time that starts with this call.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where real time comes in")]
pub fn real_time() -> TimeSource {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

/// The longest duration by which the clock can be moved forward in total.
const MAX_ADDED: Duration = Duration::from_hours(100 * 365 * 24);

pub(crate) struct Clock {
    source: TimeSource,
    added: Duration,
    /// The wall time at which the simulator's clock shows zero, in Unix milliseconds.
    zero_unix_ms: u64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "messages carry the wall time; nothing is decided by it"
    )]
    pub(crate) fn new(source: TimeSource, starts_at: Option<Duration>) -> Self {
        let by_machine = || {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            unix.saturating_sub(source())
        };
        let zero = starts_at.unwrap_or_else(by_machine);
        Self { source, added: Duration::ZERO, zero_unix_ms: millis(zero) }
    }

    /// The time on the simulator's clock, in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        nanos((self.source)() + self.added)
    }

    /// Moves the clock forward. The total is limited to 100 years, so that no time overflows.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.added = self.added.saturating_add(by).min(MAX_ADDED);
    }

    /// The wall time at `now` in Unix milliseconds, the format of Feishu's `create_time`.
    pub(crate) fn unix_ms(&self, now: u64) -> u64 {
        self.zero_unix_ms + now / 1_000_000
    }
}

/// The machine's wall clock, for headers.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by it")]
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Sleeps in real time, for faults that delay an answer.
#[expect(
    clippy::disallowed_methods,
    reason = "a slow answer is slow for the caller, whose clock is real"
)]
pub(crate) fn wait(time: Duration) -> Sleep {
    tokio::time::sleep(time)
}

/// A duration in nanoseconds. Durations of more than 584 years become `u64::MAX`.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
