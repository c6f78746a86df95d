//! A call to Feishu that goes on when its caller hangs up: what was begun is finished, counted,
//! learned from and told: to those who ask by the same key, and in the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::app::App;
use super::audit::Entry;
use super::circuit::Pass;
use super::error::ForwardError;
use super::identity::Identity;
use super::register::End;
use super::retry::{Again, after_call};
use super::{Delivery, Name, Order};
use crate::clock::{Moment, Stamp};
use crate::feishu::client::Call;
use crate::feishu::error::{CallError, Forwarded, code_of, label_of};
use crate::feishu::token::Token;
use crate::limits::{Gate, Hold};
use crate::model::problem_kind::Outcome;

/// One call, with all that it needs to outlive its caller.
pub(super) struct Sending {
    pub(super) delivery: Arc<Delivery>,
    pub(super) app: Arc<App>,
    pub(super) token: Arc<Token>,
    pub(super) order: Arc<Order>,
    pub(super) name: Name,
    /// Of one that may be a repetition, whose beginning the register knows of.
    pub(super) identity: Option<Identity>,
    pub(super) entry: Entry,
    pub(super) deadline: Moment,
    pub(super) first_attempt: Stamp,
    /// Whether an earlier attempt may have gone out.
    pub(super) is_in_doubt: bool,
    /// Whether this tries if the receiver may be sent to again.
    pub(super) is_trial: bool,
    /// What its turn holds of the receiver's limit.
    pub(super) hold: Hold,
    pub(super) pass: Pass,
}

/// A process that ends has heard nothing.
const NO_ANSWER: CallError = CallError::TimedOut { is_stale: false };

/// What became of a call, and how long it took.
pub(super) type Answered = (Result<Forwarded, CallError>, Duration);

impl Sending {
    /// Sends. Dropping the future does not cut the call short.
    pub(super) async fn send(self) -> Answered {
        self.name.sends();
        let delivery = Arc::clone(&self.delivery);
        let (tell, told) = oneshot::channel();
        let call = async move {
            let answered = self.call().await;
            self.learn(&answered.0);
            self.entry.tell_attempt(&answered.0, self.leaves_doubt(&answered.0));
            if let Err(untold) = tell.send(answered) {
                self.tell_others(untold).await;
            }
        };
        // Boxed, as tokio moves what it spawns several times, and this is 5 KB.
        let call = Box::pin(call).instrument(Span::current());
        delivery.calls.spawn_on(call, delivery.client.runtime());
        // The call is lost only with the runtime, when the process ends.
        told.await.unwrap_or((Err(NO_ANSWER), Duration::ZERO))
    }

    async fn call(&self) -> Answered {
        let Delivery { turns, client, clock, closing, metrics, .. } = &*self.delivery;
        let Order { message, receiver, uuid, .. } = &*self.order;
        let call = Call { message, receiver, uuid };
        let under_way = turns.departs(receiver, self.hold);
        let answer = tokio::select! {
            biased;
            answer = client.forward(self.token.authorization(), call, self.deadline) => answer,
            // To the caller a process that ends is a Feishu that did not answer in time.
            () = closing.cancelled() => Err(NO_ANSWER),
        };
        let took = clock.since(under_way.sent_at);
        if matches!(answer, Err(CallError::Connect(_))) {
            under_way.never_left();
        } else {
            drop(under_way);
        }
        metrics.upstream(&self.app.name, "forward", &label_of(&answer), took);
        (answer, took)
    }

    /// What the answer means for what may be asked next.
    fn learn(&self, answer: &Result<Forwarded, CallError>) {
        let Self { delivery, app, order, is_trial, .. } = self;
        let Delivery { turns, register, .. } = &**delivery;
        match answer {
            Err(error) if !error.shows_feishu() => {
                app.not_answered(order, self.pass, error.is_stale());
            }
            _ => app.answered(),
        }
        match answer.as_ref().map_err(|error| (error, after_call(error))) {
            Err((_, Again::AfterReceiver)) => {
                turns.refused_by_feishu(&order.receiver, *is_trial);
            }
            Err((_, Again::AfterApp { reset })) => turns.app_refused(&app.name, reset),
            // Whatever else Feishu says, it does not say that there are too many.
            Ok(_) | Err((CallError::Refused(_), _)) => {
                turns.accepted_by_feishu(&order.receiver, *is_trial);
            }
            Err(_) => {}
        }
        if let Some(used_up_for) = app.learn(order, answer) {
            turns.note_closed(&app.name, Gate::Quota, used_up_for);
        }
        let end = answer.as_ref().map_or_else(may_be_out, |_| End::Out);
        if self.identity.is_some() || self.is_in_doubt || end == End::Unknown {
            register.end(&self.identity(), self.first_attempt, end);
        }
        if let Name::Uuid(joined) = &self.name {
            joined.ended(end);
        }
    }

    /// Whether it, or an earlier attempt, may have gone out though it failed.
    fn leaves_doubt(&self, answer: &Result<Forwarded, CallError>) -> bool {
        answer.as_ref().is_err_and(|error| self.is_in_doubt || may_be_out(error) == End::Unknown)
    }

    /// The caller hung up: its key's other requests hear of it, and the log does.
    async fn tell_others(&self, (answer, took): Answered) {
        let code = code_of(&answer);
        let log_id = answer.as_ref().ok().and_then(|forwarded| forwarded.log_id.as_deref());
        tracing::info!(%code, feishu_log_id = log_id, ?took, "Feishu answered after the caller hung up");
        let Name::Key(lead) = &self.name else {
            if answer.is_ok() && self.order.uuid_is_given {
                // It may ask again, and must not be told then that nothing went out, nor be too late unheard.
                self.delivery.register.untold(&self.identity(), self.first_attempt);
                if let Name::Uuid(joined) = &self.name {
                    joined.ended(End::Unknown);
                }
            }
            return;
        };
        let in_doubt_since = self.leaves_doubt(&answer).then_some(self.first_attempt);
        let result = answer.map_err(ForwardError::Failed);
        let Self { delivery, order, name, .. } = self;
        lead.tell(delivery.conclude(order, name, result, in_doubt_since).await);
    }

    fn identity(&self) -> Identity {
        self.identity.unwrap_or_else(|| Identity::of(&self.order))
    }
}

fn may_be_out(error: &CallError) -> End {
    if error.outcome() == Outcome::Unknown { End::Unknown } else { End::NotOut }
}
