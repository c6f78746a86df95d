//! A connection, as its requests and its listener see it, and the bounds on it that actix does not
//! have: once one request of it was answered, a head that never ends, the rest of a body that nobody
//! wants and an answer that nobody reads would each hold it for ever.

use std::cell::Cell;
use std::future::poll_fn;
use std::mem::replace;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use tokio::task::AbortHandle;

use crate::api::connections::slots::Room;
use crate::api::http::body::declared_length;
use crate::clock::Moment;

/// A connection from its acceptance to its end.
pub struct Connection {
    peer: Option<SocketAddr>,
    room: Room,
    /// When it got its place.
    let_in: OnceLock<Moment>,
    /// How many requests came over it.
    requests: AtomicU32,
    /// Whether what comes in is over once nothing more is there.
    reads_no_more: AtomicBool,
    /// Since when no request of it is worked on, in nanoseconds; or `BUSY` or `CLOSED`.
    state: AtomicU64,
    has_shown_key: AtomicBool,
    /// Whether an answer said that it is the last.
    is_over: AtomicBool,
    /// What it speaks, where its first bytes show that it is not HTTP/1.
    pub(crate) foreign: OnceLock<&'static str>,
    /// The task that answers.
    task: OnceLock<AbortHandle>,
}

/// A request is worked on.
const BUSY: u64 = u64::MAX;
/// Nothing is answered any longer.
const CLOSED: u64 = u64::MAX - 1;

/// What goes on on a connection.
pub(crate) enum State {
    /// No request is worked on, though a part of one may be there.
    Idle {
        since: Moment,
    },
    Busy,
    Closed,
}

impl Connection {
    /// A connection that was accepted, from `peer`, and is to get a place in `room`.
    #[must_use]
    pub fn new(room: &Room, peer: Option<SocketAddr>) -> Arc<Self> {
        room.count(1);
        Arc::new(Self {
            peer,
            room: room.clone(),
            let_in: OnceLock::new(),
            requests: AtomicU32::new(0),
            reads_no_more: AtomicBool::new(false),
            state: AtomicU64::new(nanoseconds(room.clock().now())),
            has_shown_key: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            foreign: OnceLock::new(),
            task: OnceLock::new(),
        })
    }

    /// The address of the other end, where it was still there to be asked for.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// To be called once, before it is let in.
    pub(crate) fn is_answered_by(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(SeqCst) {
            BUSY => State::Busy,
            CLOSED => State::Closed,
            since => State::Idle { since: Duration::from_nanos(since) },
        }
    }

    pub(crate) fn has_shown_key(&self) -> bool {
        self.has_shown_key.load(Relaxed)
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    pub(crate) fn reads_no_more(&self) -> bool {
        self.reads_no_more.load(Relaxed)
    }

    /// Begins its time: before it has a place, nothing is read of it.
    pub(crate) fn let_in(&self) {
        let now = self.room.clock().now();
        let _ = self.let_in.set(now);
        let idle = |state| (state != CLOSED).then_some(nanoseconds(now));
        let _ = self.state.fetch_update(SeqCst, SeqCst, idle);
    }

    /// Whether it had a place for so long and no request came.
    pub(crate) fn was_mute_for(&self, time: Duration) -> bool {
        let age = self.let_in.get().map(|moment| self.room.clock().since(*moment));
        self.requests() == 0 && age.is_some_and(|age| age >= time)
    }

    /// Ends the connection unless it has been used since it became idle. What is still to be written
    /// is lost.
    pub(crate) fn close_if_idle(&self, since: Moment, reason: &'static str) -> bool {
        let is_so = self.state.compare_exchange(nanoseconds(since), CLOSED, SeqCst, SeqCst).is_ok();
        if is_so {
            self.tell_of_end(reason);
            self.abort();
        }
        is_so
    }

    /// Counts that the gateway ended it, and why.
    pub(crate) fn tell_of_end(&self, reason: &'static str) {
        self.room.count_closed(reason);
        let (listener, peer) = (self.room.listener(), self.peer.map(|peer| peer.ip()));
        let peer = peer.map(|ip| tracing::field::display(ip.to_canonical()));
        tracing::debug!(listener, peer, reason, "a connection was closed");
    }

    fn abort(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.room.count(-1);
    }
}

/// As `state` holds it: enough for centuries.
fn nanoseconds(moment: Moment) -> u64 {
    u64::try_from(moment.as_nanos()).unwrap_or(CLOSED - 1)
}

/// A connection while a request of it is worked on: until this is dropped.
pub(crate) struct Busy {
    connection: Option<Arc<Connection>>,
    has_short_body: bool,
    /// Whether somebody waits for its place: what cannot be written at once is not.
    leaves: Cell<bool>,
}

/// The length of a body, in bytes, that as a rule comes together with its head.
const SHORT: u64 = 4096;

impl Busy {
    pub(crate) fn with(request: &ServiceRequest) -> Self {
        let length = declared_length(request.headers());
        let has_short_body = length.is_some_and(|length| (1..=SHORT).contains(&length));
        Self::on(request.conn_data::<Arc<Connection>>().cloned(), has_short_body)
    }

