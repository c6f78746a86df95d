//! Whether a connection is idle, busy or closed, and since when.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::clock::Moment;

/// What goes on on a connection: written by its requests, read by the task that watches it and by those
/// that need its slot.
pub(crate) struct Activity {
    /// The address of the caller, where the caller was still there when it was asked for.
    peer: Option<IpAddr>,
    /// Whether the connection has had its slot. Nothing is read before.
    is_admitted: AtomicBool,
    /// When the first bytes of the first head came.
    began: OnceLock<Moment>,
    /// How many requests came over the connection.
    requests: AtomicU32,
    /// The moment since which the connection is idle, in nanoseconds; or `BUSY` and the number of requests that are being
    /// answered, of which HTTP/2 has several; or `CLOSED`.
    state: AtomicU64,
    /// The name of the caller whose valid key was shown first.
    caller: OnceLock<Arc<str>>,
    /// The task that answers the connection's requests.
    task: OnceLock<AbortHandle>,
}

/// Requests are being answered: this and their number. No clock comes this far.
const BUSY: u64 = 1 << 63;
/// Nothing is answered any longer.
const CLOSED: u64 = u64::MAX;

/// The state of a connection.
#[derive(Clone, Copy)]
pub(crate) enum ActivityState {
    /// No request is being answered, though a part of one may have come.
    Idle {
        since: Moment,
    },
    Busy,
    Closed,
}

impl Activity {
    pub(super) fn new(peer: Option<IpAddr>, now: Moment) -> Self {
        Self {
            peer,
            is_admitted: AtomicBool::new(false),
            began: OnceLock::new(),
            requests: AtomicU32::new(0),
            state: AtomicU64::new(nanoseconds(now)),
            caller: OnceLock::new(),
            task: OnceLock::new(),
        }
    }

    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Names the task that answers, so that [`Self::abort`] can end it. Called once, before
    /// [`Self::admit`].
    pub(super) fn is_answered_by(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    pub(super) fn state(&self) -> ActivityState {
        match self.state.load(SeqCst) {
            CLOSED => ActivityState::Closed,
            BUSY.. => ActivityState::Busy,
            since => ActivityState::Idle { since: Duration::from_nanos(since) },
        }
    }

    /// Begins the connection's idle time at `now`, when it gets its slot: nothing is read before.
    pub(super) fn admit(&self, now: Moment) {
        self.is_admitted.store(true, Relaxed);
        let idle = |state| (state != CLOSED).then_some(nanoseconds(now));
        let _ = self.state.fetch_update(SeqCst, SeqCst, idle);
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.is_admitted.load(Relaxed)
    }

    /// The first bytes of the first head have come.
    pub(super) fn begin(&self, now: Moment) {
        let _ = self.began.set(now);
    }

    /// When the first bytes came.
    pub(super) fn began(&self) -> Option<Moment> {
        self.began.get().copied()
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// Begins a request. False if the connection was closed right before.
    pub(super) fn begin_request(&self) -> bool {
        self.requests.fetch_add(1, Relaxed);
        let busy = |state| match state {
            CLOSED => None,
            BUSY.. => Some(state + 1),
            _ => Some(BUSY + 1),
        };
        self.state.fetch_update(SeqCst, SeqCst, busy).is_ok()
    }

    /// Ends a request; the connection is idle after its last one. False if the connection was closed before the request began.
    pub(super) fn end_request(&self, now: Moment) -> bool {
        let fewer = |state| match state {
            CLOSED => None,
            state if state > BUSY + 1 => Some(state - 1),
            _ => Some(nanoseconds(now)),
        };
        self.state.fetch_update(SeqCst, SeqCst, fewer).is_ok()
    }

    /// Ends a request and closes the connection after it. False if the connection was closed before the
    /// request began.
    pub(super) fn end_last_request(&self) -> bool {
        self.state.compare_exchange(BUSY + 1, CLOSED, SeqCst, SeqCst).is_ok()
    }

    /// Closes the connection, unless a request has come since it became idle at `since`. What is still to
    /// be written is lost.
    pub(super) fn close_if_idle(&self, since: Moment) -> bool {
        let closes =
            self.state.compare_exchange(nanoseconds(since), CLOSED, SeqCst, SeqCst).is_ok();
        if closes {
            self.abort();
        }
        closes
    }

    /// Ends the task that answers when it next has to wait.
    pub(super) fn abort(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    pub(super) fn caller(&self) -> Option<&Arc<str>> {
        self.caller.get()
    }

    /// Notes the caller. Called by [`EvictionOrder`](super::eviction::EvictionOrder) only, which counts by callers.
    pub(super) fn note_caller(&self, caller: &Arc<str>) {
        let _ = self.caller.set(Arc::clone(caller));
    }
}

/// The moment as `state` holds it. The nanoseconds of centuries fit.
fn nanoseconds(moment: Moment) -> u64 {
    u64::try_from(moment.as_nanos()).unwrap_or(BUSY).min(BUSY - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_busy_until_the_last_of_its_requests_has_ended() {
        let (begin, end) = (Duration::from_secs(1), Duration::from_secs(2));
        let activity = Activity::new(None, begin);
        assert!(activity.begin_request() && activity.begin_request());
        assert!(activity.end_request(end));
        assert!(matches!(activity.state(), ActivityState::Busy));
        assert!(!activity.close_if_idle(begin) && !activity.close_if_idle(end));
        assert!(activity.end_request(end));
        assert!(matches!(activity.state(), ActivityState::Idle { since } if since == end));
        assert!(activity.close_if_idle(end));
        assert!(!activity.begin_request());
    }
}
