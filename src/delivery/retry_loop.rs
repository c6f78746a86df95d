//! The attempts of one forward, from the first one to the last one.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::app::App;
use super::attempt::Attempt;
use super::audit::AuditEntry;
use super::backoff::{self, Backoff};
use super::caller_budgets::ReservedCall;
use super::circuit::CircuitPermit;
use super::claim::ForwardClaim;
use super::classify::{RetryDecision, classify};
use super::context::Context;
use super::error::{ForwardError, TokenError};
use super::identity::Identity;
use super::in_doubt::{Prior, SAFE_TO_REPEAT, UuidReused};
use super::report::Timings;
use super::request::ForwardRequest;
use crate::clock::{Clock, Moment, Stamp};
use crate::feishu::error::{CallError, Forwarded};
use crate::feishu::token::{Token, TokenSource, TokenTrouble};
use crate::limits::Scope;
use crate::model::problem_kind::Outcome;
use crate::queue::{Permit, QueueError, Request, Ticket};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::spans;

/// The attempts of one forward.
pub(super) struct RetryLoop<'a> {
    context: &'a Arc<Context>,
    app: &'a Arc<App>,
    tokens: &'a TokenSource,
    request: &'a Arc<ForwardRequest>,
    claim: ForwardClaim,
    /// The identity of a forward that may be a repetition.
    identity: Option<Identity>,
    /// When such a forward began.
    begun: Option<Stamp>,
    ticket: Ticket,
    deadline: Moment,
    /// When an attempt may begin at the latest, so that there is time for its answer.
    last_start: Moment,
    backoff: Backoff,
    token: Option<Arc<Token>>,
    has_renewed_token: bool,
    has_tried_at_once: bool,
    pub(super) timings: Timings,
    pub(super) attempts: u32,
    /// What the attempts so far came to, including those of requests that this one repeats.
    prior: Option<Prior>,
}

/// A wait for a permit, which is counted when it ends: also if the caller hangs up.
struct CountedWait<'a> {
    metrics: &'a Metrics,
    clock: &'a Clock,
    app: &'a str,
    caller: &'a str,
    started: Moment,
    /// How long it took to get the permit, once there is one.
    got_permit_after: Option<Duration>,
}

impl Drop for CountedWait<'_> {
    fn drop(&mut self) {
        let waited = self.got_permit_after.unwrap_or_else(|| self.clock.since(self.started));
        let has_permit = self.got_permit_after.is_some();
        self.metrics.caller_waited(self.app, self.caller, waited, has_permit);
    }
}

impl<'a> RetryLoop<'a> {
    pub(super) fn new(
        context: &'a Arc<Context>,
        app: &'a Arc<App>,
        request: &'a Arc<ForwardRequest>,
        claim: ForwardClaim,
        started: Moment,
    ) -> Self {
        let identity = request.uuid_is_given.then(|| Identity::of(request));
        Self {
            context,
            app,
            tokens: &app.token,
            request,
            claim,
            identity,
            begun: identity.map(|_| context.clock.stamp()),
            ticket: Ticket::draw(&context.scheduler),
            deadline: started + context.settings.deadline,
            last_start: started + context.settings.last_start,
            backoff: Backoff::new(context.settings.max_attempts),
            token: None,
            has_renewed_token: false,
            has_tried_at_once: false,
            timings: Timings::default(),
            attempts: 0,
            prior: None,
        }
    }

    /// Forwards, in as many attempts as it takes and as there is time for.
    pub(super) async fn run(&mut self, audit: &AuditEntry) -> Result<Forwarded, ForwardError> {
        self.recall_prior_attempts();
        self.app.common.begin();
        let mut last = match self.attempt(audit).await {
            Ok(forwarded) => return Ok(forwarded),
            Err(error) => error,
        };
        loop {
            let next = classify(&last);
            if !self.prepare(next, &last).await {
                return Err(last);
            }
            match self.attempt(audit).await {
                Ok(forwarded) => return Ok(forwarded),
                // Feishu's answer to the last call is worth more than why there was no other call.
                Err(error)
                    if error.is_before_the_call() && next != RetryDecision::WithFreshToken =>
                {
                    return Err(last);
                }
                Err(error) => last = error,
            }
        }
    }

    /// Does what comes before the first call, and returns how long the forward would wait for its permit.
    pub(super) async fn estimate(&mut self) -> Result<Duration, ForwardError> {
        self.recall_prior_attempts();
        self.check_time()?;
        self.app.check(self.request, self.context.clock.now())?;
        self.tokens.check().map_err(no_token)?;
        let Context { scheduler, clock, budgets, .. } = &**self.context;
        let caller = &self.request.caller;
        if !caller.budget.is_unlimited() {
            let checked = budgets.check(caller, scheduler.is_shared()).await;
            checked.map_err(ForwardError::OverBudget)?;
        }
        let until = self.last_start.min(clock.now() + self.request.wait);
        scheduler.estimate(&self.permit_request(until)).map_err(ForwardError::NoPermit)
    }

