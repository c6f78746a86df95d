//! Forwards that are repeated by their keys after every replacement.

use std::sync::Arc;
use std::time::Duration;

use crate::call::{Call, Caller, Request, Said};
use crate::gateway::{APPS, Gateway};
use crate::verdict::{Heard, Story, heard};

/// So many more are sent before each replacement.
const EACH_TIME: usize = 5;
/// How often one is sent before it is an error that it is not delivered.
const ATTEMPTS: usize = 20;

/// Forwards of the second app's caller, each to a receiver of its own.
pub(super) struct Repeated {
    gateway: Arc<Gateway>,
    caller: Caller,
    forwards: Vec<(Request, Vec<Vec<Call>>)>,
}

impl Repeated {
    pub(super) fn new(gateway: &Arc<Gateway>) -> Self {
        let caller = gateway.caller(APPS[1]);
        Self { gateway: Arc::clone(gateway), caller, forwards: Vec::new() }
    }

    /// Has some more delivered.
    pub(super) async fn add(&mut self) {
        for _ in 0..EACH_TIME {
            let name = format!("repeated-{}", self.forwards.len());
            let request = Request {
                message: format!("om_{name}"),
                receiver: format!("oc_{name}"),
                idempotency_key: Some(name),
                ..Request::default()
            };
            self.forwards.push((request, Vec::new()));
            self.send(self.forwards.len() - 1).await;
        }
    }

    /// Sends all of them again.
    pub(super) async fn again(&mut self) {
        for number in 0..self.forwards.len() {
            self.send(number).await;
        }
    }

    /// Sends one until it is delivered: processes end meanwhile, and answers of Feishu's are lost.
    async fn send(&mut self, number: usize) {
        for _ in 0..ATTEMPTS {
            let (request, steps) = &mut self.forwards[number];
            let step = vec![self.caller.call(request).await];
            let is_delivered = matches!(heard(&step), Heard::Said(Said::Delivered(_)));
            steps.push(step);
            if is_delivered {
                return;
            }
            self.gateway.pause(Duration::from_millis(100)).await;
        }
    }

    /// What was sent and heard, which is all that `Story` judges: one message, and in every answer its id.
    pub(super) fn stories(&self) -> Vec<Story> {
        let story = |(request, steps): &(Request, Vec<Vec<Call>>)| Story {
            app: APPS[1],
            message: request.message.clone(),
            receiver: request.receiver.clone(),
            name: "repeated by its key".into(),
            has_key: true,
            steps: steps.clone(),
            has_given_up: false,
        };
        self.forwards.iter().map(story).collect()
    }
}

/// How many answers were those of an earlier request.
pub(super) fn replayed(stories: &[Story]) -> usize {
    let calls = stories.iter().flat_map(|it| &it.steps).flatten();
    calls.filter_map(Call::answer).filter(|it| it.is_replayed).count()
}
