//! One of many callers: forwards one message after the other, each in a way of its own, and asks
//! again as the gateway's answers say.

use std::sync::Arc;
use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::call::{Call, Caller, End, Request, Said};
use crate::gateway::{APPS, Gateway};
use crate::verdict::{Heard, Story, heard};

/// Longest time that all is given to come right once nothing fails any more.
pub(crate) const SETTLED_WITHIN: Duration = Duration::from_mins(1);
/// Receivers of all people, so that they meet at each other's limits.
const RECEIVERS: usize = 60;
/// Those that many write to.
const BUSY_RECEIVERS: usize = 4;

pub(crate) struct Person {
    number: usize,
    app: &'static str,
    caller: Caller,
    gateway: Arc<Gateway>,
    dice: StdRng,
}

impl Person {
    pub(crate) fn new(gateway: &Arc<Gateway>, seed: u64, number: usize) -> Self {
        let app = APPS[number % APPS.len()];
        let caller = gateway.caller(app);
        let dice = StdRng::seed_from_u64(seed ^ ((number as u64 + 1) << 32));
        Self { number, app, caller, gateway: Arc::clone(gateway), dice }
    }

    /// Everything that it did.
    pub(crate) async fn live_until(mut self, ends: Moment) -> Vec<Story> {
        let mut stories = Vec::new();
        while self.caller.clock.now() < ends {
            let request = self.wish(stories.len());
            stories.push(self.see_through(request, ends).await);
            self.pause(0..300).await;
        }
        stories
    }

    fn wish(&mut self, number: usize) -> Request {
        let dice = &mut self.dice;
        let receivers = if dice.random_bool(0.3) { BUSY_RECEIVERS } else { RECEIVERS };
        let receiver = dice.random_range(0..receivers);
        let kind = if receiver % 3 == 0 { "ou" } else { "oc" };
        let name = format!("{}-{number}", self.number);
        let mut request = Request {
            message: format!("om_{name}"),
            receiver: format!("{kind}_{receiver}"),
            wait: dice.random_bool(0.3).then(|| dice.random_range(0..4)),
            ..Request::default()
        };
        match dice.random_range(0..10) {
            0..5 => request.idempotency_key = Some(name),
            5..7 => request.uuid = Some(name),
            _ => {}
        }
        request
    }

    /// Asks until it knows, or does not care any more.
    async fn see_through(&mut self, mut request: Request, ends: Moment) -> Story {
        let mut story = Story {
            app: self.app,
            message: request.message.clone(),
            receiver: request.receiver.clone(),
            name: match (&request.idempotency_key, &request.uuid) {
                (Some(key), _) => format!("Idempotency-Key {key}"),
                (_, Some(uuid)) => format!("uuid {uuid}"),
                _ => "no name".into(),
            },
            has_key: request.idempotency_key.is_some(),
            steps: Vec::new(),
            has_given_up: false,
        };
        loop {
            let step = self.step(&mut request, ends).await;
            let heard = heard(&step);
            let is_repeated = self.is_repeated(&request, &heard, &step);
            if let Some(answer) = step.iter().find_map(Call::answer)
                && request.idempotency_key.is_none()
            {
                // What it does again is the same forward.
                request.uuid = request.uuid.or_else(|| answer.uuid.clone());
            }
            story.steps.push(step);
            let is_too_late = self.caller.clock.now() > ends + SETTLED_WITHIN;
            if !is_repeated || is_too_late {
                story.has_given_up = !is_too_late;
                return story;
            }
            self.pause(0..500).await;
        }
    }

    /// One request, or two at once with one key.
    async fn step(&mut self, request: &mut Request, ends: Moment) -> Vec<Call> {
        if request.idempotency_key.is_some() && self.dice.random_bool(0.1) {
            request.hangs_up_at = None;
            let (one, other) = tokio::join!(self.caller.call(request), self.caller.call(request));
            return vec![one, other];
        }
        let now = self.caller.clock.now();
        let hangs_up = now < ends && self.dice.random_bool(0.1);
        let patience = Duration::from_micros(self.dice.random_range(0..400_000));
        request.hangs_up_at = hangs_up.then(|| now + patience);
        vec![self.caller.call(request).await]
    }

    fn is_repeated(&mut self, request: &Request, heard: &Heard, step: &[Call]) -> bool {
        let has_name = request.idempotency_key.is_some() || request.uuid.is_some();
        let has_key = request.idempotency_key.is_some();
        match heard {
            Heard::Nothing => {
                let is_over = |call: &Call| matches!(call.end, End::HungUp | End::Lost);
                has_name && step.iter().all(is_over)
            }
            Heard::Said(Said::Unknown) => !self.dice.random_bool(0.02),
            Heard::Said(Said::Delivered(_)) => has_key && self.dice.random_bool(0.1),
            Heard::Said(Said::NotDelivered) => {
                let may_help =
                    step.iter().filter_map(Call::answer).any(|answer| answer.is_retryable);
                may_help && self.dice.random_bool(0.5)
            }
        }
    }

    async fn pause(&mut self, milliseconds: std::ops::Range<u64>) {
        let pause = Duration::from_millis(self.dice.random_range(milliseconds));
        self.gateway.pause(pause).await;
    }
}
