//! The lines of all receivers and all apps: one after the other for each receiver, and by turns
//! between receivers.
//!
//! Somebody stands in their receiver's line. A receiver whose first one could go stands in the line
//! of that one's app; the place is the receiver's, so whoever comes to be its first has it.
//!
//! Who has to wait for others is woken when it comes to be first, and then looks again. A wake-up is
//! kept for somebody who does not sleep yet, so that none is lost.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::line::Line;
use crate::clock::Moment;
use crate::limits::Ahead;
use crate::model::receiver::Receiver;

/// Somebody's wish for a turn.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) app: &'a Arc<str>,
    pub(super) receiver: &'a Receiver,
    /// The smaller number goes first.
    pub(super) number: u64,
    /// When it is too late for a turn.
    pub(super) until: Moment,
}

#[derive(Debug)]
pub(super) struct Lines {
    /// Only the receivers that somebody waits for.
    receivers: HashMap<Receiver, ReceiverLine>,
    apps: HashMap<Arc<str>, Line<Receiver>>,
    waiting: usize,
}

#[derive(Debug)]
struct ReceiverLine {
    line: Line<Waiter>,
    place: Option<Place>,
}

#[derive(Debug)]
struct Waiter {
    app: Arc<str>,
    wake: Arc<Notify>,
}

/// A receiver's place in the line of an app.
#[derive(Debug)]
struct Place {
    app: Arc<str>,
    number: u64,
}

impl ReceiverLine {
    const fn new() -> Self {
        Self { line: Line::new(), place: None }
    }

    /// The number of its place in this app's line.
    fn place_for(&self, app: &str) -> Option<u64> {
        self.place.as_ref().filter(|place| &*place.app == app).map(|place| place.number)
    }

    fn wake_first(&self) {
        if let Some(first) = self.line.first() {
            first.wake.notify_one();
        }
    }
}

impl Lines {
    pub(super) fn new(apps: &[Arc<str>]) -> Self {
        let apps = apps.iter().map(|app| (Arc::clone(app), Line::new())).collect();
        Self { receivers: HashMap::new(), apps, waiting: 0 }
    }

    /// How many wait, for whomever.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many wait for the receiver.
    pub(super) fn length(&self, receiver: &Receiver) -> usize {
        self.receivers.get(receiver).map_or(0, |own| own.line.length())
    }

    /// How many stand before somebody who comes now.
    pub(super) fn ahead(&self, wish: &Wish<'_>) -> Ahead {
        let own = self.receivers.get(wish.receiver);
        let for_receiver = own.map_or(0, |own| own.line.ahead_of(wish.number));
        Ahead { for_receiver, for_app: self.app(wish.app).length() }
    }

    /// How many calls of the app go before this one if receivers take turns: those that are before
    /// it for its own receiver, and for each of them one of every other receiver.
    ///
    /// A receiver for which `is_slow` is true gets no more than it stands in the app's line for.
    pub(super) fn calls_ahead(
        &self,
        wish: &Wish<'_>,
        is_slow: impl Fn(&Receiver) -> bool,
    ) -> usize {
        let own = self.receivers.get(wish.receiver);
        let rounds = own.map_or(0, |own| own.line.ahead_of(wish.number));
        let own_place = own.and_then(|own| own.place_for(wish.app)).unwrap_or(u64::MAX);
        if rounds == 0 {
            // Only those who stand in the app's line: there is no need to look at all receivers.
            return self.app(wish.app).ahead_of(own_place);
        }
        let uses_app = |first: &Waiter| first.app == *wish.app;
        let calls = |(receiver, other): (&Receiver, &ReceiverLine)| {
            let is_before = other.place_for(wish.app).is_some_and(|place| place < own_place);
            let rounds = if is_slow(receiver) { 0 } else { rounds };
            other.line.length().min(rounds + usize::from(is_before))
        };
        let lines = self.receivers.iter();
        lines.filter(|(_, other)| other.line.first().is_some_and(uses_app)).map(calls).sum()
    }

    /// Joins the receiver's line. What comes back wakes who has come to be first.
    pub(super) fn join(&mut self, wish: &Wish<'_>) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let waiter = Waiter { app: Arc::clone(wish.app), wake: Arc::clone(&wake) };
        let own = self.receivers.entry(wish.receiver.clone()).or_insert_with(ReceiverLine::new);
        own.line.join(wish.number, waiter);
        self.waiting += 1;
        wake
    }

    /// Leaves the receiver's line, from anywhere.
    pub(super) fn leave(&mut self, wish: &Wish<'_>) {
        let Some(own) = self.receivers.get_mut(wish.receiver) else { return };
        let was_first = own.line.leave(wish.number);
        self.waiting -= 1;
        if own.line.length() == 0 {
            self.leave_app(wish.receiver);
            self.receivers.remove(wish.receiver);
        } else if was_first {
            own.wake_first();
        }
    }

    /// Whether somebody in the receiver's line is the first in it.
    pub(super) fn is_first(&self, wish: &Wish<'_>) -> bool {
        self.receivers.get(wish.receiver).is_some_and(|own| own.line.is_first(wish.number))
    }

    /// Has the receiver stand in the line of the app that its first one uses, and tells how many are
    /// before it there.
    pub(super) fn join_app(&mut self, wish: &Wish<'_>) -> usize {
        let place = self.receivers.get(wish.receiver).and_then(|own| own.place_for(wish.app));
        let number = place.unwrap_or_else(|| {
            self.leave_app(wish.receiver);
            let number = self.app_mut(wish.app).join_last(wish.receiver.clone());
            if let Some(own) = self.receivers.get_mut(wish.receiver) {
                own.place = Some(Place { app: Arc::clone(wish.app), number });
            }
            number
        });
        self.app(wish.app).ahead_of(number)
    }

    /// Gives up the receiver's place in an app's line, if it has one.
    pub(super) fn leave_app(&mut self, receiver: &Receiver) {
        let place = self.receivers.get_mut(receiver).and_then(|own| own.place.take());
        let Some(Place { app, number }) = place else { return };
        if self.app_mut(&app).leave(number)
            && let Some(next) = self.app(&app).first()
        {
            self.wake_first(next);
        }
    }

    /// Has the receiver's first one look again.
    pub(super) fn wake_first(&self, receiver: &Receiver) {
        if let Some(own) = self.receivers.get(receiver) {
            own.wake_first();
        }
    }

    /// Has the first one of each receiver look again.
    pub(super) fn wake_all(&self) {
        self.receivers.values().for_each(ReceiverLine::wake_first);
    }

    fn app(&self, app: &str) -> &Line<Receiver> {
        self.apps.get(app).expect("there are lines for all apps")
    }

    fn app_mut(&mut self, app: &str) -> &mut Line<Receiver> {
        self.apps.get_mut(app).expect("there are lines for all apps")
    }
}
