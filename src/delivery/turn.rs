//! Taking one's turn: first begun, first served for each receiver, and fair between receivers.
//!
//! A forward takes its turn at once where there is enough for all who wait and one more. Else it
//! stands in line until it takes the receiver's turn and the app's together. Its place is that of its
//! ticket, so an attempt that is repeated stands before all that began later. A future that is dropped
//! falls out of its line and costs nobody a turn.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

use super::lines::{Lines, Wish};
use super::sharing::Sharing;
use super::waiting::InLine;
use crate::clock::{Clock, Moment};
use crate::limits::{
    Ahead, Forgotten, Gate, Hold, Limits, NotUntil, Note, Pass, Rules, Scope, Standing,
};
use crate::model::receiver::Receiver;

/// The lines in front of the limits.
#[derive(Debug)]
pub struct Turns {
    pub(super) clock: Clock,
    pub(super) limits: Arc<Limits>,
    /// What there is of other replicas.
    pub(super) sharing: Option<Sharing>,
    bounds: Bounds,
    next_ticket: AtomicU64,
    lines: Mutex<Lines>,
}

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For one receiver.
    pub per_receiver: usize,
    /// For all receivers together.
    pub in_all: usize,
}

/// A forward's right to stand before all that began after it, kept for all of its attempts.
#[derive(Debug)]
pub struct Ticket {
    number: u64,
    /// It has had a turn, so it comes back to where it was: no line is too full for it.
    is_back: bool,
}

/// The turn that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What it took.
    pub waited: Waited,
    /// Whether it is the one attempt a pause that a receiver under caution may get.
    pub trial: bool,
    /// What it holds.
    pub hold: Hold,
}

/// How long a forward waited for the turn that it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// For the receiver's limit.
    pub receiver: Duration,
    /// For the app's limits.
    pub app: Duration,
}

/// There is no turn to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoTurn {
    /// None that would come in time.
    #[error("no turn for the {} in time", .scope.name())]
    Late {
        /// The limit that is in the way.
        scope: Scope,
        /// How long until a new forward could have its turn.
        retry_after: Duration,
    },
    /// As many wait in all as may.
    #[error("too many wait for their turns")]
    Crowded,
}

impl Turns {
    /// Nobody waits yet.
    #[must_use]
    pub fn new(rules: &Rules, bounds: Bounds, apps: &[Arc<str>], clock: Clock) -> Self {
        let limits = Limits::new(rules, apps.iter().cloned()).into();
        let lines = Mutex::new(Lines::new(apps));
        Self { clock, limits, sharing: None, bounds, next_ticket: AtomicU64::new(0), lines }
    }

