//! One Feishu app, and whether it may call Feishu now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::circuit::{Circuit, CircuitPermit};
use super::error::ForwardError;
use super::refusals::{AppRefusals, RefusalChange};
use super::request::ForwardRequest;
use super::retry_budget::RetryBudget;
use crate::clock::{Clock, Moment};
use crate::feishu::codes::{Code, MONTHLY_QUOTA};
use crate::feishu::error::{CallError, Forwarded};
use crate::limits::LimitKey;
use crate::model::forward::Forward;
use crate::model::idempotency_key::UuidMaker;
use crate::model::installation::Installation;
use crate::model::problem_kind::ProblemKind;
use crate::telemetry::audit::AuditIds;

/// One Feishu app to forward with.
#[derive(Debug)]
pub struct App {
    /// The operator's name for it.
    pub(super) name: Arc<str>,
    /// The limits of its forwards, one for each API.
    pub(super) limit_keys: [LimitKey; 3],
    /// Its tenant token.
    pub(super) token_key: Installation,
    /// How ids of its forwards stand in the audit log.
    pub(super) audit_ids: AuditIds,
    /// Since when the gateway has it.
    pub(super) since: Moment,
    /// The `uuid`s of its callers' idempotency keys.
    pub(super) uuids: UuidMaker,
    clock: Clock,
    state: Mutex<AppState>,
}

#[derive(Debug)]
struct AppState {
    circuit: Circuit,
    refusals: AppRefusals,
    retries: RetryBudget,
}

impl App {
    /// An app of which nothing is known yet. A used-up monthly quota blocks it for `quota_interval`.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        audit_ids: AuditIds,
        uuids: UuidMaker,
        quota_interval: Duration,
        clock: Clock,
    ) -> Self {
        let state = AppState {
            circuit: Circuit::default(),
            refusals: AppRefusals::new(quota_interval),
            retries: RetryBudget::default(),
        };
        Self {
            limit_keys: LimitKey::forwards_of(&name),
            token_key: Installation { app: Arc::clone(&name), tenant: None },
            name,
            audit_ids,
            uuids,
            since: clock.now(),
            clock,
            state: Mutex::new(state),
        }
    }

    /// The limit of the API that forwards this.
    pub(super) fn limit_key(&self, forward: &Forward) -> &LimitKey {
        let mut keys = self.limit_keys.iter();
        let own = keys.find(|key| key.api() == forward.api());
        own.expect("every API that forwards something has a limit")
    }

    /// The limit by which replicas tell each other of the app's monthly quota. The quota is one for all APIs.
    pub(super) fn quota_key(&self) -> &LimitKey {
        let [first, ..] = &self.limit_keys;
        first
    }

    /// Whether a forward is worth beginning.
    pub(super) fn check(&self, request: &ForwardRequest) -> Result<(), ForwardError> {
        let now = self.clock.now();
        let state = self.state();
        state.refusals.check(request, now)?;
        match state.circuit.blocked_until(request.forward_id(), now) {
            Some(until) => Err(circuit_open(until, now)),
            None => Ok(()),
        }
    }

    /// Permission to make a call now.
    pub(super) fn enter(&self, request: &ForwardRequest) -> Result<CircuitPermit, ForwardError> {
        let now = self.clock.now();
        let mut state = self.state();
        state.refusals.check(request, now)?;
        let entered = state.circuit.enter(request.forward_id(), now);
        let permit = entered.map_err(|until| circuit_open(until, now))?;
        state.refusals.enter(now);
        Ok(permit)
    }

    /// Feishu answered a forward, whatever the answer.
    pub(super) fn answered(&self) {
        self.state().circuit.succeeded();
    }

    /// Feishu did not answer a forward. `is_stale`: perhaps only the connection was dead.
    pub(super) fn not_answered(
        &self,
        request: &ForwardRequest,
        permit: CircuitPermit,
        is_stale: bool,
    ) {
        let now = self.clock.now();
        self.state().circuit.failed(request.forward_id(), permit, is_stale, now);
    }

    /// Learns from an answer whether Feishu refuses the app itself. If the monthly quota is used up, returns
    /// for how long no call is made, which other replicas want to know.
    pub(super) fn learn(
        &self,
        request: &ForwardRequest,
        answer: &Result<Forwarded, CallError>,
    ) -> Option<Duration> {
        let mut state = self.state();
        let change = state.refusals.answered(request, answer, self.clock.now());
        let quota = answer.as_ref().err().and_then(CallError::problem)
            == Some(ProblemKind::MonthlyQuotaExhausted);
        let interval = quota.then(|| state.refusals.interval(MONTHLY_QUOTA));
        drop(state);
        match change {
            Some(RefusalChange::Blocked(code, pause)) => {
                tracing::error!(app = %self.name, code, ?pause, "Feishu refuses the app; the gateway makes no calls for it for a while");
            }
            Some(RefusalChange::Unblocked) => {
                tracing::info!(app = %self.name, "Feishu accepts the app's forwards again");
            }
            None => {}
        }
        interval
    }

    /// Another replica reports that the monthly quota is used up for `time`.
    pub(super) fn quota_is_used_up_for(&self, time: Duration) {
        self.state().refusals.heard_of_quota(time, self.clock.now());
    }

    /// Forgets what Feishu has refused, because an operator has removed the cause.
    pub(super) fn forget_refusals(&self) {
        self.state().refusals.forget();
    }

    /// A forward begins, which earns a share of a retry.
    pub(super) fn begin(&self) {
        self.state().retries.earn();
    }

    /// Pays for a retry. Returns whether the budget was enough.
    pub(super) fn pay_for_retry(&self) -> bool {
        self.state().retries.pay(self.clock.now())
    }

    /// The codes with which Feishu refuses the app itself, and the time for which each of them blocks it.
    pub(super) fn refused_with(&self) -> Vec<(&'static Code, Duration)> {
        let now = self.clock.now();
        let blocked = self.state().refusals.blocked(now);
        blocked.into_iter().map(|(code, until)| (code, until.saturating_sub(now))).collect()
    }

    /// Whether the circuit breaker is open.
    pub(super) fn is_circuit_open(&self) -> bool {
        self.state().circuit.open_until(self.clock.now()).is_some()
    }

    fn state(&self) -> MutexGuard<'_, AppState> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn circuit_open(until: Moment, now: Moment) -> ForwardError {
    ForwardError::CircuitOpen { retry_after: until.saturating_sub(now) }
}
