//! So many forwards a second, whatever becomes of them.

use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use tokio::task::JoinSet;

use crate::call::{Answer, Call, End, Request, Said};
use crate::gateway::{APPS, Gateway};
use crate::verdict::Story;

/// A load on receivers of its own, by turns.
pub(super) struct Load {
    name: &'static str,
    app: usize,
    receivers: usize,
    per_second: usize,
}

/// One forward that was sent once.
pub(super) struct Sent {
    pub(super) story: Story,
}

impl Load {
    pub(super) fn new(name: &'static str, app: usize, receivers: usize, per_second: usize) -> Self {
        Self { name, app, receivers, per_second }
    }

    /// Sends until then, and returns when all are answered.
    pub(super) async fn send(self, gateway: &Gateway, part: &str, until: Moment) -> Vec<Sent> {
        let mut calls = JoinSet::new();
        let began = gateway.clock.now();
        while gateway.clock.now() < until {
            let due = self.due_after(gateway.clock.since(began));
            for number in calls.len()..=due {
                let request = Request {
                    message: format!("om_{}-{}-{number}", part.replace(' ', "-"), self.name),
                    receiver: format!("oc_{}-{}", self.name, number % self.receivers),
                    ..Request::default()
                };
                let (caller, app) = (gateway.caller(self.app), APPS[self.app]);
                calls.spawn(async move {
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
                });
            }
            gateway.pause(Duration::from_millis(10)).await;
        }
        calls.join_all().await
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a few thousand at most"
    )]
    fn due_after(&self, time: Duration) -> usize {
        (time.as_secs_f64() * self.per_second as f64) as usize
    }
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