    /// When the first attempt was made, if it is unknown whether one was delivered.
    pub(super) fn in_doubt_since(&self) -> Option<Stamp> {
        match self.prior {
            Some(Prior::InDoubt(first_attempt)) => Some(first_attempt),
            Some(Prior::Delivered(_)) | None => None,
        }
    }

    /// A repetition of a forward that is in doubt is in doubt until one attempt gets through.
    fn recall_prior_attempts(&mut self) {
        if let Some(identity) = &self.identity {
            self.prior = self.context.register.prior(identity);
        }
    }

    async fn attempt(&mut self, audit: &AuditEntry) -> Result<Forwarded, ForwardError> {
        self.check_time()?;
        let started = self.context.clock.now();
        self.app.check(self.request, started)?;
        let (token, now) = self.token(started).await?;
        let reserved = self.reserve().await?;
        // Where nothing is reserved, no time has passed.
        let now = reserved.as_ref().map_or(now, |_| self.context.clock.now());
        // The permit comes last, because it holds only for this moment.
        let (permit, now) = self.permit(now).await?;
        let (circuit_permit, first_attempt) = self.begin(now).inspect_err(|_| {
            self.context.scheduler.release(&self.request.receiver, permit.hold);
        })?;
        let resent = self.attempts;
        self.attempts += 1;
        let attempt = Attempt {
            context: Arc::clone(self.context),
            app: Arc::clone(self.app),
            token,
            request: Arc::clone(self.request),
            claim: self.claim.clone(),
            identity: self.identity,
            deadline: self.deadline,
            since: first_attempt,
            is_in_doubt: self.in_doubt_since().is_some(),
            is_probe: permit.is_probe,
            resent,
            hold: permit.hold,
            permit: circuit_permit,
            reserved,
        };
        let (answer, took) = attempt.make(audit.clone()).await;
        self.timings.feishu += took;
        answer.map_err(|error| {
            if error.outcome() == Outcome::Unknown {
                self.prior = Some(Prior::InDoubt(first_attempt));
            }
            ForwardError::Failed(error)
        })
    }

    /// Checks once more, now that there is a permit, and registers the attempt.
    fn begin(&self, now: Stamp) -> Result<(CircuitPermit, Stamp), ForwardError> {
        if now.moment() > self.deadline {
            // The process stood still while the forward waited. There is no time left for an answer.
            let (scope, retry_after) = (Scope::App, Duration::ZERO);
            return Err(ForwardError::NoPermit(QueueError::TooLate { scope, retry_after }));
        }
        let permit = self.app.enter(self.request, now.moment())?;
        self.check_time()?;
        let first_attempt = self.prior.map_or(now, Prior::first_attempt);
        if let Some(identity) = &self.identity {
            // If the caller hangs up and repeats the forward meanwhile, it is in doubt until this attempt ends.
            let begun = self.context.register.begin(identity, first_attempt);
            begun.map_err(|UuidReused| ForwardError::UuidReused)?;
        }
        Ok((permit, first_attempt))
    }

    /// A process that stood still must not repeat a forward whose `uuid` Feishu may have forgotten. If it has sent nothing
    /// itself, another process may have taken the forward over and sent it.
    fn check_time(&self) -> Result<(), ForwardError> {
        let clock = &self.context.clock;
        let is_late = self.attempts > 0 && clock.now() > self.last_start;
        let may_be_sent_since = self.in_doubt_since().or(self.begun);
        let is_unsafe = may_be_sent_since.is_some_and(|it| clock.age(it) > SAFE_TO_REPEAT);
        if is_late || is_unsafe { Err(ForwardError::TooLateToRepeat) } else { Ok(()) }
    }

    /// The token that was asked for at `started`, and when it came.
    async fn token(&mut self, started: Moment) -> Result<(Arc<Token>, Moment), ForwardError> {
        let Context { clock, closing, .. } = &**self.context;
        let token = tokio::select! {
            biased;
            token = clock.timeout_at(self.deadline, self.tokens.get()).instrument(spans::token()) => Some(token),
            () = closing.cancelled() => None,
        };
        let now = clock.now();
        self.timings.token += now.saturating_sub(started);
        let token = match token {
            Some(Ok(token)) => token.map_err(no_token)?,
            Some(Err(_elapsed)) => {
                let error = Arc::new(CallError::TimedOut { is_stale: false });
                return Err(ForwardError::NoToken(TokenError { error, call_at: self.deadline }));
            }
            None => return Err(ForwardError::Draining),
        };
        self.token = Some(Arc::clone(&token));
        Ok((token, now))
    }

    /// Reserves a call of the caller's budget, which is not waited for. None where the caller has no budget.
    async fn reserve(&self) -> Result<Option<ReservedCall>, ForwardError> {
        let (caller, until) = (&self.request.caller, self.last_start);
        if caller.budget.is_unlimited() {
            return Ok(None);
        }
        let Context { budgets, scheduler, .. } = &**self.context;
        // Boxed, because few callers have a budget.
        let reserved = Box::pin(budgets.reserve(caller, until, scheduler.is_shared()));
        reserved.await.map(Some).map_err(ForwardError::OverBudget)
    }

