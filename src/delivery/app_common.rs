//! What a Feishu app has in all tenants: its name, what is derived from its secret, and whether Feishu answers it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::circuit::{Circuit, CircuitPermit};
use super::error::ForwardError;
use super::request::ForwardRequest;
use super::retry_budget::RetryBudget;
use crate::clock::{Clock, Moment};
use crate::model::idempotency_key::UuidMaker;
use crate::telemetry::audit::AuditIds;

/// What a Feishu app has in all tenants.
#[derive(Debug)]
pub struct AppCommon {
    /// The operator's name for it.
    pub(super) name: Arc<str>,
    /// How the audit log shows ids of its forwards.
    pub(super) audit_ids: AuditIds,
    /// The `uuid`s of its callers' idempotency keys.
    pub(super) uuids: UuidMaker,
    /// How long a used-up monthly quota blocks it.
    pub(super) quota_interval: Duration,
    /// Since when the gateway has it.
    pub(super) since: Moment,
    pub(super) clock: Clock,
    calls: Mutex<Calls>,
}

/// How calls have gone lately.
#[derive(Debug, Default)]
struct Calls {
    circuit: Circuit,
    retries: RetryBudget,
}

impl AppCommon {
    /// An app that has made no call. A used-up monthly quota blocks it for `quota_interval`.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        audit_ids: AuditIds,
        uuids: UuidMaker,
        quota_interval: Duration,
        clock: Clock,
    ) -> Self {
        let (since, calls) = (clock.now(), Mutex::default());
        Self { name, audit_ids, uuids, quota_interval, since, clock, calls }
    }

    /// Whether a forward is worth beginning.
    pub(super) fn check(&self, request: &ForwardRequest, now: Moment) -> Result<(), ForwardError> {
        let Calls { circuit, .. } = &*self.calls();
        if circuit.is_closed() {
            // A forward's id is a hash of all of it, which only an open circuit needs.
            return Ok(());
        }
        match circuit.blocked_until(request.forward_id(), now) {
            Some(until) => Err(circuit_open(until, now)),
            None => Ok(()),
        }
    }

    /// Permission to make a call now.
    pub(super) fn enter(
        &self,
        request: &ForwardRequest,
        now: Moment,
    ) -> Result<CircuitPermit, ForwardError> {
        let Calls { circuit, .. } = &mut *self.calls();
        if circuit.is_closed() {
            return Ok(CircuitPermit::Normal);
        }
        let entered = circuit.enter(request.forward_id(), now);
        entered.map_err(|until| circuit_open(until, now))
    }

    /// Feishu answered a forward, whatever the answer.
    pub(super) fn answered(&self) {
        self.calls().circuit.succeeded();
    }

    /// Feishu did not answer a forward. `is_stale`: perhaps only the connection was dead.
    pub(super) fn not_answered(
        &self,
        request: &ForwardRequest,
        permit: CircuitPermit,
        is_stale: bool,
    ) {
        let now = self.clock.now();
        self.calls().circuit.failed(request.forward_id(), permit, is_stale, now);
    }

    /// A forward begins, which earns a share of a retry.
    pub(super) fn begin(&self) {
        self.calls().retries.earn();
    }

    /// Pays for a retry. Returns whether the budget was enough.
    pub(super) fn pay_for_retry(&self) -> bool {
        self.calls().retries.pay(self.clock.now())
    }

    /// Whether the circuit breaker is open.
    pub(super) fn is_circuit_open(&self) -> bool {
        self.calls().circuit.open_until(self.clock.now()).is_some()
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        // No code that can panic runs under this lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn circuit_open(until: Moment, now: Moment) -> ForwardError {
    ForwardError::CircuitOpen { retry_after: until.saturating_sub(now) }
}
