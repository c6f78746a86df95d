//! Dry runs: what would become of a forward, for callers who want to know before they send it.

use std::sync::Arc;
use std::time::Duration;

use super::claim::ForwardClaim;
use super::conclusion::{Known, PriorAttempts};
use super::context::Context;
use super::error::ForwardError;
use super::idempotency::Claim;
use super::identity::Identity;
use super::in_doubt::UuidReused;
use super::report::Timings;
use super::request::ForwardRequest;
use super::retry_loop::RetryLoop;
use crate::feishu::client::{ForwardCall, Preview};
use crate::limits::{BudgetStanding, Standing};

/// What would become of a forward that begins now.
#[derive(Debug)]
pub struct DryRunReport {
    /// What the gateway would do, or why it would not.
    pub result: Result<DryRunAction, ForwardError>,
    /// If it would not: what is known of the attempts so far.
    pub prior_attempts: PriorAttempts,
    /// Where the time went.
    pub timings: Timings,
    /// How much of the receiver's limit is left.
    pub standing: Standing,
    /// How much of the caller's budget is left.
    pub budget: BudgetStanding,
}

/// What the gateway would do with a forward.
#[derive(Debug)]
pub enum DryRunAction {
    /// Send it.
    Send {
        /// How long it would wait for its permit, as far as that can be foreseen.
        wait: Duration,
        /// What Feishu would get.
        call: Preview,
    },
    /// Have it follow another request with the same key.
    Join,
    /// Give it the answer of another request with the same key.
    Replay,
}

/// Does everything that a forward does before its call to Feishu, and takes no permit.
pub(super) async fn dry_run(context: &Arc<Context>, request: &Arc<ForwardRequest>) -> DryRunReport {
    let started = context.clock.now();
    let app = &context.apps.of(&request.caller, started);
    let mut attempts = RetryLoop::new(context, app, request, ForwardClaim::None, started);
    let result = foresee(context, request, &mut attempts).await;
    let prior_attempts = match result {
        Ok(_) => PriorAttempts::NotSent,
        Err(_) => context.prior_attempts(request, attempts.in_doubt_since(), Known::Wholly),
    };
    DryRunReport {
        prior_attempts,
        result,
        timings: Timings { total: context.clock.since(started), ..attempts.timings },
        standing: context.scheduler.standing(&request.receiver),
        budget: context.budget_standing(&request.caller),
    }
}

async fn foresee(
    context: &Context,
    request: &ForwardRequest,
    attempts: &mut RetryLoop<'_>,
) -> Result<DryRunAction, ForwardError> {
    request.check_policy()?;
    let claim = match &request.idempotent {
        Some(forward) => context.idempotency.look(forward, &request.caller.app).await,
        None => None,
    };
    match claim {
        Some(Claim::Reused) => return Err(ForwardError::KeyReused),
        Some(Claim::Done(_)) => return Ok(DryRunAction::Replay),
        Some(Claim::Follow(_)) => return Ok(DryRunAction::Join),
        Some(Claim::Lead(_)) | None => {}
    }
    if request.uuid_is_chosen() {
        let checked = context.register.check(&Identity::of(request));
        checked.map_err(|UuidReused| ForwardError::UuidReused)?;
    }
    let wait = attempts.estimate().await?;
    let ForwardRequest { forward, receiver, uuid, .. } = request;
    let call = context.client.preview(ForwardCall { forward, receiver, uuid });
    Ok(DryRunAction::Send { wait, call })
}
