//! One attempt: a call to Feishu that is finished even if its caller hangs up. Its answer is counted, learned
//! from, logged, and passed on to those who follow by the same key.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::app::App;
use super::audit::AuditEntry;
use super::caller_budgets::ReservedCall;
use super::circuit::CircuitPermit;
use super::claim::ForwardClaim;
use super::classify::{RetryDecision, classify_call};
use super::context::Context;
use super::error::ForwardError;
use super::identity::Identity;
use super::in_doubt::AttemptEnd;
use super::request::ForwardRequest;
use crate::clock::{Moment, Stamp};
use crate::feishu::client::ForwardCall;
use crate::feishu::error::{CallError, Forwarded, code_of, label_of, status_of};
use crate::feishu::token::Token;
use crate::limits::{AppBlock, Hold};
use crate::model::problem_kind::Outcome;
use crate::queue::InFlightAttempt;
use crate::telemetry::traces::spans;

/// One attempt, with everything that it needs to outlive its caller.
pub(super) struct Attempt {
    pub(super) context: Arc<Context>,
    pub(super) app: Arc<App>,
    pub(super) token: Arc<Token>,
    pub(super) request: Arc<ForwardRequest>,
    pub(super) claim: ForwardClaim,
    /// The identity of a forward that may be a repetition. Its beginning is registered.
    pub(super) identity: Option<Identity>,
    pub(super) deadline: Moment,
    /// When the first attempt of the forward was made.
    pub(super) since: Stamp,
    /// Whether an earlier attempt may have been delivered.
    pub(super) is_in_doubt: bool,
    /// Whether it probes a receiver that is cooling down.
    pub(super) is_probe: bool,
    /// How many attempts the forward made before.
    pub(super) resent: u32,
    /// What it holds of the receiver's limit.
    pub(super) hold: Hold,
    pub(super) permit: CircuitPermit,
    /// The call of the caller's budget, where it has one.
    pub(super) reserved: Option<ReservedCall>,
}

/// What a process that ends has heard from Feishu.
const NO_ANSWER: CallError = CallError::TimedOut { is_stale: false };

/// Feishu's answer, and how long it took.
pub(super) type TimedAnswer = (Result<Forwarded, CallError>, Duration);

impl Attempt {
    /// Makes the attempt. Dropping the future does not cut the call short.
    pub(super) async fn make(mut self, audit: AuditEntry) -> TimedAnswer {
        self.claim.sends();
        let reserved = self.reserved.take();
        let context = Arc::clone(&self.context);
        let (sender, caller) = oneshot::channel();
        let call = async move {
            if let Some(reserved) = reserved {
                reserved.begin();
            }
            let answered = self.call_and_learn().await;
            audit.note_attempt(&answered.0, self.leaves_doubt(&answered.0));
            // The request writes its line then, before it is answered.
            drop(audit);
            if let Err(unheard) = sender.send(answered) {
                self.conclude_without_caller(unheard).await;
            }
        };
        // Boxed, because tokio moves what it spawns several times, and this is 5 KB.
        let call = Box::pin(call).instrument(Span::current());
        context.calls.spawn_on(call, context.client.runtime());
        // The call is lost only with the runtime, when the process ends.
        caller.await.unwrap_or((Err(NO_ANSWER), Duration::ZERO))
    }

    /// Makes the call, and counts and learns from its answer.
    async fn call_and_learn(&self) -> TimedAnswer {
        let Context { scheduler, client, clock, closing, metrics, .. } = &*self.context;
        let ForwardRequest { forward, receiver, uuid, .. } = &*self.request;
        let call = ForwardCall { forward, receiver, uuid };
        let sent_at = clock.now();
        let in_flight = InFlightAttempt::begin(scheduler, receiver, self.hold, sent_at);
        let span = spans::call(forward.api(), client.server(), self.resent);
        let forwarding = client.forward(self.token.authorization(), call, sent_at, self.deadline);
        let answer = tokio::select! {
            biased;
            answer = forwarding.instrument(span.clone()) => answer,
            // To the caller, a process that ends is a Feishu that did not answer in time.
            () = closing.cancelled() => Err(NO_ANSWER),
        };
        let answered_at = clock.now();
        let took = answered_at.saturating_sub(sent_at);
        if matches!(answer, Err(CallError::Connect(_))) {
            in_flight.never_left();
        } else {
            in_flight.arrived(answered_at);
        }
        let api = forward.api().as_str();
        let label = label_of(&answer);
        metrics.upstream(&self.app.common.name, api, &label, took);
        spans::called(
            &span,
            status_of(&answer),
            log_id_of(&answer),
            answer.is_err().then_some(&*label),
        );
        self.learn(&answer, answered_at);
        (answer, took)
    }

