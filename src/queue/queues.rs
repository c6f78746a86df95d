//! The queues of all receivers and all apps.
//!
//! A request waits for its receiver, among the requests that use the same limit of an app. The first of them
//! waits in the app's queue once the receiver could get its message. It has a place there for each flow that
//! waits behind it: whoever's turn comes, the receiver's first request uses it, so nobody waits for the backlog
//! of the caller before it. What a request uses counts as a turn of its own flow.
//!
//! A request that waits behind others is woken when it becomes the first, and then looks again. A wake-up is
//! kept for a request that does not sleep yet, so none is lost.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::Notify;

use super::bounds::{Waiting, WaitingByCaller};
use super::fair::{FairQueue, Flow, MOST_COUNTED};
use super::ordered::OrderedQueue;
use super::request::Request;
use super::turns::Turns;
use crate::limits::{Ahead, LimitKey};
use crate::model::receiver::Receiver;
use crate::model::share::Weight;
use crate::model::urgency::Urgency;

#[derive(Debug)]
pub(super) struct Queues {
    /// Only the receivers that requests wait for.
    receivers: HashMap<Receiver, ReceiverQueues>,
    /// Only the apps that requests wait for.
    apps: HashMap<LimitKey, AppQueue>,
    /// The queue of an app that no request waits for.
    empty: AppQueue,
    waiting: WaitingByCaller,
}

/// The requests for one receiver, in one order, so that a simulated history replays.
#[derive(Debug)]
struct ReceiverQueues {
    /// Who goes first if the receiver can get only one message.
    turns: Turns<LimitKey>,
    /// Boxed, because a node of the map has room for several, and as a rule there is one.
    by_key: BTreeMap<LimitKey, Box<ReceiverQueue>>,
}

/// The requests for one receiver that use the same limit of an app.
#[derive(Debug)]
struct ReceiverQueue {
    /// What wakes each request.
    waiters: FairQueue<Arc<Notify>>,
    /// The receiver's places in the app's queue: at most one for each flow.
    places: Vec<(Flow, u64)>,
}

#[derive(Debug)]
struct AppQueue {
    /// The receivers that could get a message.
    receivers: FairQueue<Receiver>,
    /// How many requests of each flow wait. Only the flows that have some.
    waiting: HashMap<Flow, usize>,
}

impl Queues {
    pub(super) fn new() -> Self {
        Self {
            receivers: HashMap::new(),
            apps: HashMap::new(),
            empty: AppQueue::new(),
            waiting: WaitingByCaller::default(),
        }
    }

    /// How many requests wait.
    pub(super) const fn waiting(&self) -> &WaitingByCaller {
        &self.waiting
    }

    /// How many requests wait for the receiver, and how many of them are of the request's flow.
    pub(super) fn length(&self, request: &Request<'_>) -> (Waiting, usize) {
        let Some(all) = self.receivers.get(request.receiver) else {
            return (Waiting::default(), 0);
        };
        let (flow, mut waiting, mut own) = (request.flow(), Waiting::default(), 0);
        for queue in all.by_key.values() {
            for urgency in Urgency::ALL {
                *waiting.of_mut(urgency) += queue.waiters.length_of(urgency);
            }
            own += queue.waiters.items(&flow).map_or(0, OrderedQueue::length);
        }
        (waiting, own)
    }

    /// How many are ahead of a request with this number, or may be.
    pub(super) fn ahead(&self, request: &Request<'_>, number: u64) -> Ahead {
        let app = self.app(request.key);
        let for_app = match request.urgency {
            // Bulk requests wait for half a burst, or for turns once interactive requests wait.
            Urgency::Interactive => app.receivers.length_of(Urgency::Interactive),
            Urgency::Bulk => app.receivers.length(),
        };
        let Some(all) = self.receivers.get(request.receiver) else {
            return Ahead { for_receiver: 0, for_app };
        };
        let waiting: usize = all.by_key.values().map(|queue| queue.waiters.length()).sum();
        let own = all.by_key.get(request.key).and_then(|it| it.waiters.items(&request.flow()));
        let behind = own.map_or(0, |own| own.length() - own.ahead_of(number));
        Ahead { for_receiver: waiting - behind, for_app }
    }

