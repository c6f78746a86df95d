//! The use case: may this message go, send it, judge the answer, say what happened.

mod error;
mod line;
mod sending;
mod turn;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Moment};
use crate::feishu::client::Client;
use crate::feishu::error::{CallError, Forwarded};
use crate::feishu::token::{Token, TokenSource};
use crate::limits::{Scope, Standing};
use crate::model::dedup_key::DedupKey;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::telemetry::metrics::Metrics;

pub use error::ForwardError;
use sending::Sending;
pub use turn::{NoTurn, Turns};

/// What a caller wants forwarded.
#[derive(Clone, Debug)]
pub struct Order {
    /// The message.
    pub message: MessageId,
    /// Who gets it.
    pub receiver: Receiver,
    /// By which Feishu knows a repetition.
    pub uuid: DedupKey,
    /// Longest time to wait for a turn.
    pub wait: Duration,
}

/// Where the time of a forward went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Waiting for the receiver's and the app's turn.
    pub wait: Duration,
    /// Getting the tenant token.
    pub token: Duration,
    /// Feishu's answering.
    pub feishu: Duration,
    /// All of it.
    pub total: Duration,
}

/// What became of an order.
#[derive(Debug)]
pub struct Report {
    /// The new message, or why there is none.
    pub result: Result<Forwarded, ForwardError>,
    /// Where the time went.
    pub timings: Timings,
    /// How much of the receiver's limit is left.
    pub standing: Standing,
}

/// One Feishu app to forward with.
#[derive(Debug)]
pub struct App {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// Its tenant token.
    pub token: TokenSource,
}

/// Forwards messages for all apps; clones share everything.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The apps by name.
    pub apps: Arc<HashMap<Arc<str>, App>>,
    /// The lines in front of the limits.
    pub turns: Arc<Turns>,
    /// Calls Feishu.
    pub client: Client,
    /// Tells the time.
    pub clock: Clock,
    /// Longest time of a whole forward.
    pub deadline: Duration,
    /// Cancelled when those who wait can no longer be served, because the process ends.
    pub closing: CancellationToken,
    /// What operators see.
    pub metrics: Metrics,
}

impl Delivery {
    /// The same with connections of its own, for one worker: a connection lives and ends with the
    /// runtime of the thread that opened it, and workers do not end together.
    pub fn for_one_worker(&self) -> reqwest::Result<Self> {
        Ok(Self { client: self.client.with_own_connections()?, ..self.clone() })
    }

    /// Forwards a message with one of the apps.
    ///
    /// # Panics
    /// When there is no such app: config lets no key name one.
    pub async fn forward(&self, app: &str, order: &Arc<Order>) -> Report {
        let app = self.apps.get(app).expect("config lets no key name an app that does not exist");
        let started = self.clock.now();
        let mut run = Run {
            delivery: self,
            app,
            order,
            deadline: started + self.deadline,
            timings: Timings::default(),
        };
        let result = run.deliver().await;
        let timings = Timings { total: self.clock.since(started), ..run.timings };
        Report { result, timings, standing: self.turns.standing(&order.receiver) }
    }
}

/// One forward on its way.
struct Run<'a> {
    delivery: &'a Delivery,
    app: &'a App,
    order: &'a Arc<Order>,
    deadline: Moment,
    timings: Timings,
}

impl Run<'_> {
    async fn deliver(&mut self) -> Result<Forwarded, ForwardError> {
        let token = self.token().await?;
        match self.attempt(&token).await {
            Err(error) if error.asks_for_a_fresh_token() => {
                self.app.token.reject(&token).await;
                self.delivery.metrics.retry("token_rejected");
                // Once: Feishu may hand out the very same token again.
                let fresh = self.token().await?;
                self.attempt(&fresh).await
            }
            result => result,
        }
    }

    async fn token(&mut self) -> Result<Arc<Token>, ForwardError> {
        let Delivery { clock, closing, .. } = self.delivery;
        let started = clock.now();
        let token = tokio::select! {
            biased;
            token = clock.timeout_at(self.deadline, self.app.token.get()) => Some(token),
            () = closing.cancelled() => None,
        };
        self.timings.token += clock.since(started);
        match token {
            Some(Ok(token)) => token.map_err(ForwardError::NoToken),
            Some(Err(_elapsed)) => Err(ForwardError::NoToken(Arc::new(CallError::TimedOut))),
            None => Err(ForwardError::Draining),
        }
    }

    /// Takes a turn and sends: nothing happens between the two.
    async fn attempt(&mut self, token: &Arc<Token>) -> Result<Forwarded, ForwardError> {
        self.turn().await?;
        let sending = Sending {
            delivery: self.delivery.clone(),
            app: Arc::clone(&self.app.name),
            token: Arc::clone(token),
            order: Arc::clone(self.order),
            deadline: self.deadline,
        };
        let (answer, took) = sending.send().await;
        self.timings.feishu += took;
        answer.map_err(ForwardError::Failed)
    }

    async fn turn(&mut self) -> Result<(), ForwardError> {
        let Delivery { turns, clock, closing, metrics, .. } = self.delivery;
        let started = clock.now();
        let left = self.order.wait.saturating_sub(self.timings.wait);
        let until = self.deadline.min(started + left);
        let turn = tokio::select! {
            biased;
            turn = turns.take(&self.app.name, &self.order.receiver, until) => Some(turn),
            () = closing.cancelled() => None,
        };
        self.timings.wait += clock.since(started);
        match turn {
            Some(Ok(waited)) => {
                let decision = |waited: Duration| {
                    if waited.is_zero() { "allowed" } else { "delayed" }
                };
                metrics.limit_decision(Scope::Receiver.name(), decision(waited.receiver));
                metrics.limit_decision(Scope::App.name(), decision(waited.app));
                metrics.limit_wait(waited.receiver + waited.app);
                Ok(())
            }
            Some(Err(no_turn)) => {
                metrics.limit_decision(no_turn.scope.name(), "rejected");
                Err(ForwardError::NoTurn(no_turn))
            }
            None => Err(ForwardError::Draining),
        }
    }
}
