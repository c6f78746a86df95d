//! The clock. Every part that needs the time gets a [`Clock`] as an argument, so tests can use a manual clock and do
//! not sleep. Clippy forbids asking the machine for the time anywhere else (`clippy.toml`).

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

#[cfg(test)]
pub(crate) use simulated::{SimulatedTime, SimulatedWall};

/// A point in monotonic time, as the duration since the clock was created. Monotonic time never goes back. It does
/// not advance while the machine is suspended.
pub type Moment = Duration;

/// A point in time by both the monotonic clock and the wall clock.
///
/// A deadline that outlasts a suspension of the machine or a change of the wall clock needs both: the monotonic
/// clock stops while the machine is suspended, and an administrator can set the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    moment: Moment,
    wall: Timestamp,
}

impl Stamp {
    /// The point in monotonic time.
    #[must_use]
    pub fn moment(self) -> Moment {
        self.moment
    }

    /// The stamp of the time that is `age` earlier.
    #[must_use]
    pub fn earlier_by(self, age: Duration) -> Self {
        let wall = self.wall.saturating_sub(age).unwrap_or(Timestamp::MIN);
        Self { moment: self.moment.saturating_sub(age), wall }
    }
}

/// A duration in whole seconds, rounded up, so that a wait of that many seconds is long enough.
#[must_use]
pub fn seconds_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// A duration in whole milliseconds, rounded down.
#[must_use]
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The error of [`Clock::timeout_at`]: the deadline passed before the work was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed;

/// A source of time that can also be waited for. All clones show one time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Manual(Arc<ManualTime>),
    #[cfg(test)]
    Simulated(simulated::SimulatedClock),
}

/// The time of a manual clock, and the tasks that wait for it.
#[derive(Debug)]
struct ManualTime {
    now: watch::Sender<Moment>,
    /// By how much the wall clock was moved relative to `now`.
    wall_offset: watch::Sender<SignedDuration>,
    /// The moments for which tasks wait in `sleep_until` or `timeout_at`.
    sleepers: watch::Sender<Vec<Moment>>,
    /// The moments for which tasks wait in `sleep_until` only.
    pauses: watch::Sender<Vec<Moment>>,
}

/// The control of a manual clock, with which a test makes time pass.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<ManualTime>);

impl Clock {
    /// The machine's monotonic clock. In a tokio runtime with paused time it shows tokio's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only module that asks the machine")]
    pub fn system() -> Self {
        // tokio's `Instant`, not that of `std`: the tests of `delivery` simulate hours in tokio's paused time.
        Self(Source::System(Instant::now()))
    }

    /// A clock whose time advances only through the returned [`ManualClock`].
    #[must_use]
    pub fn manual() -> (Self, ManualClock) {
        let time = Arc::new(ManualTime {
            now: watch::Sender::new(Moment::ZERO),
            wall_offset: watch::Sender::new(SignedDuration::ZERO),
            sleepers: watch::Sender::new(Vec::new()),
            pauses: watch::Sender::new(Vec::new()),
        });
        (Self(Source::Manual(Arc::clone(&time))), ManualClock(time))
    }

