//! One forward on its way, from its first attempt to its last.

use std::sync::Arc;
use std::time::Duration;

use super::app::App;
use super::audit::Entry;
use super::circuit::Pass;
use super::error::{ForwardError, TokenError};
use super::identity::Identity;
use super::register::{Earlier, Reused, SAFE_TO_REPEAT};
use super::retry::{self, Again, Pauses, again};
use super::sending::Sending;
use super::turn::{NoTurn, Ticket, Turn};
use super::{Delivery, Name, Order, Timings};
use crate::clock::{Moment, Stamp};
use crate::feishu::error::{CallError, Forwarded};
use crate::feishu::token::{Token, Trouble};
use crate::limits::Scope;
use crate::model::problem_kind::Outcome;

pub(super) struct Run<'a> {
    delivery: &'a Arc<Delivery>,
    app: &'a Arc<App>,
    order: &'a Arc<Order>,
    name: Name,
    /// Of one that may be a repetition.
    identity: Option<Identity>,
    ticket: Ticket,
    deadline: Moment,
    /// When an attempt may begin at the latest, so that it has time to be answered.
    last_start: Moment,
    pauses: Pauses,
    token: Option<Arc<Token>>,
    has_renewed_token: bool,
    has_tried_at_once: bool,
    pub(super) timings: Timings,
    pub(super) attempts: u32,
    /// What attempts came to before, of this forward and of those that it repeats.
    earlier: Option<Earlier>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        delivery: &'a Arc<Delivery>,
        app: &'a Arc<App>,
        order: &'a Arc<Order>,
        name: Name,
        started: Moment,
    ) -> Self {
        Self {
            delivery,
            app,
            order,
            name,
            identity: order.uuid_is_given.then(|| Identity::of(order)),
            ticket: delivery.turns.ticket(),
            deadline: started + delivery.deadline,
            last_start: started + delivery.last_start,
            pauses: Pauses::new(delivery.max_attempts),
            token: None,
            has_renewed_token: false,
            has_tried_at_once: false,
            timings: Timings::default(),
            attempts: 0,
            earlier: None,
        }
    }

    /// Forwards the message, in as many attempts as it takes and there is time for.
    pub(super) async fn deliver(&mut self, entry: &Entry) -> Result<Forwarded, ForwardError> {
        self.recall_earlier_attempts();
        self.app.begin();
        let mut last = match self.attempt(entry).await {
            Ok(forwarded) => return Ok(forwarded),
            Err(error) => error,
        };
        loop {
            let next = again(&last);
            if !self.prepare(next, &last).await {
                return Err(last);
            }
            match self.attempt(entry).await {
                Ok(forwarded) => return Ok(forwarded),
                // What Feishu said of the message tells more than that it was not asked again.
                Err(error) if error.is_before_the_call() && next != Again::WithFreshToken => {
                    return Err(last);
                }
                Err(error) => last = error,
            }
        }
    }

    /// Does what comes before the first attempt, and tells how long its turn would take to come.
    pub(super) fn rehearse(&mut self) -> Result<Duration, ForwardError> {
        self.recall_earlier_attempts();
        self.check_time()?;
        self.app.check(self.order)?;
        self.app.check_token().map_err(no_token)?;
        let Delivery { turns, clock, .. } = &**self.delivery;
        let until = self.last_start.min(clock.now() + self.order.wait);
        turns.outlook(&self.app.name, &self.order.receiver, until).map_err(ForwardError::NoTurn)
    }

    /// When it was first attempted, where nobody knows whether it went out.
    pub(super) fn in_doubt_since(&self) -> Option<Stamp> {
        match self.earlier {
            Some(Earlier::MayBeOut(first_attempt)) => Some(first_attempt),
            Some(Earlier::Out(_)) | None => None,
        }
    }

    /// A caller that repeats what is in doubt is in doubt until this one gets through.
    fn recall_earlier_attempts(&mut self) {
        if let Some(identity) = &self.identity {
            self.earlier = self.delivery.register.earlier(identity);
        }
    }

    /// Takes a turn and sends: nothing happens between the two.
    async fn attempt(&mut self, entry: &Entry) -> Result<Forwarded, ForwardError> {
        self.check_time()?;
        self.app.check(self.order)?;
        let token = self.token().await?;
        let turn = self.turn().await?;
        let (pass, first_attempt) = self.begin().inspect_err(|_| {
            self.delivery.turns.give_back(&self.order.receiver, turn.hold);
        })?;
        self.attempts += 1;
        let sending = Sending {
            delivery: Arc::clone(self.delivery),
            app: Arc::clone(self.app),
            token,
            order: Arc::clone(self.order),
            name: self.name.clone(),
            identity: self.identity,
            entry: entry.clone(),
            deadline: self.deadline,
            first_attempt,
            is_in_doubt: self.in_doubt_since().is_some(),
            is_trial: turn.trial,
            hold: turn.hold,
            pass,
        };
        let (answer, took) = sending.send().await;
        self.timings.feishu += took;
        answer.map_err(|error| {
            if error.outcome() == Outcome::Unknown {
                self.earlier = Some(Earlier::MayBeOut(first_attempt));
            }
            ForwardError::Failed(error)
        })
    }

    /// What is left to be asked once there is a turn.
    fn begin(&self) -> Result<(Pass, Stamp), ForwardError> {
        let pass = self.app.enter(self.order)?;
        self.check_time()?;
        let now = || self.delivery.clock.stamp();
        let first_attempt = self.earlier.map_or_else(now, Earlier::first_attempt);
        if let Some(identity) = &self.identity {
            // Should the caller hang up and repeat it meanwhile, it is in doubt until this ends.
            let begun = self.delivery.register.begin(identity, first_attempt);
            begun.map_err(|Reused| ForwardError::UuidReused)?;
        }
        Ok((pass, first_attempt))
    }

    /// Somebody who overslept, with the whole process, must not repeat what Feishu may have forgotten.
    fn check_time(&self) -> Result<(), ForwardError> {
        let clock = &self.delivery.clock;
        let is_late = self.attempts > 0 && clock.now() > self.last_start;
        let is_unsafe = self.in_doubt_since().is_some_and(|it| clock.age(it) > SAFE_TO_REPEAT);
        if is_late || is_unsafe { Err(ForwardError::TooLateToRepeat) } else { Ok(()) }
    }

    async fn token(&mut self) -> Result<Arc<Token>, ForwardError> {
        let Delivery { clock, closing, .. } = &**self.delivery;
        let started = clock.now();
        let token = tokio::select! {
            biased;
            token = clock.timeout_at(self.deadline, self.app.token()) => Some(token),
            () = closing.cancelled() => None,
        };
        self.timings.token += clock.since(started);
        let token = match token {
            Some(Ok(token)) => token.map_err(no_token)?,
            Some(Err(_elapsed)) => {
                let error = Arc::new(CallError::TimedOut { is_stale: false });
                return Err(ForwardError::NoToken(TokenError { error, call_at: self.deadline }));
            }
            None => return Err(ForwardError::Draining),
        };
        self.token = Some(Arc::clone(&token));
        Ok(token)
    }

    async fn turn(&mut self) -> Result<Turn, ForwardError> {
        let Delivery { turns, clock, closing, metrics, .. } = &**self.delivery;
        let started = clock.now();
        let left = self.order.wait.saturating_sub(self.timings.wait);
        let until = self.last_start.min(started + left);
        let turn = tokio::select! {
            biased;
            turn = turns.take(&self.app.name, &self.order.receiver, &mut self.ticket, until) => Some(turn),
            () = closing.cancelled() => None,
        };
        self.timings.wait += clock.since(started);
        match turn {
            Some(Ok(turn)) => {
                let decision = |waited: Duration| {
                    if waited.is_zero() { "allowed" } else { "delayed" }
                };
                metrics.limit_decision(Scope::Receiver.name(), decision(turn.waited.receiver));
                metrics.limit_decision(Scope::App.name(), decision(turn.waited.app));
                metrics.limit_wait(turn.waited.receiver + turn.waited.app);
                Ok(turn)
            }
            Some(Err(no_turn)) => {
                if let NoTurn::Late { scope, .. } = no_turn {
                    metrics.limit_decision(scope.name(), "rejected");
                }
                Err(ForwardError::NoTurn(no_turn))
            }
            None => Err(ForwardError::Draining),
        }
    }

    /// Does what a failure asks for before another attempt; false where there is to be none.
    async fn prepare(&mut self, next: Again, last: &ForwardError) -> bool {
        if next == Again::WithFreshToken && !self.renew_token(last) {
            return false;
        }
        let next = if next == Again::AtOnce && self.has_tried_at_once {
            Again::AfterPause("unreadable")
        } else {
            next
        };
        let (Some(reason), Some(pause)) = (next.reason(), self.pauses.next()) else {
            return false;
        };
        let may = match next {
            Again::Never => false,
            Again::AtOnce => {
                self.has_tried_at_once = true;
                true
            }
            Again::AfterReceiver | Again::AfterApp { .. } => true,
            Again::WithFreshToken => self.pause_until_token(Duration::ZERO).await,
            Again::AfterPause(_) => self.pause_until_token(pause).await,
        };
        if may {
            self.delivery.metrics.retry(reason);
            tracing::info!(reason, attempt = self.attempts, "attempting again");
        }
        may
    }

    /// Drops the token that was rejected. Once: Feishu may hand out the very same one again.
    fn renew_token(&mut self, last: &ForwardError) -> bool {
        match (&self.token, last) {
            (Some(token), ForwardError::Failed(error)) if !self.has_renewed_token => {
                self.app.token.reject(token, error);
                self.has_renewed_token = true;
                true
            }
            _ => false,
        }
    }

    /// Pauses for so long, and until there is a token or one may be asked for, if that is soon.
    async fn pause_until_token(&self, pause: Duration) -> bool {
        let call_at = self.app.check_token().err().map(|trouble| trouble.call_at);
        let until_call =
            call_at.map_or(Duration::ZERO, |at| at.saturating_sub(self.delivery.clock.now()));
        let pause = pause.max(until_call);
        pause.is_zero() || until_call <= retry::LONGEST && self.pause(pause).await
    }

    async fn pause(&self, pause: Duration) -> bool {
        let Delivery { clock, closing, metrics, .. } = &**self.delivery;
        let over_at = clock.now() + pause;
        if over_at > self.last_start {
            return false;
        }
        if !self.app.pay_for_retry() {
            metrics.retry_refused(&self.app.name);
            return false;
        }
        tokio::select! {
            biased;
            () = closing.cancelled() => false,
            () = clock.sleep_until(over_at) => true,
        }
    }
}

fn no_token(trouble: Trouble) -> ForwardError {
    ForwardError::NoToken(trouble.into())
}
