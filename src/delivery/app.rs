//! One Feishu app: its token, and whether it may call Feishu at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::budget::Budget;
use super::circuit::{Circuit, Pass};
use super::error::{ForwardError, TokenError};
use crate::clock::{Clock, Moment};
use crate::feishu::error::CallError;
use crate::feishu::token::{Token, TokenSource};
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
    clock: Clock,
    /// How long no call is made after Feishu said that the monthly quota is used up.
    quota_interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    forwards: Circuit,
    tokens: Circuit,
    /// What became of the last call for a token, if it failed.
    token_error: Option<Arc<CallError>>,
    quota_used_up_until: Moment,
    budget: Budget,
}

impl App {
    /// Nothing has gone wrong yet.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        token: TokenSource,
        audit_ids: AuditIds,
        quota_interval: Duration,
        clock: Clock,
    ) -> Self {
        Self { name, token, audit_ids, clock, quota_interval, state: Mutex::default() }
    }

    /// The token. After many calls for one that failed in a row, the last failure is told again for
    /// a while.
    pub(super) async fn token(&self) -> Result<Arc<Token>, TokenError> {
        if let Some(token) = self.token.usable().await {
            return Ok(token);
        }
        let pass = self.may_ask_for_token()?;
        // Boxed, because it is large and rarely needed: it would be moved with every forward.
        let token = Box::pin(self.token.get()).await;
        token.inspect(|_| self.state().tokens.succeeded()).map_err(|error| {
            self.note_token_error(&error, pass);
            TokenError { error, is_remembered: false }
        })
    }

    /// Whether there is a token, or a call for one is worth making.
    pub(super) async fn check_token(&self) -> Result<(), TokenError> {
        if self.token.usable().await.is_some() {
            return Ok(());
        }
        let state = self.state();
        let is_open = state.tokens.open_until(self.clock.now()).is_some();
        state.remembered_token_error().filter(|_| is_open).map_or(Ok(()), Err)
    }

    fn may_ask_for_token(&self) -> Result<Pass, TokenError> {
        let mut state = self.state();
        match state.tokens.enter(self.clock.now()) {
            Ok(pass) => Ok(pass),
            Err(_) => state.remembered_token_error().map_or(Ok(Pass::Normal), Err),
        }
    }

    /// Many hear of one failed call: it counts once.
    fn note_token_error(&self, error: &Arc<CallError>, pass: Pass) {
        let mut state = self.state();
        if state.token_error.as_ref().is_some_and(|last| Arc::ptr_eq(last, error)) {
            return;
        }
        state.token_error = Some(Arc::clone(error));
        state.tokens.failed(pass, self.clock.now());
    }

    /// Whether a forward is worth beginning.
    pub(super) fn check(&self) -> Result<(), ForwardError> {
        let now = self.clock.now();
        let state = self.state();
        state.check_quota(now)?;
        match state.forwards.open_until(now) {
            Some(until) => Err(circuit_open(until, now)),
            None => Ok(()),
        }
    }

    /// Leave to make a call now.
    pub(super) fn enter(&self) -> Result<Pass, ForwardError> {
        let now = self.clock.now();
        let mut state = self.state();
        state.check_quota(now)?;
        state.forwards.enter(now).map_err(|until| circuit_open(until, now))
    }

    /// Feishu answered a forward, whatever it said.
    pub(super) fn answered(&self) {
        self.state().forwards.succeeded();
    }

    /// Feishu did not answer a forward.
    pub(super) fn not_answered(&self, pass: Pass) {
        self.state().forwards.failed(pass, self.clock.now());
    }

    /// Feishu said that the monthly quota is used up; tells for how long nothing is asked of it.
    pub(super) fn quota_used_up(&self) -> Duration {
        self.quota_is_used_up_for(self.quota_interval);
        self.quota_interval
    }

    /// Nothing is asked of the quota for so long.
    pub(super) fn quota_is_used_up_for(&self, time: Duration) {
        let until = self.clock.now() + time;
        let mut state = self.state();
        state.quota_used_up_until = state.quota_used_up_until.max(until);
    }

    /// A forward has begun.
    pub(super) fn begin(&self) {
        self.state().budget.earn();
    }

    /// Pays for a retry from the budget, if there is enough.
    pub(super) fn pay_for_retry(&self) -> bool {
        self.state().budget.pay(self.clock.now())
    }

    /// Which of its gates are closed, by the names that metrics have for them.
    #[must_use]
    pub fn gates(&self) -> [(&'static str, bool); 3] {
        let now = self.clock.now();
        let state = self.state();
        [
            ("circuit", state.forwards.open_until(now).is_some()),
            ("token", state.tokens.open_until(now).is_some()),
            ("quota", state.quota_used_up_until > now),
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

impl State {
    /// The last failure to get a token, to be told again while no call is made for one.
    fn remembered_token_error(&self) -> Option<TokenError> {
        let error = Arc::clone(self.token_error.as_ref()?);
        Some(TokenError { error, is_remembered: true })
    }

    fn check_quota(&self, now: Moment) -> Result<(), ForwardError> {
        if self.quota_used_up_until > now {
            let retry_after = self.quota_used_up_until.saturating_sub(now);
            return Err(ForwardError::QuotaUsedUp { retry_after });
        }
        Ok(())
    }
}
