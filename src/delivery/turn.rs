//! Waiting for one's turn: first come, first served for each receiver, and fair between receivers.
//!
//! A forward stands in its receiver's line until it is first and the receiver's limit would allow
//! it; then in the app's line until the app's limits allow it too; and then it takes both turns
//! together. A future that is dropped falls out of its line and costs nobody a turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::line::Line;
use crate::clock::{Clock, Moment};
use crate::limits::{Limits, Scope, Standing};
use crate::model::receiver::Receiver;

/// The lines in front of one app's limits.
#[derive(Debug)]
pub struct Turns {
    clock: Clock,
    limits: Limits,
    app: Line,
    /// Only the receivers that somebody waits for.
    receivers: Mutex<HashMap<Receiver, Arc<Line>>>,
}

/// How long a forward waited for the turn that it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// For the receiver's limit.
    pub receiver: Duration,
    /// For the app's limits.
    pub app: Duration,
}

/// No turn can be had in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTurn {
    /// The limit that is in the way.
    pub scope: Scope,
    /// How long until a new forward could have its turn.
    pub retry_after: Duration,
}

impl Turns {
    /// Nobody waits yet.
    #[must_use]
    pub fn new(limits: Limits, clock: Clock) -> Self {
        Self { clock, limits, app: Line::new(), receivers: Mutex::default() }
    }

    /// Takes the receiver's turn and the app's, waiting until `until` at most. What cannot be had
    /// by then is refused as soon as that is known.
    pub async fn take(&self, receiver: &Receiver, until: Moment) -> Result<Waited, NoTurn> {
        let line = ReceiverLine::join(self, receiver);
        match self.clock.timeout_at(until, self.wait(receiver, &line.line, until)).await {
            Ok(taken) => taken,
            Err(_elapsed) => Err(self.refusal(receiver, &line.line)),
        }
    }

    async fn wait(
        &self,
        receiver: &Receiver,
        line: &Line,
        until: Moment,
    ) -> Result<Waited, NoTurn> {
        let joined_at = self.clock.now();
        let place = line.join();
        let ready_at = self.limits.receiver_ready_at(receiver, place.ahead, joined_at);
        if ready_at > until.max(joined_at) {
            return Err(self.no_turn(Scope::Receiver, ready_at));
        }
        let _first_for_receiver = place.first().await;
        let free_at = self.limits.receiver_ready_at(receiver, 0, self.clock.now());
        self.clock.sleep_until(free_at).await;

        let free_since = self.clock.now();
        let place_for_app = self.app.join();
        let app_ready_at = self.limits.app_ready_at(place_for_app.ahead, free_since);
        if app_ready_at > until.max(free_since) {
            return Err(self.no_turn(Scope::App, app_ready_at));
        }
        let _first_for_app = place_for_app.first().await;
        // Only the app can refuse now: nobody else is first for this receiver.
        while let Err(not_until) = self.limits.take(receiver, self.clock.now()) {
            self.clock.sleep_until(not_until.moment).await;
        }
        let had_to_wait =
            |ready_at: Moment, since: Moment, ahead: usize| ahead > 0 || ready_at > since;
        let mut waited = Waited::default();
        if had_to_wait(ready_at, joined_at, place.ahead) {
            waited.receiver = free_since.saturating_sub(joined_at);
        }
        if had_to_wait(app_ready_at, free_since, place_for_app.ahead) {
            waited.app = self.clock.since(free_since);
        }
        Ok(waited)
    }

    /// Why somebody who ran out of time in a line did not get a turn.
    fn refusal(&self, receiver: &Receiver, line: &Line) -> NoTurn {
        let now = self.clock.now();
        let receiver_ready_at = self.limits.receiver_ready_at(receiver, line.length(), now);
        let app_ready_at = self.limits.app_ready_at(self.app.length(), now);
        if app_ready_at > receiver_ready_at {
            self.no_turn(Scope::App, app_ready_at)
        } else {
            self.no_turn(Scope::Receiver, receiver_ready_at)
        }
    }

    fn no_turn(&self, scope: Scope, ready_at: Moment) -> NoTurn {
        NoTurn { scope, retry_after: ready_at.saturating_sub(self.clock.now()) }
    }

    /// How much of the receiver's limit is left.
    #[must_use]
    pub fn standing(&self, receiver: &Receiver) -> Standing {
        self.limits.standing(receiver, self.clock.now())
    }

    /// How many receivers the limits remember.
    #[must_use]
    pub fn receivers(&self) -> usize {
        self.limits.receivers()
    }

    /// Lets the limits forget what no longer counts.
    pub fn sweep(&self) {
        self.limits.sweep(self.clock.now());
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Receiver, Arc<Line>>> {
        // No code that can panic runs under this lock.
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receiver's line, forgotten when the last one leaves it.
struct ReceiverLine<'a> {
    turns: &'a Turns,
    receiver: &'a Receiver,
    line: Arc<Line>,
}

impl<'a> ReceiverLine<'a> {
    fn join(turns: &'a Turns, receiver: &'a Receiver) -> Self {
        let line = Arc::clone(
            turns.lines().entry(receiver.clone()).or_insert_with(|| Arc::new(Line::new())),
        );
        Self { turns, receiver, line }
    }
}

impl Drop for ReceiverLine<'_> {
    fn drop(&mut self) {
        let mut lines = self.turns.lines();
        // The map's and this one: clones are made under the lock only.
        if Arc::strong_count(&self.line) == 2 {
            lines.remove(self.receiver);
        }
    }
}