    /// The current point in monotonic time.
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System(start) => start.elapsed(),
            Source::Manual(time) => *time.now.borrow(),
            #[cfg(test)]
            Source::Simulated(clock) => clock.now(),
        }
    }

    /// The time that has passed since `moment`, or zero if `moment` is in the future.
    #[must_use]
    pub fn since(&self, moment: Moment) -> Duration {
        self.now().saturating_sub(moment)
    }

    /// The current time of the wall clock, for expiry dates and time stamps. A manual clock starts on 2026-01-01.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only module that asks the machine")]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System(_) => Timestamp::now(),
            Source::Manual(time) => {
                let offset = *time.wall_offset.borrow();
                Timestamp::constant(1_767_225_600, 0) + *time.now.borrow() + offset
            }
            #[cfg(test)]
            Source::Simulated(clock) => clock.wall(),
        }
    }

    /// The time of the wall clock at `moment`.
    #[must_use]
    pub fn wall_at(&self, moment: Moment) -> Timestamp {
        let now = self.now();
        let later = self.wall().saturating_add(moment.saturating_sub(now));
        let earlier = now.saturating_sub(moment);
        later.and_then(|it| it.saturating_sub(earlier)).unwrap_or(Timestamp::MAX)
    }

    /// The current time by both clocks.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { moment: self.now(), wall: self.wall() }
    }

    /// The time that has passed since `since`, by the clock that shows more. So neither a suspended machine nor a wall
    /// clock that was set back makes the result too small.
    #[must_use]
    pub fn age(&self, since: Stamp) -> Duration {
        let by_wall = self.wall().duration_since(since.wall);
        self.since(since.moment).max(by_wall.try_into().unwrap_or(Duration::ZERO))
    }

    /// The time of the wall clock at which `span` has passed since `since`, by the clock that shows it sooner.
    #[must_use]
    pub fn wall_after(&self, since: Stamp, span: Duration) -> Timestamp {
        let by_wall = since.wall.saturating_add(span).unwrap_or(Timestamp::MAX);
        by_wall.min(self.wall_at(since.moment + span))
    }

    /// Waits until `moment`.
    pub async fn sleep_until(&self, moment: Moment) {
        let _pause = match &self.0 {
            Source::Manual(time) => Some(Entry::new(&time.pauses, moment)),
            Source::System(_) => None,
            #[cfg(test)]
            Source::Simulated(_) => None,
        };
        self.wait_until(moment).await;
    }

    async fn wait_until(&self, moment: Moment) {
        if moment <= self.now() {
            return;
        }
        match &self.0 {
            Source::System(start) => tokio::time::sleep_until(*start + moment).await,
            Source::Manual(time) => time.wait_until(moment).await,
            #[cfg(test)]
            Source::Simulated(clock) => clock.wait_until(moment).await,
        }
    }

    /// Runs `work` until `moment` at the latest, and returns its output if it is done by then.
    pub async fn timeout_at<F: Future>(
        &self,
        moment: Moment,
        work: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            output = &mut work => return Ok(output),
            () = self.wait_until(moment) => {}
        }
        // The work may have finished after the poll above and before the moment. Then it is in time.
        match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => Err(Elapsed),
        }
    }
}

impl ManualTime {
    async fn wait_until(&self, moment: Moment) {
        let mut now = self.now.subscribe();
        let _sleeper = Entry::new(&self.sleepers, moment);
        let notified = now.wait_for(|now| *now >= moment);
        tokio::pin!(notified);
        // `watch` changes the value shortly before it wakes the receivers, so each poll also reads the value.
        poll_fn(|context| {
            let has_come = *self.now.borrow() >= moment;
            if has_come { Poll::Ready(()) } else { notified.as_mut().poll(context).map(drop) }
        })
        .await;
    }
}

/// The entry of a waiting task in a list of moments. Dropping it removes the entry.
struct Entry<'a>(&'a watch::Sender<Vec<Moment>>, Moment);

impl<'a> Entry<'a> {
    fn new(list: &'a watch::Sender<Vec<Moment>>, moment: Moment) -> Self {
        list.send_modify(|all| all.push(moment));
        Self(list, moment)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|all| {
            if let Some(index) = all.iter().position(|moment| *moment == self.1) {
                all.swap_remove(index);
            }
        });
    }
}

impl ManualClock {
    /// Advances the time by `by` and wakes every task whose moment has come.
    pub fn advance(&self, by: Duration) {
        self.0.now.send_modify(|now| *now += by);
    }

    /// Moves the wall clock alone. Forward, this simulates a suspended machine or a clock that was set; backward, a
    /// clock that was set back.
    pub fn move_calendar(&self, by: SignedDuration) {
        self.0.wall_offset.send_modify(|offset| *offset += by);
    }

    /// The moments for which tasks wait in [`Clock::sleep_until`]. Deadlines of [`Clock::timeout_at`] are not
    /// included.
    #[must_use]
    pub fn pauses(&self) -> Vec<Moment> {
        self.0.pauses.borrow().clone()
    }

    /// Waits until `enough` returns true for the list of moments for which tasks wait, deadlines included.
    pub async fn wait_for_sleepers(&self, enough: impl FnMut(&Vec<Moment>) -> bool) {
        let mut sleepers = self.0.sleepers.subscribe();
        // This fails only if the sender is dropped, and `self` holds the sender.
        let _ = sleepers.wait_for(enough).await;
    }
}
