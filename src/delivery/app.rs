//! One Feishu app: its token, and whether it may call Feishu at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Order;
use super::budget::Budget;
use super::circuit::{Circuit, Pass};
use super::error::ForwardError;
use super::refusals::{Change, Refusals};
use crate::clock::{Clock, Moment};
use crate::feishu::codes::{Code, MONTHLY_QUOTA};
use crate::feishu::error::{CallError, Forwarded};
use crate::feishu::token::{Token, TokenSource, Trouble};
use crate::model::idempotency_key::Uuids;
use crate::model::problem_kind::ProblemKind;
use crate::telemetry::audit::AuditIds;

/// One Feishu app to forward with.
#[derive(Debug)]
pub struct App {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// Its tenant token.
    pub token: TokenSource,
    /// How ids of its forwards stand in the audit log.
    pub audit_ids: AuditIds,
    /// Since when it is there.
    pub since: Moment,
    /// The `uuid`s of what its callers' keys name.
    pub uuids: Uuids,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    forwards: Circuit,
    refusals: Refusals,
    budget: Budget,
}

impl App {
    /// Nothing has gone wrong yet.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        token: TokenSource,
        audit_ids: AuditIds,
        uuids: Uuids,
        quota_interval: Duration,
        clock: Clock,
    ) -> Self {
        let state = State {
            forwards: Circuit::default(),
            refusals: Refusals::new(quota_interval),
            budget: Budget::default(),
        };
        let since = clock.now();
        Self { name, token, audit_ids, uuids, since, clock, state: Mutex::new(state) }
    }

    /// The token. After a call for one that failed, the failure is told again for a while.
    pub(super) async fn token(&self) -> Result<Arc<Token>, Trouble> {
        if let Some(token) = self.token.usable() {
            return Ok(token);
        }
        // Boxed, because it is large and rarely needed: it would be moved with every forward.
        Box::pin(self.token.get()).await
    }

    /// Whether there is a token, or a call for one may be made.
    pub(super) fn check_token(&self) -> Result<(), Trouble> {
        if self.token.usable().is_some() {
            return Ok(());
        }
        self.token.closed().map_or(Ok(()), Err)
    }

    /// Whether a forward is worth beginning.
    pub(super) fn check(&self, order: &Order) -> Result<(), ForwardError> {
        let now = self.clock.now();
        let state = self.state();
        state.refusals.check(order, now)?;
        match state.forwards.closed_to(order.forward_id(), now) {
            Some(until) => Err(circuit_open(until, now)),
            None => Ok(()),
        }
    }

    /// Leave to make a call now.
    pub(super) fn enter(&self, order: &Order) -> Result<Pass, ForwardError> {
        let now = self.clock.now();
        let mut state = self.state();
        state.refusals.check(order, now)?;
        let entered = state.forwards.enter(order.forward_id(), now);
        let pass = entered.map_err(|until| circuit_open(until, now))?;
        state.refusals.enter(now);
        Ok(pass)
    }

    /// Feishu answered a forward, whatever it said.
    pub(super) fn answered(&self) {
        self.state().forwards.succeeded();
    }

    /// Feishu did not answer a forward; `is_stale` where it may have been the connection alone.
    pub(super) fn not_answered(&self, order: &Order, pass: Pass, is_stale: bool) {
        self.state().forwards.failed(order.forward_id(), pass, is_stale, self.clock.now());
    }

    /// Learns from an answer what Feishu refuses the app itself. Tells for how long nothing is asked of
    /// the month's quota if that is used up: other replicas want to know.
    pub(super) fn learn(
        &self,
        order: &Order,
        answer: &Result<Forwarded, CallError>,
    ) -> Option<Duration> {
        let mut state = self.state();
        let change = state.refusals.answered(order, answer, self.clock.now());
        let quota = answer.as_ref().err().and_then(CallError::problem)
            == Some(ProblemKind::MonthlyQuotaExhausted);
        let interval = quota.then(|| state.refusals.interval(MONTHLY_QUOTA));
        drop(state);
        match change {
            Some(Change::Closed(code, pause)) => {
                tracing::error!(app = %self.name, code, ?pause, "Feishu refuses the app: it is not asked for a while");
            }
            Some(Change::Opened) => {
                tracing::info!(app = %self.name, "Feishu takes forwards of the app again");
            }
            None => {}
        }
        interval
    }

    /// Another replica has heard that the month's quota is used up: nothing is asked of it for so long.
    pub(super) fn quota_is_used_up_for(&self, time: Duration) {
        self.state().refusals.heard_of_quota(time, self.clock.now());
    }

    /// Asks Feishu again for what it has refused, and for a token: an operator says that the cause is gone.
    pub fn ask_again(&self) {
        self.state().refusals.forget();
        self.token.ask_again();
    }

    /// A forward has begun.
    pub(super) fn begin(&self) {
        self.state().budget.earn();
    }

    /// Pays for a retry from the budget, if there is enough.
    pub(super) fn pay_for_retry(&self) -> bool {
        self.state().budget.pay(self.clock.now())
    }

    /// The codes with which Feishu refuses the app itself, and how long none of it is asked.
    #[must_use]
    pub fn refused_with(&self) -> Vec<(&'static Code, Duration)> {
        let now = self.clock.now();
        let closed = self.state().refusals.closed(now);
        closed.into_iter().map(|(code, until)| (code, until.saturating_sub(now))).collect()
    }

    /// Which of its gates are closed, by the names that metrics have for them.
    #[must_use]
    pub fn gates(&self) -> [(&'static str, bool); 5] {
        let refused: Vec<_> =
            self.refused_with().into_iter().map(|(code, _)| code.problem).collect();
        let quotas = [ProblemKind::MonthlyQuotaExhausted, ProblemKind::DailyQuotaExhausted];
        let [monthly, daily] = quotas.map(|kind| refused.contains(&kind));
        [
            ("circuit", self.state().forwards.open_until(self.clock.now()).is_some()),
            ("token", self.token.closed().is_some()),
            ("quota", monthly),
            ("daily_quota", daily),
            ("refused", refused.iter().any(|kind| !quotas.contains(kind))),
        ]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn circuit_open(until: Moment, now: Moment) -> ForwardError {
    ForwardError::CircuitOpen { retry_after: until.saturating_sub(now) }
}
