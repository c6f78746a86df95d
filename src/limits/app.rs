//! An app's two limits, a second's and a minute's, kept by one bucket; and the gate that Feishu closes.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use super::gcra::decide;
use super::{NotUntil, Scope};
use crate::clock::Moment;

/// The bucket that keeps within both limits of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppPace {
    /// Calls that may go at once.
    pub burst: NonZeroU32,
    /// Time in which one more call comes in.
    pub period: Duration,
}

/// What a larger burst may cost in sustained rate, in percent.
const SUSTAINED_AT_LEAST: u32 = 95;

/// The longest that one refusal closes the gate: a header that is garbled must not stop an app.
pub(super) const LONGEST_RESET: Duration = Duration::from_mins(5);

impl AppPace {
    /// The largest burst that leaves 95 % of the rate that the limits allow for ever.
    ///
    /// A bucket of `burst` that refills one call in `period` lets through at most
    /// `burst + ceil(window / period) - 1` in any window, and that has to stay within the limit of
    /// each window. For 50 a second and 1000 a minute with a guard of 50 ms it gives a burst of 34
    /// and about 16 a second.
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
}

/// The shortest period that keeps a bucket of `burst` within the limit of every window.
fn shortest_period(windows: [(u32, Duration); 2], burst: u32) -> Duration {
    // `burst` never exceeds a limit. What division drops is made up for, and whole microseconds are what
    // replicas can share.
    let periods = windows.map(|(limit, window)| window / (limit - burst + 1));
    let longest = periods[0].max(periods[1]);
    Duration::from_micros(u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).saturating_add(1))
}

impl AppPace {
    /// The pace of each of so many who share this one and, together, never pass it.
    ///
    /// (With more than its burst of them, each may still have one call.)
    pub(super) fn share(self, of: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(self.burst.get() / of).unwrap_or(NonZeroU32::MIN);
        Self { burst, period: self.period.saturating_mul(of.get()) }
    }

    fn quota(self) -> Quota {
        Quota::with_period(self.period)
            .expect("a period is at least a microsecond long")
            .allow_burst(self.burst)
    }
}

#[derive(Debug)]
pub(super) struct AppGate {
    pace: AppPace,
    quota: Quota,
    spent_until: Moment,
    closed_until: Moment,
}

impl AppGate {
    pub(super) fn new(pace: AppPace) -> Self {
        Self { pace, quota: pace.quota(), spent_until: Moment::ZERO, closed_until: Moment::ZERO }
    }

    /// Lets nothing through for `reset`.
    pub(super) fn refused(&mut self, reset: Duration, now: Moment) {
        let closed_until = now.saturating_add(reset.min(LONGEST_RESET));
        self.closed_until = self.closed_until.max(closed_until);
    }

    /// From now on it keeps to this pace.
    pub(super) fn set_pace(&mut self, pace: AppPace) {
        (self.pace, self.quota) = (pace, pace.quota());
    }

    /// From now on it keeps to this pace, and all of it is spent.
    pub(super) fn begin_empty(&mut self, pace: AppPace, now: Moment) {
        self.set_pace(pace);
        self.spent_until = now.saturating_add(pace.period.saturating_mul(pace.burst.get()));
    }

    /// What is known elsewhere.
    pub(super) fn learn(&mut self, spent_until: Moment, closed_until: Moment) {
        self.spent_until = spent_until;
        // A gate opens by itself and never earlier.
        self.closed_until = self.closed_until.max(closed_until);
    }

    pub(super) fn is_closed(&self, now: Moment) -> bool {
        self.closed_until > now
    }

    /// Takes a call that is ready.
    pub(super) fn take(&mut self, now: Moment) -> Result<(), NotUntil> {
        match decide(self.quota, self.spent_until, now) {
            Ok(spent_until) => {
                self.spent_until = spent_until;
                Ok(())
            }
            Err(moment) => Err(NotUntil { scope: Scope::App, moment }),
        }
    }

    /// Whether a call may go with `ahead` others before; none is taken.
    pub(super) fn ready(&self, ahead: usize, now: Moment) -> Result<(), NotUntil> {
        let moment = self.ready_at(ahead, now);
        if moment > now { Err(NotUntil { scope: Scope::App, moment }) } else { Ok(()) }
    }

    /// When a call with `ahead` others before it may go.
    pub(super) fn ready_at(&self, ahead: usize, now: Moment) -> Moment {
        // Nobody goes while it is closed, and what comes in meanwhile is there to be had afterwards.
        let now = now.max(self.closed_until);
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let spent_until =
            self.spent_until.max(now).saturating_add(self.pace.period.saturating_mul(ahead));
        let allowance = self.pace.period * (self.pace.burst.get() - 1);
        spent_until.saturating_sub(allowance).max(now)
    }
}
