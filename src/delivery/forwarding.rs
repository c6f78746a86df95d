//! One request to forward, from the caller's policy to the report.

use std::sync::Arc;

use super::app::App;
use super::audit::AuditEntry;
use super::claim::{ForwardClaim, leader_is_known, recall, share_doubt};
use super::conclusion::{Conclusion, Known};
use super::context::Context;
use super::error::ForwardError;
use super::idempotency::{Claim, Leader, RemoteClaim};
use super::identity::Identity;
use super::report::{ForwardReport, Timings};
use super::request::ForwardRequest;
use super::retry_loop::RetryLoop;
use crate::clock::{Elapsed, Moment, Stamp};
use crate::feishu::error::{CallError, Forwarded};
use crate::model::idempotency_key::IdempotentForward;

/// One request to forward.
pub(super) struct Forwarding<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) app: &'a Arc<App>,
    pub(super) request: &'a Arc<ForwardRequest>,
    pub(super) audit: &'a AuditEntry,
    pub(super) started: Moment,
}

impl Forwarding<'_> {
    /// Forwards, once for each key that the caller gives.
    pub(super) async fn report(&self) -> ForwardReport {
        let Self { context, request, .. } = self;
        if let Err(denied) = request.check_policy() {
            return context.report(request, Conclusion::failed(denied));
        }
        if let Some(forward) = &request.idempotent {
            return self.report_keyed(forward).await;
        }
        match ForwardClaim::of_unkeyed(context, request).await {
            Ok(claim) => self.run(claim).await,
            Err(reused) => context.report(request, Conclusion::failed(reused)),
        }
    }

    /// Leads the forward of a key, here and among the replicas, or follows the request that leads it.
    async fn report_keyed(&self, forward: &IdempotentForward) -> ForwardReport {
        let Self { context, request, started, .. } = self;
        let came = context.clock.stamp();
        loop {
            let conclusion = match context.idempotency.claim(forward) {
                Claim::Lead(leader) => match self.claim_remotely(&leader, forward).await {
                    Some(RemoteClaim::Lead { first_attempt, is_whole }) => {
                        recall(context, request, first_attempt);
                        leader_is_known(context, &leader, is_whole, *started);
                        return self.lead(leader).await;
                    }
                    // This replica may have delivered it, so Feishu is asked again with the same `uuid`.
                    Some(RemoteClaim::Done(Conclusion { result: Err(_), .. }))
                        if context.register.prior(&Identity::of(request)).is_some() =>
                    {
                        return self.lead(leader).await;
                    }
                    Some(RemoteClaim::Busy(first_attempt)) => {
                        recall(context, request, Some(first_attempt));
                        self.unheard(came)
                    }
                    Some(RemoteClaim::Done(conclusion)) => {
                        leader.conclude(conclusion.clone());
                        self.replayed(conclusion)
                    }
                    Some(RemoteClaim::Reused) => {
                        leader.withdraw();
                        self.reused()
                    }
                    None => self.unheard(came),
                },
                Claim::Reused => self.reused(),
                Claim::Done(conclusion) => self.replayed(conclusion),
                Claim::Follow(follower) => {
                    let deadline = *started + context.settings.deadline;
                    let conclusion = context.clock.timeout_at(deadline, follower.conclusion());
                    context.metrics.idempotency("joined");
                    match conclusion.await {
                        Ok(Some(conclusion)) => conclusion,
                        // The leader's caller hung up: another request leads now.
                        Ok(None) => continue,
                        // Several leaders have hung up, and the last one is not through yet.
                        Err(Elapsed) => self.unheard(came),
                    }
                }
            };
            let is_replayed = !matches!(conclusion.result, Err(ForwardError::KeyReused));
            let timings = Timings { total: context.clock.since(*started), ..Timings::default() };
            let report = context.report(request, conclusion);
            return ForwardReport { is_replayed, timings, ..report };
        }
    }

    /// Claims a key that is led here among the replicas. None if the process ends first.
    async fn claim_remotely(
        &self,
        leader: &Leader,
        forward: &IdempotentForward,
    ) -> Option<RemoteClaim> {
        let Self { context, app, started, .. } = self;
        let until = *started + context.settings.deadline;
        tokio::select! {
            biased;
            claim = context.idempotency.claim_remotely(leader, forward, &app.common.name, until) => Some(claim),
            () = context.closing.cancelled() => None,
        }
    }

    async fn lead(&self, leader: Leader) -> ForwardReport {
        self.context.metrics.idempotency("new");
        self.run(ForwardClaim::Key(leader)).await
    }

    async fn run(&self, claim: ForwardClaim) -> ForwardReport {
        let Self { context, app, request, audit, started } = *self;
        let mut attempts = RetryLoop::new(context, app, request, claim.clone(), started);
        let result = attempts.run(audit).await;
        let timings = Timings { total: context.clock.since(started), ..attempts.timings };
        self.count(&result, &timings);
        let in_doubt_since = attempts.in_doubt_since();
        let conclusion = claim.conclude(context, request, result, in_doubt_since).await;
        match (claim, conclusion.in_doubt_since) {
            (ForwardClaim::Key(leader), _) => {
                let written = leader.conclude(conclusion.clone());
                if let (Some(kept), Some(written)) = (&context.idempotency.kept, written) {
                    Box::pin(kept.wait_until(written)).await;
                }
            }
            // No caller can repeat a part of a broadcast, whose `uuid` it does not know.
            (ForwardClaim::None, Some(first_attempt)) if request.broadcast.is_none() => {
                share_doubt(context, request, first_attempt).await;
            }
            (ForwardClaim::None | ForwardClaim::Uuid(_), _) => {}
        }
        let report = context.report(request, conclusion);
        ForwardReport { attempts: attempts.attempts, timings, ..report }
    }

    /// Counts a forward that was not rejected before it began, with the time that it took beside its waiting, and
    /// one that the gateway's own limits refused.
    fn count(&self, result: &Result<Forwarded, ForwardError>, timings: &Timings) {
        let (metrics, app) = (&self.context.metrics, &self.app.common.name);
        if let Some(problem) = result.as_ref().err().and_then(ForwardError::own_limit) {
            metrics.caller_refused(app, &self.request.caller.name, problem.facts().name);
        }
        let result = match result {
            Ok(_) => Some("delivered"),
            Err(error) => error.result(),
        };
        if let Some(result) = result {
            let took = timings.total.saturating_sub(timings.wait);
            metrics.forward(app, result, took);
            if let Some(tenant) = &self.request.caller.tenant {
                metrics.tenant_forward(app, tenant, result);
            }
        }
    }

    fn reused(&self) -> Conclusion {
        self.context.metrics.idempotency("reused");
        Conclusion::failed(ForwardError::KeyReused)
    }

    fn replayed(&self, conclusion: Conclusion) -> Conclusion {
        self.context.metrics.idempotency("replayed");
        conclusion
    }

    /// The conclusion for a request that came at `came` and has heard nothing of its leader in time.
    fn unheard(&self, came: Stamp) -> Conclusion {
        let Self { context, request, .. } = self;
        let sent_at = context.register.in_doubt_since(&Identity::of(request));
        // The leader began less than a deadline before.
        let earliest = sent_at.unwrap_or(came.earlier_by(context.settings.deadline));
        let result = Err(ForwardError::Failed(CallError::TimedOut { is_stale: false }));
        Conclusion { result, in_doubt_since: Some(earliest), known: Known::Wholly }
    }
}