    pub(crate) fn on(connection: Option<Arc<Connection>>, has_short_body: bool) -> Self {
        if let Some(connection) = &connection {
            connection.requests.fetch_add(1, Relaxed);
            let busy = |state| (state != CLOSED).then_some(BUSY);
            if connection.state.fetch_update(SeqCst, SeqCst, busy).is_err() {
                connection.is_over.store(true, Relaxed);
            }
        }
        Self { connection, has_short_body, leaves: Cell::new(false) }
    }

    /// Lets actix take in a short body that nobody has read: it looks at it only when it has asked once
    /// for the answer, and ends the connection if that is there before.
    pub(crate) async fn take_in_body(&self) {
        let mut is_over = !self.has_short_body;
        poll_fn(|context| {
            if replace(&mut is_over, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Whether the caller was told that the answer before was the last, or the connection was closed
    /// right before this request: the caller takes it for one that nobody read, and may repeat it
    /// elsewhere.
    pub(crate) fn is_over(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.is_over.load(Relaxed))
    }

    /// Keeps the connection longer than those of strangers, where not all can stay.
    pub(crate) fn shows_key(&self) {
        if let Some(connection) = &self.connection {
            connection.has_shown_key.store(true, Relaxed);
        }
    }

    /// Whether somebody waits for a place who gets this one's when it is answered.
    pub(crate) fn makes_room(&self) -> bool {
        let leaves = self.connection.as_ref().is_some_and(|it| it.room.takes_leave_of(it));
        self.leaves.set(leaves);
        leaves
    }

    /// Makes this answer the last.
    pub(crate) fn end_with(&self, response: &mut ServiceResponse<impl MessageBody>) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        if let Some(connection) = &self.connection {
            connection.is_over.store(true, Relaxed);
        }
    }

    /// Lets actix find the end of what comes in, so that it closes the connection once the last
    /// answer is out, however much of the request is still to come.
    pub(crate) async fn stop_reading(&self) {
        if let Some(connection) = &self.connection {
            connection.reads_no_more.store(true, Relaxed);
        }
        // It looks for more when it is asked again.
        poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Ready(())
        })
        .await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Some(connection) = &self.connection else { return };
        let idle = nanoseconds(connection.room.clock().now());
        let after = if self.leaves.get() { CLOSED } else { idle };
        match connection.state.compare_exchange(BUSY, after, SeqCst, SeqCst) {
            // The task ends when it next has to wait: the answer is written before.
            Ok(_) if self.leaves.get() => connection.abort(),
            Ok(_) => connection.room.make_room_if_short(),
            // It was closed before this request.
            Err(_) => {}
        }
    }
}
