//! The clock of `src/clock.rs`, as a test's hand moves it: always to the next moment for which somebody sleeps.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// A point in time.
pub type Moment = Duration;

/// Nothing in these tests has a deadline.
#[derive(Debug)]
pub struct Elapsed;

/// The clock.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Arc<watch::Sender<Moment>>,
    sleepers: Arc<watch::Sender<Vec<Moment>>>,
    /// So that no sleeper is missed between a look at the list and its change.
    change: Arc<Mutex<()>>,
}

impl Clock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        let (now, sleepers) = (watch::channel(Moment::ZERO).0, watch::channel(Vec::new()).0);
        Self { now: now.into(), sleepers: sleepers.into(), change: Arc::default() }
    }

    /// What it shows.
    pub fn now(&self) -> Moment {
        *self.now.borrow()
    }

    /// The time since then.
    pub fn since(&self, moment: Moment) -> Duration {
        self.now().saturating_sub(moment)
    }

    /// Sleeps until then.
    pub async fn sleep_until(&self, moment: Moment) {
        let mut now = self.now.subscribe();
        let _entry = Entry::new(self, moment);
        let _ = now.wait_for(|now| *now >= moment).await;
    }

    /// Does the work, however long it takes.
    pub async fn timeout_at<F: Future>(&self, _: Moment, work: F) -> Result<F::Output, Elapsed> {
        Ok(work.await)
    }

    /// Moves to the next moment for which somebody sleeps, again and again.
    pub async fn run(&self) {
        let mut sleepers = self.sleepers.subscribe();
        loop {
            let next = sleepers.wait_for(|all| !all.is_empty()).await;
            let next = next.expect("the clock has it").iter().min().copied();
            let moment = next.unwrap_or_default().max(self.now());
            let _ = self.now.send_replace(moment);
            tokio::task::yield_now().await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Moment>)) {
        let _alone = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.send_modify(change);
    }
}

/// Somebody who sleeps.
struct Entry<'a>(&'a Clock, Moment);

impl<'a> Entry<'a> {
    fn new(clock: &'a Clock, moment: Moment) -> Self {
        clock.change(|all| all.push(moment));
        Self(clock, moment)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.0.change(|all| {
            if let Some(place) = all.iter().position(|it| *it == self.1) {
                all.swap_remove(place);
            }
        });
    }
}
