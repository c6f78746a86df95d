//! One bucket that keeps an app within two limits: calls a second and calls a minute.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

/// A token bucket that keeps an app within both of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppPace {
    /// Calls that may go at once.
    pub burst: NonZeroU32,
    /// Time in which the bucket gains one call.
    pub period: Duration,
}

/// The least share of the sustained rate that a larger burst leaves, in percent.
const SUSTAINED_AT_LEAST: u32 = 95;

impl AppPace {
    /// The largest burst that leaves 95 % of the rate that the limits allow in the long run.
    ///
    /// A bucket of `burst` calls that gains one call in each `period` lets at most
    /// `burst + ceil(window / period) - 1` calls through any window. That number has to stay within the
    /// limit of each window. For 50 calls a second and 1000 a minute with a guard of 50 ms the bucket has a
    /// burst of 34 and gains about 16 calls a second.
    #[must_use]
    pub fn derive(per_second: NonZeroU32, per_minute: NonZeroU32, guard: Duration) -> Self {
        let windows = [
            (per_second.get(), Duration::from_secs(1) + guard),
            (per_minute.get(), Duration::from_mins(1) + guard),
        ];
        let fastest = shortest_period(windows, 1);
        let slowest = fastest * 100 / SUSTAINED_AT_LEAST;
        let room = windows.map(|(limit, window)| {
            let refilled = window.as_nanos().div_ceil(slowest.as_nanos());
            limit.saturating_sub(u32::try_from(refilled).unwrap_or(u32::MAX)) + 1
        });
        let burst = room[0].min(room[1]);
        let period = shortest_period(windows, burst);
        Self { burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), period }
    }

    /// The pace of each of `replicas`, so that all of them together stay within this pace.
    ///
    /// With more replicas than its burst, each of them still has a burst of one call.
    pub(super) fn divided_by(self, replicas: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(self.burst.get() / replicas).unwrap_or(NonZeroU32::MIN);
        Self { burst, period: self.period.saturating_mul(replicas.get()) }
    }

    pub(super) fn quota(self) -> Quota {
        Quota::with_period(self.period)
            .expect("a period is at least a microsecond long")
            .allow_burst(self.burst)
    }
}

/// The shortest period that keeps a bucket of `burst` within the limit of every window.
fn shortest_period(windows: [(u32, Duration); 2], burst: u32) -> Duration {
    // `burst` never exceeds a limit. Replicas share whole microseconds, so the period is one of them longer
    // than what the division leaves.
    let periods = windows.map(|(limit, window)| window / (limit - burst + 1));
    let longest = periods[0].max(periods[1]);
    Duration::from_micros(u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).saturating_add(1))
}
