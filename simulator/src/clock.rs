//! The simulator's clock: an injected time plus what was added to it by hand.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::Sleep;

/// Monotonic time since an arbitrary start. It must never run backwards.
pub type TimeSource = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The time that really passes, counted from this call.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where real time comes in")]
pub fn real_time() -> TimeSource {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

const MOST_ADDED: Duration = Duration::from_hours(100 * 365 * 24);

pub(crate) struct Clock {
    source: TimeSource,
    added: Duration,
    /// The wall time in Unix milliseconds at which the simulator's clock would have shown zero.
    zero_unix_ms: u64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "messages carry the wall time; nothing is decided by it"
    )]
    pub(crate) fn new(source: TimeSource) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let zero = unix.saturating_sub(source());
        Self { source, added: Duration::ZERO, zero_unix_ms: millis(zero) }
    }

    /// Nanoseconds on the simulator's clock.
    pub(crate) fn now(&self) -> u64 {
        nanos((self.source)() + self.added)
    }

    /// Moves the clock forward, by 100 years in all at most, so that no time overflows.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.added = self.added.saturating_add(by).min(MOST_ADDED);
    }

    /// What a wall clock shows at `now`, in Unix milliseconds, as Feishu writes `create_time`.
    pub(crate) fn unix_ms(&self, now: u64) -> u64 {
        self.zero_unix_ms + now / 1_000_000
    }
}

/// Waits for real time, as a fault asks for that slows an answer down.
#[expect(
    clippy::disallowed_methods,
    reason = "a slow answer is slow for the caller, whose clock is real"
)]
pub(crate) fn wait(time: Duration) -> Sleep {
    tokio::time::sleep(time)
}

/// A duration in nanoseconds; 584 years and more become `u64::MAX`.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