    /// Whether a request has to leave half a burst of the app's calls: a bulk one, unless interactive ones wait for
    /// the app.
    pub(super) fn leaves_room(&self, request: &Request<'_>) -> bool {
        request.urgency == Urgency::Bulk && !self.app(request.key).has_interactive()
    }

    /// How many messages the receiver gets, at best, before that of a request with this number.
    pub(super) fn messages_ahead(&self, request: &Request<'_>, number: u64) -> usize {
        let Some(all) = self.receivers.get(request.receiver) else { return 0 };
        let flow = request.flow();
        let of_key = all.by_key.get(request.key).map_or(0, |queue| {
            let length = |flow: &Flow| queue.waiters.items(flow).map_or(0, OrderedQueue::length);
            let own = queue.waiters.items(&flow).map_or(0, |own| own.ahead_of(number));
            own + queue.waiters.turns_of_others(&flow, request.weight(), own, length)
        });
        let others = all.by_key.iter().filter(|(key, _)| *key != request.key);
        of_key + others.map(|(_, other)| other.waiters.length().min(of_key)).sum::<usize>()
    }

    /// How many calls the app makes, at best, before that of a request with this number.
    ///
    /// A receiver for which `is_slow` is true gets no more than its place in the app's queue.
    pub(super) fn calls_ahead(
        &self,
        request: &Request<'_>,
        number: u64,
        is_slow: impl Fn(&Receiver) -> bool,
    ) -> usize {
        let (app, flow) = (self.app(request.key), request.flow());
        let own = self.own_calls_ahead(request, &flow, number, is_slow);
        let waiting = |flow: &Flow| app.waiting.get(flow).copied().unwrap_or(0);
        own + app.receivers.turns_of_others(&flow, request.weight(), own, waiting)
    }

    /// How many calls for its own flow go before a request with this number: those for its receiver, and for
    /// each of them one for every other receiver of the flow.
    fn own_calls_ahead(
        &self,
        request: &Request<'_>,
        flow: &Flow,
        number: u64,
        is_slow: impl Fn(&Receiver) -> bool,
    ) -> usize {
        let own = self.queue(request.key, request.receiver);
        let rounds =
            own.and_then(|own| own.waiters.items(flow)).map_or(0, |own| own.ahead_of(number));
        let own_place = own.and_then(|own| own.place_of(flow)).unwrap_or(u64::MAX);
        let Some(places) = self.app(request.key).receivers.items(flow) else { return rounds };
        if rounds == 0 {
            return places.ahead_of(own_place);
        }
        let calls = |(place, receiver): (u64, &Receiver)| {
            let waiters = self.queue(request.key, receiver).and_then(|it| it.waiters.items(flow));
            let rounds = if is_slow(receiver) { 0 } else { rounds };
            waiters.map_or(0, OrderedQueue::length).min(rounds + usize::from(place < own_place))
        };
        let others = places.iter().filter(|(_, receiver)| *receiver != request.receiver);
        rounds + others.take(MOST_COUNTED).map(calls).sum::<usize>()
    }

    /// Joins the receiver's queue. Returns what wakes the request when it becomes the first.
    pub(super) fn join(&mut self, request: &Request<'_>, number: u64) -> Arc<Notify> {
        let (key, receiver, flow) = (request.key, request.receiver, request.flow());
        let wake = Arc::new(Notify::new());
        let all = self.receivers.entry(receiver.clone()).or_insert_with(ReceiverQueues::new);
        let queue = all.queue(key);
        queue.waiters.join(&flow, request.weight(), number, Arc::clone(&wake));
        let has_places = !queue.places.is_empty();
        self.waiting.join(&flow);
        let app = self.apps.entry(key.clone()).or_insert_with(AppQueue::new);
        *app.waiting.entry(flow.clone()).or_default() += 1;
        if has_places {
            self.join_app_for(key, receiver, &flow, request.weight());
        }
        wake
    }

