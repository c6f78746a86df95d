//! The queues of all receivers and all apps.
//!
//! A request waits in its receiver's queue. A receiver whose first request could go waits in the queue of
//! that request's app. The place there is the receiver's: whichever request becomes its first one uses it.
//!
//! A request that waits behind others is woken when it becomes the first, and then looks again. A wake-up is
//! kept for a request that does not sleep yet, so none is lost.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::ordered::OrderedQueue;
use super::request::Request;
use crate::limits::{Ahead, LimitKey};
use crate::model::receiver::Receiver;

#[derive(Debug)]
pub(super) struct Queues {
    /// Only the receivers that requests wait for.
    receivers: HashMap<Receiver, ReceiverQueue>,
    apps: HashMap<LimitKey, OrderedQueue<Receiver>>,
    waiting: usize,
}

#[derive(Debug)]
struct ReceiverQueue {
    queue: OrderedQueue<Waiter>,
    place: Option<Place>,
}

/// A request in a receiver's queue.
#[derive(Debug)]
struct Waiter {
    key: LimitKey,
    wake: Arc<Notify>,
}

/// A receiver's place in the queue of an app.
#[derive(Debug)]
struct Place {
    key: LimitKey,
    number: u64,
}

impl ReceiverQueue {
    const fn new() -> Self {
        Self { queue: OrderedQueue::new(), place: None }
    }

    /// The number of its place in this app's queue.
    fn place_for(&self, key: &LimitKey) -> Option<u64> {
        self.place.as_ref().filter(|place| place.key == *key).map(|place| place.number)
    }

    fn wake_first(&self) {
        if let Some(first) = self.queue.first() {
            first.wake.notify_one();
        }
    }
}

impl Queues {
    pub(super) fn new(keys: &[LimitKey]) -> Self {
        let apps = keys.iter().map(|key| (key.clone(), OrderedQueue::new())).collect();
        Self { receivers: HashMap::new(), apps, waiting: 0 }
    }

    /// How many requests wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many requests wait for the receiver.
    pub(super) fn length(&self, receiver: &Receiver) -> usize {
        self.receivers.get(receiver).map_or(0, |own| own.queue.length())
    }

    /// How many are ahead of a request with this number.
    pub(super) fn ahead(&self, request: &Request<'_>, number: u64) -> Ahead {
        let own = self.receivers.get(request.receiver);
        let for_receiver = own.map_or(0, |own| own.queue.ahead_of(number));
        Ahead { for_receiver, for_app: self.app(request.key).length() }
    }

    /// How many calls of the app go before a request with this number if receivers take turns: the calls for
    /// its own receiver that are ahead of it, and for each of them one call for every other receiver.
    ///
    /// A receiver for which `is_slow` is true gets no more than its place in the app's queue.
    pub(super) fn calls_ahead(
        &self,
        request: &Request<'_>,
        number: u64,
        is_slow: impl Fn(&Receiver) -> bool,
    ) -> usize {
        let own = self.receivers.get(request.receiver);
        let rounds = own.map_or(0, |own| own.queue.ahead_of(number));
        let own_place = own.and_then(|own| own.place_for(request.key)).unwrap_or(u64::MAX);
        if rounds == 0 {
            // Only the app's own queue counts, so there is no need to look at all receivers.
            return self.app(request.key).ahead_of(own_place);
        }
        let uses_app = |first: &Waiter| first.key == *request.key;
        let calls = |(receiver, other): (&Receiver, &ReceiverQueue)| {
            let is_before = other.place_for(request.key).is_some_and(|place| place < own_place);
            let rounds = if is_slow(receiver) { 0 } else { rounds };
            other.queue.length().min(rounds + usize::from(is_before))
        };
        let others = self.receivers.iter();
        others.filter(|(_, other)| other.queue.first().is_some_and(uses_app)).map(calls).sum()
    }

    /// Joins the receiver's queue. Returns what wakes the request when it becomes the first.
    pub(super) fn join(&mut self, request: &Request<'_>, number: u64) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let waiter = Waiter { key: request.key.clone(), wake: Arc::clone(&wake) };
        let receiver = request.receiver.clone();
        let own = self.receivers.entry(receiver).or_insert_with(ReceiverQueue::new);
        own.queue.join(number, waiter);
        self.waiting += 1;
        wake
    }

    /// Leaves the receiver's queue, from anywhere.
    pub(super) fn leave(&mut self, receiver: &Receiver, number: u64) {
        let Some(own) = self.receivers.get_mut(receiver) else { return };
        let was_first = own.queue.leave(number);
        self.waiting -= 1;
        if own.queue.length() == 0 {
            self.leave_app(receiver);
            self.receivers.remove(receiver);
        } else if was_first {
            own.wake_first();
        }
    }

    /// Whether a request is the first of its receiver.
    pub(super) fn is_first(&self, receiver: &Receiver, number: u64) -> bool {
        self.receivers.get(receiver).is_some_and(|own| own.queue.is_first(number))
    }

    /// Has the receiver join the queue of the app that its first request uses, and returns how many are
    /// before it there.
    pub(super) fn join_app(&mut self, key: &LimitKey, receiver: &Receiver) -> usize {
        let place = self.receivers.get(receiver).and_then(|own| own.place_for(key));
        let number = place.unwrap_or_else(|| {
            self.leave_app(receiver);
            let number = self.app_mut(key).join_last(receiver.clone());
            if let Some(own) = self.receivers.get_mut(receiver) {
                own.place = Some(Place { key: key.clone(), number });
            }
            number
        });
        self.app(key).ahead_of(number)
    }

    /// Gives up the receiver's place in an app's queue, if it has one.
    pub(super) fn leave_app(&mut self, receiver: &Receiver) {
        let place = self.receivers.get_mut(receiver).and_then(|own| own.place.take());
        let Some(Place { key, number }) = place else { return };
        if self.app_mut(&key).leave(number)
            && let Some(next) = self.app(&key).first()
        {
            self.wake_first(next);
        }
    }

    /// Has the receiver's first request look again.
    pub(super) fn wake_first(&self, receiver: &Receiver) {
        if let Some(own) = self.receivers.get(receiver) {
            own.wake_first();
        }
    }

    /// Has the first request of each receiver look again.
    pub(super) fn wake_all(&self) {
        self.receivers.values().for_each(ReceiverQueue::wake_first);
    }

    fn app(&self, key: &LimitKey) -> &OrderedQueue<Receiver> {
        self.apps.get(key).expect("every app has a queue")
    }

    fn app_mut(&mut self, key: &LimitKey) -> &mut OrderedQueue<Receiver> {
        self.apps.get_mut(key).expect("every app has a queue")
    }
}
