//! A call to Feishu that goes on when its caller hangs up: what was begun is finished, counted and
//! told in the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::{Delivery, Order};
use crate::clock::Moment;
use crate::feishu::client::Call;
use crate::feishu::error::{CallError, Forwarded, code_of};
use crate::feishu::token::Token;

/// One call, with all that it needs to outlive its caller.
pub(super) struct Sending {
    pub(super) delivery: Delivery,
    pub(super) app: Arc<str>,
    pub(super) token: Arc<Token>,
    pub(super) order: Arc<Order>,
    pub(super) deadline: Moment,
}

/// What became of a call, and how long it took.
pub(super) type Answered = (Result<Forwarded, CallError>, Duration);

impl Sending {
    /// Sends. Dropping the future does not cut the call short.
    pub(super) async fn send(self) -> Answered {
        let (tell, told) = oneshot::channel();
        let call = async move {
            if let Err(untold) = tell.send(self.call().await) {
                log_untold(&untold);
            }
        };
        tokio::spawn(call.instrument(Span::current()));
        // The call is lost only with the runtime, when the process ends.
        told.await.unwrap_or((Err(CallError::TimedOut), Duration::ZERO))
    }

    async fn call(&self) -> Answered {
        let Delivery { client, clock, closing, metrics, .. } = &self.delivery;
        let Order { message, receiver, uuid, .. } = &*self.order;
        let call = Call { message, receiver, uuid };
        let started = clock.now();
        let answer = tokio::select! {
            biased;
            answer = client.forward(self.token.authorization(), call, self.deadline) => answer,
            // To the caller a process that ends is a Feishu that did not answer in time.
            () = closing.cancelled() => Err(CallError::TimedOut),
        };
        let took = clock.since(started);
        metrics.upstream(&self.app, "forward", &code_of(&answer), took);
        (answer, took)
    }
}

/// For somebody who hung up and asks what became of the message.
fn log_untold((answer, took): &Answered) {
    let log_id = answer.as_ref().ok().and_then(|forwarded| forwarded.log_id.as_deref());
    let code = code_of(answer);
    tracing::info!(%code, feishu_log_id = log_id, ?took, "Feishu answered after the caller hung up");
}