    /// A request has its permit: it was its flow's turn, and it leaves the queue.
    pub(super) fn had_permit(&mut self, request: &Request<'_>, number: u64) {
        let (key, receiver, flow) = (request.key, request.receiver, request.flow());
        if let Some(all) = self.receivers.get_mut(receiver) {
            all.turns.had_turn(key);
            if let Some(queue) = all.by_key.get_mut(key) {
                queue.waiters.had_turn(&flow);
            }
        }
        self.change_app(key, |app| app.receivers.had_turn(&flow));
        // The flow's next request for this receiver goes behind its other receivers. It takes its new place
        // before it leaves the old one, because a flow without any place does not wait.
        let place = self.queue_mut(key, receiver).and_then(|queue| queue.take_place(&flow));
        if let Some(old) = place {
            self.join_app_for(key, receiver, &flow, request.weight());
            self.change_app(key, |app| app.receivers.leave(&flow, old));
        }
        self.leave(request, number);
        self.wake_first(receiver);
    }

    /// Leaves the receiver's queue, from anywhere. Does nothing if the request is not in it.
    pub(super) fn leave(&mut self, request: &Request<'_>, number: u64) {
        let (key, receiver, flow) = (request.key, request.receiver, request.flow());
        let was_first = self.is_first(request, number);
        let Some(queue) = self.queue_mut(key, receiver) else { return };
        if queue.waiters.leave(&flow, number).is_none() {
            return;
        }
        self.waiting.leave(&flow);
        if let Some(app) = self.apps.get_mut(key) {
            app.waits_no_longer(&flow);
        }
        if self.queue(key, receiver).is_none_or(|queue| queue.waiters.items(&flow).is_none()) {
            self.leave_app_for(key, receiver, &flow);
        }
        if let Some(all) = self.receivers.get_mut(receiver) {
            all.forget_if_empty(key);
            if all.by_key.is_empty() {
                self.receivers.remove(receiver);
            }
        }
        if self.app(key).waiting.is_empty() {
            self.apps.remove(key);
        }
        if was_first {
            self.wake_first(receiver);
        }
    }

    /// Whether a request is the first for its receiver, among those that use its limit.
    pub(super) fn is_first(&self, request: &Request<'_>, number: u64) -> bool {
        let first = self.queue(request.key, request.receiver).and_then(|it| it.waiters.first());
        first.is_some_and(|(flow, first, _)| first == number && flow == request.flow())
    }

    /// How many messages the receiver must be able to get besides that of a request: one for each other
    /// limit whose turn it may be.
    pub(super) fn reserved(&self, request: &Request<'_>) -> usize {
        self.receivers.get(request.receiver).map_or(0, |all| {
            if all.turns.first() == Some(request.key) { 0 } else { all.by_key.len() - 1 }
        })
    }

    /// Has the receiver join the queue of the app for all that wait for it. Returns whether it is the first
    /// there.
    pub(super) fn join_app(&mut self, request: &Request<'_>) -> bool {
        let (key, receiver) = (request.key, request.receiver);
        let Some(queue) = self.queue(key, receiver) else { return false };
        if queue.places.len() < queue.waiters.count_flows() {
            let flows = queue.waiters.flows().map(|(flow, weight, _)| (flow, weight));
            for (flow, weight) in flows.collect::<Vec<_>>() {
                self.join_app_for(key, receiver, &flow, weight);
            }
        }
        self.app(key).receivers.first().is_some_and(|(_, _, first)| first == receiver)
    }

    /// Gives up the receiver's places in an app's queue, if it has any.
    pub(super) fn leave_app(&mut self, request: &Request<'_>) {
        let (key, receiver) = (request.key, request.receiver);
        let places = self.queue(key, receiver).map(|it| it.places.clone()).unwrap_or_default();
        for (flow, _) in places {
            self.leave_app_for(key, receiver, &flow);
        }
    }

    /// Has the receiver's first requests look again.
    pub(super) fn wake_first(&self, receiver: &Receiver) {
        if let Some(all) = self.receivers.get(receiver) {
            all.by_key.values().for_each(|queue| queue.wake_first());
        }
    }

    /// Has the first requests of each receiver look again, in one order, so that a simulated history replays.
    pub(super) fn wake_all(&self) {
        let all: BTreeMap<_, _> = self.receivers.iter().collect();
        all.values().flat_map(|it| it.by_key.values()).for_each(|it| it.wake_first());
    }

