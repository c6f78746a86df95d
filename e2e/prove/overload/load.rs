//! So many forwards a second, whatever becomes of them.

use std::sync::Arc;
use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use tokio::task::JoinSet;

use crate::call::{Answer, Call, Caller, End, Request, Said};
use crate::gateway::Gateway;
use crate::verdict::Story;

/// A load on receivers of its own, by turns.
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) caller: &'static str,
    pub(super) app: &'static str,
    pub(super) receivers: usize,
    pub(super) pace: Pace,
    /// Whether its forwards may take longer.
    pub(super) is_bulk: bool,
}

/// When a load sends.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// So many a second, whatever becomes of them.
    PerSecond(usize),
    /// So many at once: the next one when one is answered, and after a pause when it was refused.
    AtOnce(usize),
}

/// How long one of those that send at once pauses when it was refused: the shortest `Retry-After`.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// One forward that was sent once.
pub(super) struct Sent {
    pub(super) story: Story,
}

impl Load {
    /// Sends until then, and returns when all are answered.
    pub(super) async fn send(self, gateway: &Gateway, part: &str, until: Moment) -> Vec<Sent> {
        let part: Arc<str> = part.replace(' ', "-").into();
        match self.pace {
            Pace::PerSecond(per_second) => {
                self.send_each_second(per_second, gateway, &part, until).await
            }
            Pace::AtOnce(count) => self.send_at_once(count, gateway, &part, until).await,
        }
    }

    async fn send_each_second(
        self,
        per_second: usize,
        gateway: &Gateway,
        part: &Arc<str>,
        until: Moment,
    ) -> Vec<Sent> {
        let mut calls = JoinSet::new();
        let began = gateway.clock.now();
        while gateway.clock.now() < until {
            let due = due_after(gateway.clock.since(began), per_second);
            for number in calls.len()..=due {
                calls.spawn(self.forward(gateway.caller(self.caller), part, number));
            }
            gateway.pause(Duration::from_millis(10)).await;
        }
        calls.join_all().await
    }

    async fn send_at_once(
        self,
        count: usize,
        gateway: &Gateway,
        part: &Arc<str>,
        until: Moment,
    ) -> Vec<Sent> {
        let load = Arc::new(self);
        let mut senders = JoinSet::new();
        for sender in 0..count {
            let (load, part) = (Arc::clone(&load), Arc::clone(part));
            let caller = gateway.caller(load.caller);
            senders.spawn(async move {
                let clock = caller.clock.clone();
                let mut all = Vec::new();
                while clock.now() < until {
                    let number = sender + all.len() * count;
                    let sent = load.forward(caller.clone(), &part, number).await;
                    if sent.accepted().is_none() {
                        clock.sleep_until(clock.now() + AFTER_REFUSAL).await;
                    }
                    all.push(sent);
                }
                all
            });
        }
        senders.join_all().await.into_iter().flatten().collect()
    }

    /// Sends the forward of this number.
    fn forward(
        &self,
        caller: Caller,
        part: &str,
        number: usize,
    ) -> impl Future<Output = Sent> + Send + use<> {
        let Self { name, app, receivers, is_bulk, .. } = *self;
        let request = Request {
            message: format!("om_{part}-{name}-{number}"),
            receiver: format!("oc_{name}-{}", number % receivers),
            is_bulk,
            ..Request::default()
        };
        async move {
            let call = caller.call(&request).await;
            let Request { message, receiver, .. } = request;
            let story = Story {
                app,
                message,
                receiver,
                name: "sent once".into(),
                has_key: false,
                steps: vec![vec![call]],
                has_given_up: true,
            };
            Sent { story }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a few thousand at most"
)]
fn due_after(time: Duration, per_second: usize) -> usize {
    (time.as_secs_f64() * per_second as f64) as usize
}

impl Sent {
    pub(super) fn call(&self) -> &Call {
        &self.story.steps[0][0]
    }

    pub(super) fn took(&self) -> Duration {
        self.call().ended_at.saturating_sub(self.call().sent_at)
    }

    /// The answer, if it says that the message was delivered.
    pub(super) fn accepted(&self) -> Option<&Answer> {
        self.answer().filter(|answer| matches!(answer.said, Said::Delivered(_)))
    }

    /// The answer, if it says that nothing was sent.
    pub(super) fn rejected(&self) -> Option<&Answer> {
        self.answer().filter(|answer| answer.said == Said::NotDelivered)
    }

    fn answer(&self) -> Option<&Answer> {
        match &self.call().end {
            End::Answered(answer) => Some(answer),
            _ => None,
        }
    }
}
