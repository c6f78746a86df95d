//! The use case: may this go, send it, judge the answer, say what happened.

mod agreement;
mod app;
mod audit;
mod budget;
mod circuit;
mod confirming;
mod error;
mod horizon;
mod idempotency;
mod identity;
mod line;
mod lines;
mod name;
mod named;
mod past;
mod refusals;
mod register;
mod rehearsal;
mod repeating;
mod retry;
mod run;
mod sending;
mod shared_uuids;
mod sharing;
#[cfg(test)]
mod tests;
mod turn;
mod under_way;
mod waiting;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Moment};
use crate::feishu::client::Client;
use crate::feishu::error::Forwarded;
use crate::limits::Standing;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::idempotency_key::{NamedForward, Uuids};
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::telemetry::metrics::Metrics;

pub use app::App;
use audit::Entry;
use circuit::ForwardId;
pub use error::{ForwardError, TokenError};
use idempotency::Outcome;
pub use idempotency::{Idempotency, SharedKeys};
use name::Name;
pub use past::Past;
pub use register::Register;
pub use rehearsal::{Foreseen, Rehearsal};
pub use repeating::Mark;
use run::Run;
pub use shared_uuids::SharedUuids;
pub use sharing::Sharing;
pub use turn::{Bounds, NoTurn, Turns};

/// What a caller wants forwarded.
#[derive(Clone, Debug)]
pub struct Order {
    /// The id of the request that asks for it.
    pub request_id: String,
    /// Who wants it, and the app that does it.
    pub caller: Caller,
    /// The message.
    pub message: MessageId,
    /// Who gets it.
    pub receiver: Receiver,
    /// By which Feishu knows a repetition.
    pub uuid: DedupKey,
    /// Whether the caller chose the `uuid`, so that this may be a repetition.
    pub uuid_is_given: bool,
    /// The caller's own name for it, if it sent an `Idempotency-Key`.
    pub named: Option<NamedForward>,
    /// Longest time to wait for a turn.
    pub wait: Duration,
}

impl Order {
    /// Whether the caller made the `uuid` up, so that others can have thought of the same.
    fn uuid_is_chosen(&self) -> bool {
        self.uuid_is_given && self.named.is_none()
    }

    fn check_policy(&self) -> Result<(), ForwardError> {
        let is_allowed = self.caller.policy.allows(&self.receiver);
        if is_allowed { Ok(()) } else { Err(ForwardError::NotAllowed) }
    }

    /// By which its repetitions are known as such, whatever their `uuid`.
    fn forward_id(&self) -> ForwardId {
        let mut hasher = DefaultHasher::new();
        (self.message.as_str(), &self.receiver).hash(&mut hasher);
        hasher.finish()
    }
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
    /// Where there is none: what is known of earlier attempts.
    pub past: Past,
    /// Whether this is what another request with the same key was told.
    pub is_replayed: bool,
    /// How often Feishu was asked.
    pub attempts: u32,
    /// Where the time went.
    pub timings: Timings,
    /// How much of the receiver's limit is left.
    pub standing: Standing,
}

/// Forwards messages for all apps; clones share everything.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The apps by name.
    pub apps: Arc<HashMap<Arc<str>, Arc<App>>>,
    /// The lines in front of the limits.
    pub turns: Arc<Turns>,
    /// What went out, or may have.
    pub register: Arc<Register>,
    /// The callers' keys.
    pub idempotency: Arc<Idempotency>,
    /// Calls Feishu.
    pub client: Client,
    /// The calls that have begun.
    pub calls: TaskTracker,
    /// Tells the time.
    pub clock: Clock,
    /// Longest time of a whole forward.
    pub deadline: Duration,
    /// How long after its beginning a forward may begin an attempt: the rest of the deadline is for
    /// the answer.
    pub last_start: Duration,
    /// Attempts of one forward, the first one included.
    pub max_attempts: NonZeroU32,
    /// Cancelled when those who wait can no longer be served, because the process ends.
    pub closing: CancellationToken,
    /// What operators see.
    pub metrics: Metrics,
}

