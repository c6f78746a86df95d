//! Time that a simulation makes pass, for several gateways at once. Those who wait are woken in a fixed order.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};

use super::{Clock, Moment, Source};

/// The time of a simulation. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimulatedTime(Arc<Mutex<Time>>);

#[derive(Debug, Default)]
struct Time {
    now: Moment,
    /// Those who wait, by the moment that they wait for and the order in which they came.
    waiting: BTreeMap<(Moment, u64), Waker>,
    came: u64,
}

/// The wall clock of one machine of a simulation. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimulatedWall(Arc<Mutex<Wall>>);

#[derive(Clone, Copy, Debug, Default)]
struct Wall {
    offset: SignedDuration,
    /// How much it gains in a second, in microseconds.
    gains: i32,
}

/// The clock of one process of a simulation.
#[derive(Clone, Debug)]
pub(super) struct SimulatedClock {
    time: SimulatedTime,
    started: Moment,
    wall: SimulatedWall,
}

impl SimulatedTime {
    pub(crate) fn now(&self) -> Moment {
        self.time().now
    }

    /// The next moment that somebody waits for.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.time().waiting.keys().next().map(|(moment, _)| *moment)
    }

    /// Lets time pass, and wakes those whose moment has come.
    pub(crate) fn advance_to(&self, moment: Moment) {
        let mut time = self.time();
        time.now = time.now.max(moment);
        let later = time.waiting.split_off(&(moment, u64::MAX));
        let due = std::mem::replace(&mut time.waiting, later);
        drop(time);
        due.into_values().for_each(Waker::wake);
    }

    /// The clock of a process that starts now on a machine with this wall clock.
    pub(crate) fn clock(&self, wall: &SimulatedWall) -> Clock {
        let (time, wall) = (self.clone(), wall.clone());
        let started = self.now();
        Clock(Source::Simulated(SimulatedClock { time, started, wall }))
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap()
    }
}

impl SimulatedWall {
    /// Sets the clock forward or back.
    pub(crate) fn step(&self, by: SignedDuration) {
        self.0.lock().unwrap().offset += by;
    }

    /// Has the clock gain or lose so many microseconds in a second.
    pub(crate) fn drift(&self, gains: i32) {
        self.0.lock().unwrap().gains = gains;
    }

    fn at(&self, now: Moment) -> Timestamp {
        let Wall { offset, gains } = *self.0.lock().unwrap();
        let now = SignedDuration::try_from(now).unwrap();
        Timestamp::constant(1_767_225_600, 0) + now + offset + now * gains / 1_000_000
    }
}

impl SimulatedClock {
    pub(super) fn now(&self) -> Moment {
        self.time.now().saturating_sub(self.started)
    }

    pub(super) fn wall(&self) -> Timestamp {
        self.wall.at(self.time.now())
    }

    pub(super) fn wait_until(&self, moment: Moment) -> impl Future<Output = ()> + use<> {
        Waiting { time: self.time.clone(), until: self.started.saturating_add(moment), entry: None }
    }
}

struct Waiting {
    time: SimulatedTime,
    until: Moment,
    entry: Option<u64>,
}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let time = self.time.clone();
        let mut time = time.time();
        if time.now >= self.until {
            return Poll::Ready(());
        }
        let entry = *self.entry.get_or_insert_with(|| {
            time.came += 1;
            time.came
        });
        time.waiting.insert((self.until, entry), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            let waker = self.time.time().waiting.remove(&(self.until, entry));
            // Not under the lock, because it may drop a task that waits too.
            drop(waker);
        }
    }
}