    /// The permit that was asked for at `started`, and when it came.
    async fn permit(&mut self, started: Moment) -> Result<(Permit, Stamp), ForwardError> {
        let Context { scheduler, clock, closing, metrics, .. } = &**self.context;
        let left = self.request.wait.saturating_sub(self.timings.wait);
        let request = self.permit_request(self.last_start.min(started + left));
        let (app, caller) = (&self.app.common.name, &self.request.caller.name);
        let mut wait = CountedWait { metrics, clock, app, caller, started, got_permit_after: None };
        let permit = tokio::select! {
            biased;
            permit = self.ticket.acquire(scheduler, &request).instrument(spans::wait()) => Some(permit),
            () = closing.cancelled() => None,
        };
        let now = clock.stamp();
        let waited = now.moment().saturating_sub(started);
        self.timings.wait += waited;
        wait.got_permit_after = matches!(permit, Some(Ok(_))).then_some(waited);
        drop(wait);
        match permit {
            Some(Ok(permit)) => {
                let decision = |waited: Duration| {
                    if waited.is_zero() { "allowed" } else { "delayed" }
                };
                metrics.limit_decision(Scope::Receiver.name(), decision(permit.waited.receiver));
                metrics.limit_decision(Scope::App.name(), decision(permit.waited.app));
                metrics.limit_wait(permit.waited.receiver + permit.waited.app);
                Ok((permit, now))
            }
            Some(Err(error)) => {
                if let QueueError::TooLate { scope, .. } = error {
                    metrics.limit_decision(scope.name(), "rejected");
                }
                Err(ForwardError::NoPermit(error))
            }
            None => Err(ForwardError::Draining),
        }
    }

    fn permit_request(&self, until: Moment) -> Request<'a> {
        let ForwardRequest { forward, receiver, caller, urgency, .. } = &**self.request;
        let key = self.app.limit_key(forward);
        Request { key, receiver, caller, urgency: *urgency, until }
    }

    /// Does what comes before another attempt. Returns false if there is to be none.
    async fn prepare(&mut self, next: RetryDecision, last: &ForwardError) -> bool {
        let token = match next {
            RetryDecision::WithFreshToken => self.renew_token(last),
            _ => Some(self.tokens.check()),
        };
        let next = if next == RetryDecision::AtOnce && self.has_tried_at_once {
            RetryDecision::AfterPause("unreadable")
        } else {
            next
        };
        let (Some(token), Some(reason), Some(pause)) = (token, next.reason(), self.backoff.next())
        else {
            return false;
        };
        let may = match next {
            RetryDecision::Never => false,
            RetryDecision::AtOnce => {
                self.has_tried_at_once = true;
                true
            }
            RetryDecision::AfterCooldown | RetryDecision::AfterReset { .. } => true,
            RetryDecision::WithFreshToken => self.pause_until_token(Duration::ZERO, token).await,
            RetryDecision::AfterPause(_) => self.pause_until_token(pause, token).await,
        };
        if may {
            self.context.metrics.retry(reason);
            tracing::info!(reason, attempt = self.attempts, "retrying");
        }
        may
    }

    /// Drops the token that was rejected, and returns whether a call for another may be made now. Once, because
    /// Feishu may hand out the same one again.
    fn renew_token(&mut self, last: &ForwardError) -> Option<Result<(), TokenTrouble>> {
        match (&self.token, last) {
            (Some(token), ForwardError::Failed(error)) if !self.has_renewed_token => {
                self.has_renewed_token = true;
                Some(self.tokens.reject(token, error))
            }
            _ => None,
        }
    }

    /// Pauses for `pause` at least, and until a call for a token may be made if there is none, if that is soon.
    async fn pause_until_token(&self, pause: Duration, token: Result<(), TokenTrouble>) -> bool {
        let call_at = token.err().map(|trouble| trouble.call_at);
        let until_call =
            call_at.map_or(Duration::ZERO, |at| at.saturating_sub(self.context.clock.now()));
        let pause = pause.max(until_call);
        pause.is_zero() || until_call <= backoff::LONGEST && self.pause(pause).await
    }

    async fn pause(&self, pause: Duration) -> bool {
        let Context { clock, closing, metrics, .. } = &**self.context;
        let over_at = clock.now() + pause;
        if over_at > self.last_start {
            return false;
        }
        if !self.app.common.pay_for_retry() {
            metrics.retry_refused(&self.app.common.name);
            return false;
        }
        tokio::select! {
            biased;
            () = closing.cancelled() => false,
            () = clock.sleep_until(over_at) => true,
        }
    }
}

fn no_token(trouble: TokenTrouble) -> ForwardError {
    ForwardError::NoToken(trouble.into())
}
