//! Room for connections on one listener: a newcomer for whom there is no place gets that of the
//! connection that has been idle the longest.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::api::connections::connection::{Connection, State};
use crate::clock::{Clock, Moment};
use crate::telemetry::metrics::Metrics;

/// Bytes of large heads of all connections to a listener: far more than callers ever need, so that it is
/// only strangers for whom there are none left.
const MOST_LARGE_HEADS: usize = 32 << 20;

/// The places for connections on one listener; clones share them.
#[derive(Clone)]
pub struct Room(Arc<Shared>);

struct Shared {
    /// As metrics and log lines name it.
    listener: &'static str,
    clock: Clock,
    metrics: Metrics,
    /// Whether somebody waits for whom nobody has been asked to leave, as all are busy.
    is_short: AtomicBool,
    /// Bytes that came and are more than each connection may have.
    large_heads: AtomicUsize,
    inside: Mutex<Inside>,
}

/// Who is inside, and who waits to be.
struct Inside {
    free: usize,
    /// Newcomers that wait for a place.
    line: VecDeque<oneshot::Sender<()>>,
    /// How many were asked to leave and are still there.
    leaving: usize,
    /// Those inside that were not asked to leave, first the one that is to be asked next. An entry
    /// is looked at again before it counts: what was idle may have been used since, and then its
    /// true rank is behind the one that stands here.
    ranks: BTreeMap<Rank, Arc<Connection>>,
    /// Where each of them stands in `ranks`.
    recorded: HashMap<usize, Rank>,
}

/// Who leaves first: those that have shown no key, then those that have been idle for longer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    has_shown_key: bool,
    idle_since: Moment,
    id: usize,
}

/// A connection's place: until this is dropped.
pub(crate) struct Place {
    room: Room,
    id: usize,
}

impl Room {
    /// Room for so many connections. `clock` is the one that tells how long a connection is idle.
    #[must_use]
    pub fn new(listener: &'static str, places: usize, clock: Clock, metrics: Metrics) -> Self {
        metrics.begin_connections(listener, places);
        let inside = Inside {
            free: places,
            line: VecDeque::new(),
            leaving: 0,
            ranks: BTreeMap::new(),
            recorded: HashMap::new(),
        };
        let (is_short, inside) = (AtomicBool::new(false), Mutex::new(inside));
        let large_heads = AtomicUsize::new(0);
        Self(Arc::new(Shared { listener, clock, metrics, is_short, large_heads, inside }))
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn listener(&self) -> &'static str {
        self.0.listener
    }

    /// Whether a connection may have so many bytes more than each may, for as long as it lasts.
    pub(crate) fn allows_for_large_head(&self, bytes: usize) -> bool {
        let more = |sum: usize| sum.checked_add(bytes).filter(|sum| *sum <= MOST_LARGE_HEADS);
        self.0.large_heads.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Gives back what was allowed.
    pub(crate) fn ends_large_head(&self, bytes: usize) {
        self.0.large_heads.fetch_sub(bytes, SeqCst);
    }

    /// Counts a connection that comes or goes.
    pub(crate) fn count(&self, more: i64) {
        self.0.metrics.connections(self.0.listener, more);
    }

    /// Counts a connection that the gateway closed.
    pub(crate) fn count_closed(&self, reason: &str) {
        self.0.metrics.connection_closed(self.0.listener, reason);
    }

    /// Returns once there is a place, which an idle connection is asked for if there is none.
    pub(crate) async fn enter(&self, connection: &Arc<Connection>) -> Place {
        let turn = {
            let mut inside = self.inside();
            if inside.free > 0 {
                inside.free -= 1;
                None
            } else {
                let (call, turn) = oneshot::channel();
                inside.line.push_back(call);
                self.ask_the_idle(&mut inside);
                Some(turn)
            }
        };
        if let Some(turn) = turn {
            // The sender stands in the line until it calls.
            let _ = turn.await;
        }
        connection.let_in();
        self.inside().put(Arc::clone(connection), self.0.clock.now());
        Place { room: self.clone(), id: id_of(connection) }
    }

    /// Asks one more to leave if somebody waits for whom nobody was asked.
    pub(crate) fn make_room_if_short(&self) {
        if self.is_short() {
            self.ask_the_idle(&mut self.inside());
        }
    }

    /// Whether this connection, which is busy, leaves with its next answer, so that somebody who waits
    /// gets its place.
    pub(crate) fn takes_leave_of(&self, connection: &Arc<Connection>) -> bool {
        if !self.is_short() {
            return false;
        }
        let mut inside = self.inside();
        let leaves = inside.is_short() && inside.remove(id_of(connection));
        if leaves {
            inside.leaving += 1;
            self.0.is_short.store(inside.is_short(), SeqCst);
        }
        leaves
    }

    /// A connection that has become idle looks at this after it has said so, and whoever sets it looks
    /// at the connections after that: one of them sees the other.
    fn is_short(&self) -> bool {
        self.0.is_short.load(SeqCst)
    }

    fn ask_the_idle(&self, inside: &mut Inside) {
        self.0.is_short.store(inside.is_short(), SeqCst);
        let now = self.0.clock.now();
        let mut busy = Vec::new();
        while inside.is_short() {
            let Some((rank, connection)) = inside.ranks.pop_first() else { break };
            inside.recorded.remove(&rank.id);
            match connection.state() {
                State::Idle { since } if rank != Rank::of(&connection, since) => {
                    inside.put(connection, since);
                }
                State::Idle { since } if !connection.close_if_idle(since, "room_needed") => {
                    busy.push(connection);
                }
                State::Idle { .. } | State::Closed => inside.leaving += 1,
                State::Busy => busy.push(connection),
            }
        }
        for connection in busy {
            // It will be idle from now on at the earliest.
            inside.put(connection, now);
        }
        self.0.is_short.store(inside.is_short(), SeqCst);
    }

    fn leave(&self, id: usize) {
        let mut inside = self.inside();
        if !inside.remove(id) {
            inside.leaving -= 1;
        }
        // Who is gone cannot be called.
        let is_taken = loop {
            match inside.line.pop_front().map(|next| next.send(())) {
                Some(Err(())) => {}
                next => break next.is_some(),
            }
        };
        if !is_taken {
            inside.free += 1;
        }
        self.0.is_short.store(inside.is_short(), SeqCst);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Whether somebody waits for whom nobody was asked to leave.
    fn is_short(&self) -> bool {
        self.line.len() > self.leaving
    }

    fn put(&mut self, connection: Arc<Connection>, idle_since: Moment) {
        let rank = Rank::of(&connection, idle_since);
        self.recorded.insert(rank.id, rank);
        self.ranks.insert(rank, connection);
    }

    /// Whether it was there, that is, whether it was not asked to leave.
    fn remove(&mut self, id: usize) -> bool {
        let rank = self.recorded.remove(&id);
        rank.is_some_and(|rank| self.ranks.remove(&rank).is_some())
    }
}

impl Rank {
    fn of(connection: &Arc<Connection>, idle_since: Moment) -> Self {
        let has_shown_key = connection.has_shown_key();
        Self { has_shown_key, idle_since, id: id_of(connection) }
    }
}

/// Unique among those inside.
fn id_of(connection: &Arc<Connection>) -> usize {
    Arc::as_ptr(connection).addr()
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.leave(self.id);
    }
}
