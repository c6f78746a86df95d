//! What all forwards share.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::apps::Apps;
use super::caller_budgets::CallerBudgets;
use super::conclusion::{Conclusion, Known, PriorAttempts};
use super::idempotency::Idempotency;
use super::identity::Identity;
use super::in_doubt::{InDoubtRegister, Prior, SAFE_TO_REPEAT};
use super::report::{ForwardReport, Timings};
use super::request::ForwardRequest;
use crate::clock::{Clock, Stamp};
use crate::feishu::client::Client;
use crate::limits::BudgetStanding;
use crate::model::api_key::Caller;
use crate::queue::Scheduler;
use crate::telemetry::metrics::Metrics;

/// What all forwards share.
#[derive(Debug)]
pub struct Context {
    /// The apps, with their tokens.
    pub apps: Apps,
    /// The callers' budgets.
    pub budgets: Arc<CallerBudgets>,
    /// The queues in front of the limits.
    pub scheduler: Scheduler,
    /// What was sent, or may have been.
    pub register: InDoubtRegister,
    /// The callers' keys.
    pub idempotency: Idempotency,
    /// Calls Feishu.
    pub client: Client,
    /// The calls that have begun.
    pub calls: TaskTracker,
    /// The time.
    pub clock: Clock,
    /// The configured bounds.
    pub settings: DeliverySettings,
    /// Cancelled when the process ends and forwards that still wait have to be refused.
    pub closing: CancellationToken,
    /// The metrics.
    pub metrics: Metrics,
}

/// The bounds of each forward.
#[derive(Clone, Copy, Debug)]
pub struct DeliverySettings {
    /// Longest time of a whole forward.
    pub deadline: Duration,
    /// How long after its beginning a forward may begin an attempt. The rest of the deadline is for the answer.
    pub last_start: Duration,
    /// Attempts of one forward, including the first one.
    pub max_attempts: NonZeroU32,
}

impl Context {
    /// The report of a forward that ended so, without attempts of its own.
    pub(super) fn report(&self, request: &ForwardRequest, conclusion: Conclusion) -> ForwardReport {
        let prior_attempts = match conclusion.result {
            Ok(_) => PriorAttempts::NotSent,
            Err(_) => self.prior_attempts(request, conclusion.in_doubt_since, conclusion.known),
        };
        ForwardReport {
            prior_attempts,
            result: conclusion.result,
            is_replayed: false,
            attempts: 0,
            timings: Timings::default(),
            standing: self.scheduler.standing(&request.receiver),
            budget: self.budget_standing(&request.caller),
        }
    }

    /// How much of the caller's budget is left.
    pub(super) fn budget_standing(&self, caller: &Caller) -> BudgetStanding {
        if caller.budget.is_unlimited() {
            return BudgetStanding::default();
        }
        self.budgets.standing(caller, self.scheduler.is_shared())
    }

    /// What is known of the attempts of a failed forward. The register of this gateway counts, whatever the
    /// conclusion of another request or replica is.
    pub(super) fn prior_attempts(
        &self,
        request: &ForwardRequest,
        in_doubt_since: Option<Stamp>,
        known: Known,
    ) -> PriorAttempts {
        let registered = || self.register.prior(&Identity::of(request));
        let prior = in_doubt_since.map(Prior::InDoubt);
        let prior = prior.or_else(|| request.uuid_is_given.then(registered).flatten());
        let until = |first_attempt| self.clock.wall_after(first_attempt, SAFE_TO_REPEAT);
        match (prior, known) {
            (Some(Prior::InDoubt(first)), _) => PriorAttempts::InDoubt(until(first)),
            (Some(Prior::Delivered(first)), _) => PriorAttempts::Delivered(until(first)),
            (None, Known::NotByOthers(ended)) => PriorAttempts::Unconfirmed(until(ended)),
            (None, Known::Since(time)) => PriorAttempts::NotSentSince(time),
            (None, Known::Wholly) => PriorAttempts::NotSent,
        }
    }
}
