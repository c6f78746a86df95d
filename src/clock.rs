//! Time, handed to whatever needs it, so that tests decide how it passes.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

/// A point in time: how long after the clock was made. It never goes back, and stands still while the
/// machine is suspended.
pub type Moment = Duration;

/// A point in time by both of the machine's clocks, for promises about the calendar: the monotonic one
/// stands still while the machine is suspended, and the calendar's can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    moment: Moment,
    wall: Timestamp,
}

impl Stamp {
    /// By the monotonic clock.
    #[must_use]
    pub fn moment(self) -> Moment {
        self.moment
    }

    /// The stamp of a time so much earlier.
    #[must_use]
    pub fn earlier_by(self, age: Duration) -> Self {
        let wall = self.wall.saturating_sub(age).unwrap_or(Timestamp::MIN);
        Self { moment: self.moment.saturating_sub(age), wall }
    }
}

/// A time in whole seconds, rounded up: so who waits them has waited long enough.
#[must_use]
pub fn seconds_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// A time in whole milliseconds, rounded down.
#[must_use]
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The deadline came first.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed;

/// Reads the time and waits for it. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    now: watch::Sender<Moment>,
    /// How far the calendar has moved away from it.
    calendar_moved: watch::Sender<SignedDuration>,
    /// When those who sleep wake, deadlines included.
    sleepers: watch::Sender<Vec<Moment>>,
    /// The same of those who sleep until a moment, and not until a deadline at the latest.
    pauses: watch::Sender<Vec<Moment>>,
}

/// The hand that turns a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Manual>);

impl Clock {
    /// The machine's monotonic clock; in a runtime whose time tokio pauses, that time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// A clock that stands still until its hand is turned.
    #[must_use]
    pub fn manual() -> (Self, ManualClock) {
        let manual = Arc::new(Manual {
            now: watch::Sender::new(Moment::ZERO),
            calendar_moved: watch::Sender::new(SignedDuration::ZERO),
            sleepers: watch::Sender::new(Vec::new()),
            pauses: watch::Sender::new(Vec::new()),
        });
        (Self(Source::Manual(Arc::clone(&manual))), ManualClock(manual))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System(start) => start.elapsed(),
            Source::Manual(manual) => *manual.now.borrow(),
        }
    }

    /// The time that has passed since `moment`.
    #[must_use]
    pub fn since(&self, moment: Moment) -> Duration {
        self.now().saturating_sub(moment)
    }

    /// The calendar's time, for expiry dates and time stamps; a manual clock starts on 2026-01-01.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System(_) => Timestamp::now(),
            Source::Manual(manual) => {
                let moved = *manual.calendar_moved.borrow();
                Timestamp::constant(1_767_225_600, 0) + *manual.now.borrow() + moved
            }
        }
    }

    /// The calendar's time at `moment`.
    #[must_use]
    pub fn wall_at(&self, moment: Moment) -> Timestamp {
        let now = self.now();
        let later = self.wall().saturating_add(moment.saturating_sub(now));
        let earlier = now.saturating_sub(moment);
        later.and_then(|it| it.saturating_sub(earlier)).unwrap_or(Timestamp::MAX)
    }

    /// The time now, by both clocks.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { moment: self.now(), wall: self.wall() }
    }

    /// The time that has passed since, by the clock that says more: so neither a suspended machine nor a
    /// calendar that was set back makes a thing younger than it is.
    #[must_use]
    pub fn age(&self, since: Stamp) -> Duration {
        let by_calendar = self.wall().duration_since(since.wall);
        self.since(since.moment).max(by_calendar.try_into().unwrap_or(Duration::ZERO))
    }

    /// The calendar's time at which `span` has passed `since`, by the clock that says sooner.
    #[must_use]
    pub fn wall_after(&self, since: Stamp, span: Duration) -> Timestamp {
        let by_calendar = since.wall.saturating_add(span).unwrap_or(Timestamp::MAX);
        by_calendar.min(self.wall_at(since.moment + span))
    }

    /// Returns once `moment` has come.
    pub async fn sleep_until(&self, moment: Moment) {
        let _pause = match &self.0 {
            Source::Manual(manual) => Some(Bed::new(&manual.pauses, moment)),
            Source::System(_) => None,
        };
        self.coming_of(moment).await;
    }

    async fn coming_of(&self, moment: Moment) {
        if moment <= self.now() {
            return;
        }
        match &self.0 {
            Source::System(start) => tokio::time::sleep_until(*start + moment).await,
            Source::Manual(manual) => manual.sleep_until(moment).await,
        }
    }

    /// The output of `work`, unless `moment` comes first.
    pub async fn timeout_at<F: Future>(
        &self,
        moment: Moment,
        work: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            output = &mut work => return Ok(output),
            () = self.coming_of(moment) => {}
        }
        // The moment may have come after the work was looked at: what is done by then is in time.
        match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => Err(Elapsed),
        }
    }
}

impl Manual {
    async fn sleep_until(&self, moment: Moment) {
        let mut now = self.now.subscribe();
        let _bed = Bed::new(&self.sleepers, moment);
        let notified = now.wait_for(|now| *now >= moment);
        tokio::pin!(notified);
        // The time is looked at by itself, because it changes a little before the notice of it.
        poll_fn(|context| {
            let has_come = *self.now.borrow() >= moment;
            if has_come { Poll::Ready(()) } else { notified.as_mut().poll(context).map(drop) }
        })
        .await;
    }
}

/// A sleeper's entry in the list of those who sleep, removed when it wakes or is dropped.
struct Bed<'a>(&'a watch::Sender<Vec<Moment>>, Moment);

impl<'a> Bed<'a> {
    fn new(list: &'a watch::Sender<Vec<Moment>>, moment: Moment) -> Self {
        list.send_modify(|all| all.push(moment));
        Self(list, moment)
    }
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|all| {
            if let Some(mine) = all.iter().position(|moment| *moment == self.1) {
                all.swap_remove(mine);
            }
        });
    }
}

impl ManualClock {
    /// Lets `by` pass and wakes everybody whose moment has come.
    pub fn advance(&self, by: Duration) {
        self.0.now.send_modify(|now| *now += by);
    }

    /// Moves the calendar alone: ahead, as when the machine was suspended or somebody set its clock, or back.
    pub fn move_calendar(&self, by: SignedDuration) {
        self.0.calendar_moved.send_modify(|moved| *moved += by);
    }

    /// The moments that somebody sleeps until, without those that are only deadlines of something.
    #[must_use]
    pub fn pauses(&self) -> Vec<Moment> {
        self.0.pauses.borrow().clone()
    }

    /// Returns once `enough` is true of the moments that sleepers wait for.
    pub async fn wait_for_sleepers(&self, enough: impl FnMut(&Vec<Moment>) -> bool) {
        let mut sleepers = self.0.sleepers.subscribe();
        // Fails only when the sender is gone, and `self` holds it.
        let _ = sleepers.wait_for(enough).await;
    }
}