    /// Learns from the answer what may be sent next.
    fn learn(&self, answer: &Result<Forwarded, CallError>, answered_at: Moment) {
        let Self { context, app, request, is_probe, .. } = self;
        let Context { scheduler, register, .. } = &**context;
        match answer {
            Err(error) if !error.shows_feishu() => {
                app.common.not_answered(request, self.permit, error.is_stale());
            }
            _ => app.common.answered(),
        }
        match answer.as_ref().map_err(|error| (error, classify_call(error))) {
            Err((_, RetryDecision::AfterCooldown)) => {
                scheduler.receiver_refused(&request.receiver, *is_probe);
            }
            Err((_, RetryDecision::AfterReset { reset })) => {
                scheduler.app_refused(app.limit_key(&request.forward), reset);
            }
            // No other refusal says that there are too many messages.
            Ok(_) | Err((CallError::Refused(_), _)) => {
                scheduler.receiver_accepted(&request.receiver, *is_probe);
            }
            Err(_) => {}
        }
        if let Some(used_up_for) = app.learn(request, answer, answered_at) {
            scheduler.share_block(app.quota_key(), AppBlock::Quota, used_up_for);
        }
        let end = answer.as_ref().map_or_else(end_of, |_| AttemptEnd::Delivered);
        if self.identity.is_some() || self.is_in_doubt || end == AttemptEnd::Unknown {
            register.end(&self.identity(), self.since, end);
        }
        if let ForwardClaim::Uuid(claim) = &self.claim {
            claim.ended(end);
        }
    }

    /// Whether the message may have been delivered, by this attempt or an earlier one, though it failed.
    fn leaves_doubt(&self, answer: &Result<Forwarded, CallError>) -> bool {
        answer.as_ref().is_err_and(|error| self.is_in_doubt || end_of(error) == AttemptEnd::Unknown)
    }

    /// The caller hung up: the answer goes to the log and to those who follow by the same key.
    async fn conclude_without_caller(&self, (answer, took): TimedAnswer) {
        let code = code_of(&answer);
        let log_id = log_id_of(&answer);
        tracing::info!(%code, feishu_log_id = log_id, ?took, "Feishu answered after the caller hung up");
        let ForwardClaim::Key(leader) = &self.claim else {
            if answer.is_ok() && self.request.uuid_is_given {
                // The caller may ask again. The answer then must not be that nothing was delivered.
                self.context.register.may_be_delivered(&self.identity(), self.since);
                if let ForwardClaim::Uuid(claim) = &self.claim {
                    claim.ended(AttemptEnd::Unknown);
                }
            }
            return;
        };
        let in_doubt_since = self.leaves_doubt(&answer).then_some(self.since);
        let result = answer.map_err(ForwardError::Failed);
        let Self { context, request, claim, .. } = self;
        leader.conclude(claim.conclude(context, request, result, in_doubt_since).await);
    }

    fn identity(&self) -> Identity {
        self.identity.unwrap_or_else(|| Identity::of(&self.request))
    }
}

/// The id under which Feishu's support finds the call.
fn log_id_of(answer: &Result<Forwarded, CallError>) -> Option<&str> {
    answer.as_ref().map_or_else(CallError::log_id, |forwarded| forwarded.log_id.as_deref())
}

fn end_of(error: &CallError) -> AttemptEnd {
    if error.outcome() == Outcome::Unknown { AttemptEnd::Unknown } else { AttemptEnd::NotDelivered }
}