    /// A ticket for a forward that begins now.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket { number: self.next_ticket.fetch_add(1, Relaxed), is_back: false }
    }

    /// Takes the receiver's turn and the app's, waiting until `until` at most. What cannot be had
    /// by then is refused as soon as that is known.
    pub async fn take(
        &self,
        app: &Arc<str>,
        receiver: &Receiver,
        ticket: &mut Ticket,
        until: Moment,
    ) -> Result<Turn, NoTurn> {
        let wish = Wish { app, receiver, number: ticket.number, until };
        let at_once = match self.take_at_once(&wish) {
            Some((pass, now)) => self.confirm(&wish, pass, now).await,
            None => None,
        };
        let turn = match at_once {
            Some(turn) => turn,
            None => self.join(wish, ticket.is_back)?.turn().await?,
        };
        ticket.is_back = true;
        Ok(turn)
    }

    /// How long a forward that begins now can expect to wait for its turn, or why it would get none
    /// by `until`; nothing is taken.
    pub fn outlook(
        &self,
        app: &Arc<str>,
        receiver: &Receiver,
        until: Moment,
    ) -> Result<Duration, NoTurn> {
        let wish = Wish { app, receiver, number: u64::MAX, until };
        let lines = self.lines();
        let (ahead, now) = (lines.ahead(&wish), self.clock.now());
        if !is_behind_sleepers(&wish, ahead, now)
            && self.limits.ready_after(ahead, app, receiver, now).is_ok()
        {
            return Ok(Duration::ZERO);
        }
        let turn_at = self.turn_at(&lines, &wish, false, now)?;
        Ok(turn_at.saturating_sub(now))
    }

    /// Feishu refused an attempt because the receiver gets too many.
    pub fn refused_by_feishu(&self, receiver: &Receiver, trial: bool) {
        // Those who sleep look again when they wake. The lock keeps a gate from being closed in the
        // middle of somebody's look.
        let _nobody_looks = self.lines();
        self.limits.receiver_refused(receiver, trial, self.clock.now());
        self.note(receiver, Note::Refused(trial));
    }

    /// Feishu accepted an attempt. If it was a trial, those who wait need wait no longer for that.
    pub fn accepted_by_feishu(&self, receiver: &Receiver, trial: bool) {
        if trial {
            self.limits.receiver_accepted(receiver, trial);
            self.note(receiver, Note::Accepted);
            self.lines().wake_first(receiver);
        }
    }

    /// Feishu refused a call because the app makes too many, and lets none through for `reset`.
    pub fn app_refused(&self, app: &str, reset: Duration) {
        self.limits.app_refused(app, reset, self.clock.now());
        self.note_closed(app, Gate::Limit, reset);
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

    /// How many receivers may get nothing now because Feishu refused.
    #[must_use]
    pub fn closed_receivers(&self) -> usize {
        self.limits.closed_receivers(self.clock.now())
    }

    /// Whether the app may do nothing now because Feishu refused.
    #[must_use]
    pub fn is_app_closed(&self, app: &str) -> bool {
        self.limits.is_app_closed(app, self.clock.now())
    }

    /// How many wait for their turns.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lines().waiting()
    }

    /// Lets the limits forget what no longer counts.
    pub fn sweep(&self) -> Forgotten {
        self.limits.sweep(self.clock.now())
    }

    /// Takes the turn without a line where there is enough for all who wait and one more: then
    /// nobody is passed over.
    fn take_at_once(&self, wish: &Wish<'_>) -> Option<(Pass, Moment)> {
        let lines = self.lines();
        let (ahead, now) = (lines.ahead(wish), self.clock.now());
        if is_behind_sleepers(wish, ahead, now) {
            return None;
        }
        Some((self.limits.take_after(ahead, wish.app, wish.receiver, now).ok()?, now))
    }

    /// Joins the receiver's line, unless that would be in vain or one too many.
    fn join<'a>(&'a self, wish: Wish<'a>, is_back: bool) -> Result<InLine<'a>, NoTurn> {
        let mut lines = self.lines();
        self.turn_at(&lines, &wish, is_back, self.clock.now())?;
        Ok(InLine { turns: self, wake: lines.join(&wish), wish })
    }

    /// When a wish can be expected to have its turn if it joins the line, which makes sense only in
    /// time and where there is room.
    fn turn_at(
        &self,
        lines: &Lines,
        wish: &Wish<'_>,
        is_back: bool,
        now: Moment,
    ) -> Result<Moment, NoTurn> {
        let Bounds { per_receiver, in_all } = self.bounds;
        let latest = wish.until.max(now);
        let for_receiver = self.receiver_outlook(lines, wish, now);
        let is_full = !is_back && lines.length(wish.receiver) >= per_receiver;
        if is_full || for_receiver.moment > latest {
            return Err(NoTurn::late(for_receiver, now));
        }
        if !is_back && lines.waiting() >= in_all {
            return Err(NoTurn::Crowded);
        }
        let for_app = self.app_outlook(lines, wish, now);
        if for_app.moment > latest {
            return Err(NoTurn::late(for_app, now));
        }
        Ok(for_receiver.moment.max(for_app.moment))
    }

    /// When the receiver's limit can, at best, be expected to let a wish through.
    fn receiver_outlook(&self, lines: &Lines, wish: &Wish<'_>, now: Moment) -> NotUntil {
        let ahead = lines.ahead(wish).for_receiver;
        let moment = self.limits.receiver_ready_at_best(wish.receiver, ahead, now);
        NotUntil { scope: Scope::Receiver, moment }
    }

    /// When the app's limits can be expected to let a wish through.
    fn app_outlook(&self, lines: &Lines, wish: &Wish<'_>, now: Moment) -> NotUntil {
        let is_slow = |receiver: &Receiver| self.limits.is_under_caution(receiver);
        let moment = self.limits.app_ready_at(wish.app, lines.calls_ahead(wish, is_slow), now);
        NotUntil { scope: Scope::App, moment }
    }

    /// Why somebody who ran out of time in a line, and has left it, did not get a turn.
    pub(super) fn too_late(&self, wish: &Wish<'_>) -> NoTurn {
        let newcomer = Wish { number: u64::MAX, ..*wish };
        let lines = self.lines();
        let now = self.clock.now();
        let for_receiver = self.receiver_outlook(&lines, &newcomer, now);
        let for_app = self.app_outlook(&lines, &newcomer, now);
        let is_app = for_app.moment > for_receiver.moment;
        NoTurn::late(if is_app { for_app } else { for_receiver }, now)
    }

    pub(super) fn lines(&self) -> MutexGuard<'_, Lines> {
        // No code that can panic runs under this lock.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether others stand before it whose turns may have come while they still sleep: they go first.
/// Who may not wait takes what they leave.
fn is_behind_sleepers(wish: &Wish<'_>, ahead: Ahead, now: Moment) -> bool {
    ahead.for_receiver > 0 && wish.until > now
}

impl NoTurn {
    pub(super) fn late(NotUntil { scope, moment }: NotUntil, now: Moment) -> Self {
        Self::Late { scope, retry_after: moment.saturating_sub(now) }
    }
}
