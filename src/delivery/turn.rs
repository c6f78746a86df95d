//! Waiting for one's turn: first come, first served for each receiver, and fair between receivers.
//!
//! A forward stands in its receiver's line until it is first and the receiver's limit would allow
//! it; then in the app's line until the app's limits allow it too; and then it takes both turns
//! together. A future that is dropped falls out of its line and costs nobody a turn.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::line::Line;
use crate::clock::{Clock, Moment};
use crate::limits::{Ahead, Limits, Rules, Scope, Standing};
use crate::model::receiver::Receiver;

/// The lines in front of the limits.
#[derive(Debug)]
pub struct Turns {
    clock: Clock,
    limits: Limits,
    apps: HashMap<Arc<str>, Line>,
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
    pub fn new(rules: &Rules, apps: &[Arc<str>], clock: Clock) -> Self {
        let limits = Limits::new(rules, apps.iter().cloned());
        let apps = apps.iter().map(|app| (app.clone(), Line::new())).collect();
        Self { clock, limits, apps, receivers: Mutex::default() }
    }

    /// Takes the receiver's turn and the app's, waiting until `until` at most. What cannot be had
    /// by then is refused as soon as that is known.
    pub async fn take(
        &self,
        app: &str,
        receiver: &Receiver,
        until: Moment,
    ) -> Result<Waited, NoTurn> {
        let app_line = self.apps.get(app).expect("there are lines for all apps");
        let turn = Wish { turns: self, app, app_line, receiver, until };
        if turn.take_at_once() {
            return Ok(Waited::default());
        }
        let line = ReceiverLine::join(self, receiver);
        match self.clock.timeout_at(until, turn.wait(&line)).await {
            Ok(taken) => taken,
            Err(_elapsed) => Err(turn.refusal(&line)),
        }
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

/// Somebody's wish for a turn.
struct Wish<'a> {
    turns: &'a Turns,
    app: &'a str,
    app_line: &'a Line,
    receiver: &'a Receiver,
    until: Moment,
}

impl Wish<'_> {
    /// Takes the turn without a line where there is enough for all who wait and one more: then
    /// nobody is passed over.
    fn take_at_once(&self) -> bool {
        let Turns { clock, limits, .. } = self.turns;
        let for_receiver = self.turns.lines().get(self.receiver).map_or(0, |line| line.length());
        let ahead = Ahead { for_receiver, for_app: self.app_line.length() };
        limits.take_after(ahead, self.app, self.receiver, clock.now()).is_ok()
    }

    async fn wait(&self, line: &Line) -> Result<Waited, NoTurn> {
        let Turns { clock, limits, .. } = self.turns;
        let joined_at = clock.now();
        let place = line.join();
        let ready_at = limits.receiver_ready_at(self.receiver, place.ahead, joined_at);
        if ready_at > self.until.max(joined_at) {
            return Err(self.no_turn(Scope::Receiver, ready_at));
        }
        let _first_for_receiver = place.first().await;
        let free_at = limits.receiver_ready_at(self.receiver, 0, clock.now());
        clock.sleep_until(free_at).await;

        let free_since = clock.now();
        let place_for_app = self.app_line.join();
        let app_ready_at = limits.app_ready_at(self.app, place_for_app.ahead, free_since);
        if app_ready_at > self.until.max(free_since) {
            return Err(self.no_turn(Scope::App, app_ready_at));
        }
        let _first_for_app = place_for_app.first().await;
        while let Err(not_until) = limits.take(self.app, self.receiver, clock.now()) {
            clock.sleep_until(not_until.moment).await;
        }
        let had_to_wait =
            |ready_at: Moment, since: Moment, ahead: usize| ahead > 0 || ready_at > since;
        let mut waited = Waited::default();
        if had_to_wait(ready_at, joined_at, place.ahead) {
            waited.receiver = free_since.saturating_sub(joined_at);
        }
        if had_to_wait(app_ready_at, free_since, place_for_app.ahead) {
            waited.app = clock.since(free_since);
        }
        Ok(waited)
    }

    /// Why somebody who ran out of time in a line did not get a turn.
    fn refusal(&self, line: &Line) -> NoTurn {
        let Turns { clock, limits, .. } = self.turns;
        let now = clock.now();
        let receiver_ready_at = limits.receiver_ready_at(self.receiver, line.length(), now);
        let app_ready_at = limits.app_ready_at(self.app, self.app_line.length(), now);
        if app_ready_at > receiver_ready_at {
            self.no_turn(Scope::App, app_ready_at)
        } else {
            self.no_turn(Scope::Receiver, receiver_ready_at)
        }
    }

    fn no_turn(&self, scope: Scope, ready_at: Moment) -> NoTurn {
        NoTurn { scope, retry_after: ready_at.saturating_sub(self.turns.clock.now()) }
    }
}

/// A receiver's line, forgotten when the last one leaves it.
struct ReceiverLine<'a> {
    turns: &'a Turns,
    receiver: &'a Receiver,
    /// None only while it is left.
    line: Option<Arc<Line>>,
}

impl<'a> ReceiverLine<'a> {
    fn join(turns: &'a Turns, receiver: &'a Receiver) -> Self {
        let mut lines = turns.lines();
        let line = lines.entry(receiver.clone()).or_insert_with(|| Arc::new(Line::new()));
        Self { turns, receiver, line: Some(Arc::clone(line)) }
    }
}

impl Deref for ReceiverLine<'_> {
    type Target = Line;

    fn deref(&self) -> &Line {
        self.line.as_ref().expect("it is left only when it is dropped")
    }
}

impl Drop for ReceiverLine<'_> {
    fn drop(&mut self) {
        // Shares in a line come and go under this lock alone, so the last one sees that it is.
        let mut lines = self.turns.lines();
        self.line = None;
        if lines.get(self.receiver).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(self.receiver);
        }
    }
}
