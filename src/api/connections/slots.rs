//! Slots for the connections of one listener.
//!
//! A new connection that finds no free slot gets the one of an idle connection, which is closed for it
//! ([`eviction`](super::eviction) says which). While all are busy it waits. Busy is a connection with a request in
//! flight, and of those no caller has so many that none is left for others, nor are there more of them than slots
//! (`http/places.rs`): so no caller can keep all slots busy.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::api::connections::activity::Activity;
use crate::api::connections::eviction::{Departure, EvictionOrder};
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;

/// Bytes that the large heads of all connections of a listener may have together. That is far more than
/// well-behaved callers need.
const MOST_LARGE_HEADS: usize = 32 << 20;

/// The slots for the connections of one listener. Clones share them.
#[derive(Clone)]
pub struct ConnectionSlots(Arc<SharedSlots>);

struct SharedSlots {
    /// The listener's name in metrics and log lines.
    listener: &'static str,
    clock: Clock,
    metrics: Metrics,
    /// Whether a connection waits for a slot and none was asked to leave for it, as all are busy.
    is_short: AtomicBool,
    /// Bytes of heads beyond those that each connection may have.
    large_heads: AtomicUsize,
    occupants: Mutex<Occupants>,
}

/// The connections that have a slot, and those that wait for one.
struct Occupants {
    free: usize,
    /// The connections that wait, the first one in front.
    waiting: VecDeque<oneshot::Sender<PassedSlot>>,
    /// How many connections were asked to leave and still have their slot.
    leaving: usize,
    /// The connections that have a slot and were not asked to leave.
    staying: EvictionOrder,
}

/// The slot of a connection, which this gives back when it is dropped.
pub(super) struct ConnectionSlot {
    slots: ConnectionSlots,
    connection: Arc<Activity>,
}