impl Delivery {
    /// Returns once every call that has begun has ended, its caller gone or not.
    pub async fn calls_have_ended(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Forwards a message with the caller's app, once for each key that the caller gives.
    pub async fn forward(self: &Arc<Self>, order: &Arc<Order>) -> Report {
        let app = self.app_of(&order.caller);
        let entry = Entry::of(order, &app.audit_ids);
        let report = self.report_on(app, order, &entry).await;
        entry.tell(&report);
        report
    }

    async fn report_on(
        self: &Arc<Self>,
        app: &Arc<App>,
        order: &Arc<Order>,
        entry: &Entry,
    ) -> Report {
        let started = self.clock.now();
        if let Err(denied) = order.check_policy() {
            return self.report(Outcome::failed(denied), order);
        }
        if let Some(named) = &order.named {
            return self.named(app, order, named, entry, started).await;
        }
        match self.name_of_unkeyed(order).await {
            Ok(name) => self.run(app, order, name, entry, started).await,
            Err(reused) => self.report(Outcome::failed(reused), order),
        }
    }

    /// The `uuid`s of what keys of this caller's name.
    #[must_use]
    pub fn uuids(&self, caller: &Caller) -> &Uuids {
        &self.app_of(caller).uuids
    }

    /// # Panics
    /// When there is no such app: config lets no key name one.
    fn app_of(&self, caller: &Caller) -> &Arc<App> {
        let app = self.apps.get(&caller.app);
        app.expect("config lets no key name an app that does not exist")
    }

    async fn run(
        self: &Arc<Self>,
        app: &Arc<App>,
        order: &Arc<Order>,
        name: Name,
        entry: &Entry,
        started: Moment,
    ) -> Report {
        let mut run = Run::new(self, app, order, name.clone(), started);
        let result = run.deliver(entry).await;
        let timings = Timings { total: self.clock.since(started), ..run.timings };
        self.count(app, &result, &timings);
        let in_doubt_since = run.in_doubt_since();
        let outcome = self.conclude(order, &name, result, in_doubt_since).await;
        match (name, outcome.in_doubt_since) {
            (Name::Key(lead), _) => lead.tell(outcome.clone()),
            (Name::None, Some(first_attempt)) => self.share_doubt(order, first_attempt).await,
            (Name::None | Name::Uuid(_), _) => {}
        }
        Report { attempts: run.attempts, timings, ..self.report(outcome, order) }
    }

    /// Counts a forward that was taken in, and how long it took but for its waiting.
    fn count(&self, app: &App, result: &Result<Forwarded, ForwardError>, timings: &Timings) {
        let result = match result {
            Ok(_) => Some("delivered"),
            Err(error) => error.result(),
        };
        if let Some(result) = result {
            self.metrics.forward(&app.name, result, timings.total.saturating_sub(timings.wait));
        }
    }

    fn report(&self, outcome: Outcome, order: &Order) -> Report {
        Report {
            past: self.past(order, &outcome),
            result: outcome.result,
            is_replayed: false,
            attempts: 0,
            timings: Timings::default(),
            standing: self.turns.standing(&order.receiver),
        }
    }

    /// Asks Feishu again for what it has refused the apps themselves: an operator says that the cause is gone.
    pub fn ask_again(&self) {
        self.apps.values().for_each(|app| app.ask_again());
    }

    /// How many gates are closed, by app and by what closed them; those of receivers without an app.
    #[must_use]
    pub fn closed_gates(&self) -> Vec<(&str, &'static str, usize)> {
        let of_app = |app: &'_ Arc<App>| {
            let limit = ("app", self.turns.is_app_closed(&app.name));
            app.gates().into_iter().chain([limit])
        };
        let mut all = vec![("", "receiver", self.turns.closed_receivers())];
        for app in self.apps.values() {
            all.extend(of_app(app).map(|(gate, closed)| (&*app.name, gate, usize::from(closed))));
        }
        all
    }
}
