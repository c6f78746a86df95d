//! An app's limits, kept by one bucket, and the pause that Feishu imposes on the app.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use super::decision::{NotBefore, Scope};
use super::gcra::decide;
use super::pace::AppPace;
use crate::clock::Moment;

/// The longest pause that one refusal imposes: a garbled header must not stop an app for longer.
pub(super) const LONGEST_RESET: Duration = Duration::from_mins(5);

/// The longest that a replica lets others go first. The first halves of it are longer than Redis takes to answer.
const LONGEST_YIELD: Duration = Duration::from_millis(10);

/// How long after its last call a replica still lets others go first: longer than the periods of any app that makes
/// a call a second.
const YIELDS_FOR: Duration = Duration::from_mins(1);

/// The bucket of one app's calls of one API.
#[derive(Clone, Debug)]
pub(super) struct AppBucket {
    pace: AppPace,
    quota: Quota,
    /// The moment up to which the calls so far use the bucket up (GCRA's theoretical arrival time).
    spent_until: Moment,
    paused_until: Moment,
    /// When Redis last granted this replica a call.
    granted_at: Moment,
}

impl AppBucket {
    pub(super) fn new(pace: AppPace) -> Self {
        Self {
            pace,
            quota: pace.quota(),
            spent_until: Moment::ZERO,
            paused_until: Moment::ZERO,
            granted_at: Moment::ZERO,
        }
    }

    /// Feishu refused a call: none goes for `reset`.
    pub(super) fn pause_for(&mut self, reset: Duration, now: Moment) {
        let paused_until = now.saturating_add(reset.min(LONGEST_RESET));
        self.paused_until = self.paused_until.max(paused_until);
    }

    pub(super) fn is_paused(&self, now: Moment) -> bool {
        self.paused_until > now
    }

    /// Whether earlier calls and refusals make no difference any more.
    pub(super) fn is_as_unused(&self, now: Moment) -> bool {
        let is_past = |moment: Moment| moment <= now;
        is_past(self.spent_until)
            && is_past(self.paused_until)
            && is_past(self.granted_at.saturating_add(YIELDS_FOR))
    }

    /// Keeps to another pace from now on.
    pub(super) fn set_pace(&mut self, pace: AppPace) {
        (self.pace, self.quota) = (pace, pace.quota());
    }

    /// Keeps to another pace from now on, and begins with an empty bucket.
    pub(super) fn begin_empty(&mut self, pace: AppPace, now: Moment) {
        self.set_pace(pace);
        self.spent_until = now.saturating_add(pace.period.saturating_mul(pace.burst.get()));
    }

    /// Adopts the state that Redis knows.
    pub(super) fn adopt(&mut self, spent_until: Moment, paused_until: Moment) {
        self.spent_until = spent_until;
        // A pause ends by itself, and no replica ends it earlier.
        self.paused_until = self.paused_until.max(paused_until);
    }

    /// Redis granted this replica a call.
    pub(super) fn granted(&mut self, now: Moment) {
        self.granted_at = now;
    }

    /// How long this replica lets others go first when the limits open at `moment`: an eighth of a period, and half
    /// of that for each period since its own last call. So the replica asks first that had none for the longest.
    pub(super) fn yields_for(&self, moment: Moment) -> Duration {
        let AppPace { burst, period } = self.pace;
        if burst == NonZeroU32::MIN {
            // A bucket of one call gains the next one from the moment of the last, so whoever asks late loses time. A
            // larger one gains it from the moment at which the limits open, whoever asks when.
            return Duration::ZERO;
        }
        let periods = moment.saturating_sub(self.granted_at).as_nanos() / period.as_nanos();
        let halves = u32::try_from(periods).ok().and_then(|periods| 2_u32.checked_pow(periods));
        halves.map_or(Duration::ZERO, |parts| LONGEST_YIELD.min(period / 8) / parts)
    }

    /// Half of the calls that may go at once, rounded down.
    pub(super) fn half_a_burst(&self) -> usize {
        self.pace.burst.get() as usize / 2
    }

    /// Takes one call. The caller has checked that it is ready.
    pub(super) fn take(&mut self, now: Moment) -> Result<(), NotBefore> {
        match decide(self.quota, self.spent_until, now) {
            Ok(spent_until) => {
                self.spent_until = spent_until;
                Ok(())
            }
            Err(moment) => Err(NotBefore { scope: Scope::App, moment }),
        }
    }

    /// Whether a call may go that has `ahead` others before it. Takes nothing.
    pub(super) fn ready(&self, ahead: usize, now: Moment) -> Result<(), NotBefore> {
        let moment = self.ready_at(ahead, now);
        if moment > now { Err(NotBefore { scope: Scope::App, moment }) } else { Ok(()) }
    }

    /// When a call may go that has `ahead` others before it.
    pub(super) fn ready_at(&self, ahead: usize, now: Moment) -> Moment {
        // No call goes during a pause, but the bucket fills meanwhile.
        let now = now.max(self.paused_until);
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let spent_until =
            self.spent_until.max(now).saturating_add(self.pace.period.saturating_mul(ahead));
        let allowance = self.pace.period * (self.pace.burst.get() - 1);
        spent_until.saturating_sub(allowance).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_yields_less_the_longer_ago_its_last_call_is() {
        let period = Duration::from_millis(80);
        let burst = NonZeroU32::new(2).expect("not zero");
        let mut app = AppBucket::new(AppPace { burst, period });
        let now = Duration::from_hours(1);
        assert_eq!(app.yields_for(now), Duration::ZERO, "it had none");
        app.granted(now);
        let yields = [0, 79, 80, 160, 80 * 31, 80 * 32]
            .map(|millis| app.yields_for(now + Duration::from_millis(millis)).as_nanos());
        assert_eq!(yields, [10_000_000, 10_000_000, 5_000_000, 2_500_000, 0, 0]);
        app.set_pace(AppPace { burst: NonZeroU32::MIN, period });
        assert_eq!(app.yields_for(now), Duration::ZERO, "late calls would be lost");
    }
}