impl ConnectionSlots {
    /// Makes `count` slots. `clock` is the one by which connections are idle.
    #[must_use]
    pub fn new(listener: &'static str, count: usize, clock: Clock, metrics: Metrics) -> Self {
        metrics.begin_connections(listener, count);
        let occupants = Occupants {
            free: count,
            waiting: VecDeque::new(),
            leaving: 0,
            staying: EvictionOrder::default(),
        };
        let (is_short, occupants) = (AtomicBool::new(false), Mutex::new(occupants));
        let large_heads = AtomicUsize::new(0);
        Self(Arc::new(SharedSlots { listener, clock, metrics, is_short, large_heads, occupants }))
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Whether a connection may keep `bytes` more of a head than each connection may. If so, they count
    /// until [`Self::free_large_head`].
    pub(super) fn allow_large_head(&self, bytes: usize) -> bool {
        let more = |sum: usize| sum.checked_add(bytes).filter(|sum| *sum <= MOST_LARGE_HEADS);
        self.0.large_heads.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Gives back `bytes` that [`Self::allow_large_head`] allowed.
    pub(super) fn free_large_head(&self, bytes: usize) {
        self.0.large_heads.fetch_sub(bytes, SeqCst);
    }

    /// Counts a connection that was accepted (1) or has ended (-1).
    pub(super) fn count_connections(&self, change: i64) {
        self.0.metrics.connections(self.0.listener, change);
    }

    /// Counts and logs a connection that the gateway closed.
    pub(super) fn report_closed(&self, connection: &Activity, reason: &'static str) {
        self.0.metrics.connection_closed(self.0.listener, reason);
        let peer = connection.peer().map(tracing::field::display);
        tracing::debug!(listener = self.0.listener, peer, reason, "a connection was closed");
    }

    /// Returns once the connection has a slot. If none is free, an idle connection is closed for it.
    pub(super) async fn enter(&self, connection: &Arc<Activity>) -> ConnectionSlot {
        let vacated = {
            let mut occupants = self.occupants();
            if occupants.free > 0 {
                occupants.free -= 1;
                None
            } else {
                let (vacate, vacated) = oneshot::channel();
                occupants.waiting.push_back(vacate);
                self.ask_idle_to_leave(&mut occupants);
                Some(vacated)
            }
        };
        if let Some(vacated) = vacated {
            // It cannot fail: the sender stays in `waiting` until it sends.
            vacated.await.into_iter().for_each(PassedSlot::arrive);
        }
        let now = self.0.clock.now();
        connection.admit(now);
        self.occupants().staying.add(connection, now);
        ConnectionSlot { slots: self.clone(), connection: Arc::clone(connection) }
    }

    /// Notes the caller whose valid key was shown on this connection. The first one counts.
    pub(super) fn note_caller(&self, connection: &Arc<Activity>, caller: &Arc<str>) {
        // As a rule it is known already, and then no lock is taken.
        if connection.caller().is_none() {
            self.occupants().staying.note_caller(connection, caller);
        }
    }

    /// Asks one more idle connection to leave, if a connection waits for which none was asked.
    pub(super) fn make_room_if_short(&self) {
        if self.is_short() {
            self.ask_idle_to_leave(&mut self.occupants());
        }
    }

    /// Whether this connection, which is busy, leaves after its next answer, so that one that waits gets
    /// its slot.
    pub(super) fn takes_slot_of(&self, connection: &Arc<Activity>) -> bool {
        if !self.is_short() {
            return false;
        }
        let mut occupants = self.occupants();
        let leaves = occupants.is_short() && occupants.staying.remove(connection);
        if leaves {
            occupants.leaving += 1;
            self.0.is_short.store(occupants.is_short(), SeqCst);
        }
        leaves
    }

    /// A connection reads this after it has become idle, and [`Self::ask_idle_to_leave`] looks at the
    /// connections after it has written this: so one of the two sees the other.
    fn is_short(&self) -> bool {
        self.0.is_short.load(SeqCst)
    }

    fn ask_idle_to_leave(&self, occupants: &mut Occupants) {
        self.0.is_short.store(occupants.is_short(), SeqCst);
        let now = self.0.clock.now();
        while occupants.is_short() {
            let Some(departure) = occupants.staying.evict(now) else { break };
            occupants.leaving += 1;
            if let Departure::Closed(connection) = departure {
                self.report_closed(&connection, "room_needed");
            }
        }
        self.0.is_short.store(occupants.is_short(), SeqCst);
    }

    fn leave(&self, connection: &Arc<Activity>) {
        let mut occupants = self.occupants();
        if !occupants.staying.remove(connection) {
            occupants.leaving -= 1;
        }
        self.pass_on(&mut occupants);
    }

    /// Gives a slot to the connection that has waited for the longest. It is free if none waits.
    fn pass_on(&self, occupants: &mut Occupants) {
        let is_taken = loop {
            let Some(next) = occupants.waiting.pop_front() else { break false };
            match next.send(PassedSlot(Some(self.clone()))) {
                Ok(()) => break true,
                // A connection that ended while it waited does not take the slot.
                Err(slot) => slot.arrive(),
            }
        };
        if !is_taken {
            occupants.free += 1;
        }
        self.0.is_short.store(occupants.is_short(), SeqCst);
    }

    fn occupants(&self) -> MutexGuard<'_, Occupants> {
        self.0.occupants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Occupants {
    /// Whether a connection waits for which none was asked to leave.
    fn is_short(&self) -> bool {
        self.waiting.len() > self.leaving
    }
}

/// A slot on its way to a connection that waits. If the connection ends meanwhile, the slot is passed on.
struct PassedSlot(Option<ConnectionSlots>);

impl PassedSlot {
    /// It has arrived, so dropping it passes nothing on.
    fn arrive(mut self) {
        self.0 = None;
    }
}

impl Drop for PassedSlot {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.pass_on(&mut slots.occupants());
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.slots.leave(&self.connection);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::clock::Moment;

    fn look<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_slot_that_is_passed_to_a_connection_that_ends_before_it_looks_is_not_lost() {
        let slots = ConnectionSlots::new("test", 1, Clock::manual().0, Metrics::new());
        let connection = || Arc::new(Activity::new(None, Moment::ZERO));
        let connections = [connection(), connection(), connection()];
        let Poll::Ready(first) = look(pin!(slots.enter(&connections[0]))) else {
            panic!("it is free");
        };
        let mut second = Box::pin(slots.enter(&connections[1]));
        assert!(look(second.as_mut()).is_pending());
        drop(first);
        drop(second);
        assert!(look(pin!(slots.enter(&connections[2]))).is_ready());
    }
}