    fn join_app_for(&mut self, key: &LimitKey, receiver: &Receiver, flow: &Flow, weight: Weight) {
        if self.queue(key, receiver).is_none_or(|queue| queue.place_of(flow).is_some()) {
            return;
        }
        let place =
            self.change_app(key, |app| app.receivers.join_last(flow, weight, receiver.clone()));
        if let Some((number, queue)) = place.zip(self.queue_mut(key, receiver)) {
            queue.places.push((flow.clone(), number));
        }
    }

    fn leave_app_for(&mut self, key: &LimitKey, receiver: &Receiver, flow: &Flow) {
        let place = self.queue_mut(key, receiver).and_then(|queue| queue.take_place(flow));
        if let Some(number) = place {
            self.change_app(key, |app| app.receivers.leave(flow, number));
        }
    }

    /// Changes the queue of an app, and wakes the one who becomes the first there, or who is the first and needs no
    /// longer leave half a burst.
    fn change_app<R>(
        &mut self,
        key: &LimitKey,
        change: impl FnOnce(&mut AppQueue) -> R,
    ) -> Option<R> {
        let state = |app: &AppQueue| {
            let place = app.receivers.first().map(|(flow, number, _)| (flow, number));
            (place, app.has_interactive())
        };
        let app = self.apps.get_mut(key)?;
        let before = state(app);
        let result = change(app);
        if before != state(app)
            && let Some((_, _, first)) = self.app(key).receivers.first()
            && let Some(queue) = self.queue(key, first)
        {
            queue.wake_first();
        }
        Some(result)
    }

    fn queue(&self, key: &LimitKey, receiver: &Receiver) -> Option<&ReceiverQueue> {
        Some(&**self.receivers.get(receiver)?.by_key.get(key)?)
    }

    fn queue_mut(&mut self, key: &LimitKey, receiver: &Receiver) -> Option<&mut ReceiverQueue> {
        Some(&mut **self.receivers.get_mut(receiver)?.by_key.get_mut(key)?)
    }

    fn app(&self, key: &LimitKey) -> &AppQueue {
        self.apps.get(key).unwrap_or(&self.empty)
    }
}

impl AppQueue {
    fn new() -> Self {
        Self { receivers: FairQueue::new(), waiting: HashMap::new() }
    }

    /// A request of a flow no longer waits.
    fn waits_no_longer(&mut self, flow: &Flow) {
        if let Some(of_flow) = self.waiting.get_mut(flow) {
            *of_flow -= 1;
            if *of_flow == 0 {
                self.waiting.remove(flow);
            }
        }
    }

    /// Whether interactive requests wait.
    const fn has_interactive(&self) -> bool {
        self.receivers.length_of(Urgency::Interactive) > 0
    }
}

impl ReceiverQueues {
    fn new() -> Self {
        Self { turns: Turns::new(), by_key: BTreeMap::new() }
    }

    fn queue(&mut self, key: &LimitKey) -> &mut ReceiverQueue {
        let Self { turns, by_key } = self;
        by_key.entry(key.clone()).or_insert_with(|| {
            turns.join(key, Weight::ONE);
            Box::new(ReceiverQueue { waiters: FairQueue::new(), places: Vec::new() })
        })
    }

    fn forget_if_empty(&mut self, key: &LimitKey) {
        if self.by_key.get(key).is_some_and(|queue| queue.waiters.length() == 0) {
            self.by_key.remove(key);
            self.turns.leave(key);
        }
    }
}

impl ReceiverQueue {
    /// The number of the receiver's place that it has for a flow in the app's queue.
    fn place_of(&self, flow: &Flow) -> Option<u64> {
        self.places.iter().find(|(of, _)| of == flow).map(|(_, number)| *number)
    }

    /// Gives up the place that the receiver has for a flow, and returns its number.
    fn take_place(&mut self, flow: &Flow) -> Option<u64> {
        let at = self.places.iter().position(|(of, _)| of == flow)?;
        Some(self.places.swap_remove(at).1)
    }

    fn wake_first(&self) {
        if let Some((_, _, first)) = self.waiters.first() {
            first.notify_one();
        }
    }
}
