//! Whole histories of forwards, against a Feishu that fails as a script says, on time that tokio
//! simulates: it passes by itself whenever nobody can go on.
//!
//! A history is a list of requests and a list of what Feishu does, and not a state machine of
//! `proptest-state-machine`: requests overlap and most of what happens, happens by itself between two
//! of them, so there is no state to compare after each step. What was answered is held against
//! Feishu's ledger at the end. Any part of a history is a history too, so proptest shrinks it well.

mod callers;
mod claims;
mod exact;
mod feishu;
mod history;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::clock::{Clock, Moment};
use crate::feishu::client::Client;
use crate::feishu::options::Options;
use crate::feishu::token::{Credentials, TokenSource};
use crate::limits::Rules;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::idempotency_key::UuidMaker;
use crate::model::message_id::MessageId;
use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::share::{Budget, Weight};
use crate::model::urgency::Urgency;
use crate::queue::{Bounds, QueueError, Scheduler};
use crate::telemetry::audit::AuditIds;
use crate::telemetry::metrics::Metrics;
use claims::Tale;
use feishu::{Act, Duplicate, Feishu, Reply};
use history::{FEW, History, Request, What, histories};

const APPS: [&str; 2] = ["main", "other"];
const DEADLINE: Duration = Duration::from_secs(15);
const ATTEMPT: Duration = Duration::from_secs(5);
const MAX_ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).unwrap();
const GUARD: Duration = Duration::from_millis(50);
/// Longer than any gate stays closed, the quota's here included.
const SETTLED: Duration = Duration::from_mins(2);
const NO_BOUNDS: Bounds = Bounds { per_receiver: usize::MAX, in_all: usize::MAX };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn receiver(name: u8) -> Receiver {
    Receiver::parse(&format!("oc_{name}"), Some(ReceiveIdType::ChatId)).unwrap()
}

fn forward(message: &str) -> Forward {
    Forward::Message(MessageId::parse(message).unwrap())
}

fn message_id(forward: &Forward) -> &str {
    match forward {
        Forward::Message(id) => id.as_str(),
        other => unreachable!("the histories hold messages only, and no {other:?}"),
    }
}

fn caller(app: &str) -> Caller {
    Caller {
        name: "caller".into(),
        app: app.into(),
        tenant: None,
        policy: Arc::default(),
        weight: Weight::ONE,
        budget: Budget::default(),
    }
}

/// As all replicas have them for this app.
fn uuids(app: &str) -> UuidMaker {
    UuidMaker::new(&app.into())
}

fn rules(app_per_second: u32, app_per_minute: u32) -> Rules {
    let number = |n| NonZeroU32::new(n).unwrap();
    Rules {
        receiver_per_second: number(5),
        app_per_second: number(app_per_second),
        app_per_minute: number(app_per_minute),
        guard: GUARD,
    }
}

/// What many histories share because it is dear to make; their time goes on from one to the next.
struct Stage {
    runtime: Runtime,
    clock: Clock,
    client: Client,
    metrics: Metrics,
}

impl Stage {
    fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let clock = runtime.block_on(async { Clock::system() });
        let options = Options {
            base_url: "http://127.0.0.1:1".parse().unwrap(),
            authorities: Vec::new(),
            connect_timeout: ATTEMPT,
            attempt_timeout: ATTEMPT,
        };
        let client = Client::new(options, runtime.handle().clone(), clock.clone()).unwrap();
        Self { runtime, clock, client, metrics: Metrics::new() }
    }

    /// A gateway that has just been started.
    fn delivery(&self, feishu: &Feishu, rules: &Rules) -> (Delivery, Vec<TokenSource>) {
        let Self { clock, metrics, .. } = self;
        let client = self.client.clone().answered_by(feishu.fake());
        let (mut apps, mut sources) = (Apps::default(), Vec::new());
        for name in APPS.map(Arc::<str>::from) {
            let credentials =
                Credentials { app_id: name.to_string(), app_secret: String::new().into() };
            let (own, metrics) = (clock.clone(), metrics.clone());
            let token = TokenSource::self_built(
                Arc::clone(&name),
                credentials,
                client.clone(),
                own,
                metrics,
            );
            sources.push(token.clone());
            let (ids, interval) = (AuditIds::Plain, Duration::from_mins(1));
            let uuids = uuids(&name);
            apps.add_self_built(AppCommon::new(name, ids, uuids, interval, clock.clone()), token);
        }
        let delivery = Delivery::new(Context {
            apps,
            budgets: CallerBudgets::new(clock.clone()).into(),
            scheduler: Scheduler::new(rules, NO_BOUNDS, clock.clone()),
            register: InDoubtRegister::new(clock.clone()),
            idempotency: Idempotency::new(clock.clone()),
            client: client.clone(),
            calls: TaskTracker::new(),
            clock: clock.clone(),
            settings: DeliverySettings {
                deadline: DEADLINE,
                last_start: DEADLINE.saturating_sub(ATTEMPT),
                max_attempts: MAX_ATTEMPTS,
            },
            closing: CancellationToken::new(),
            metrics: metrics.clone(),
        });
        (delivery, sources)
    }

    fn play(&self, history: &History) -> Result<(), String> {
        let History { duplicate, apps_are_slow, requests, tokens } = history;
        let rules = if *apps_are_slow { rules(6, 60) } else { rules(50, 1000) };
        let feishu = Feishu::new(self.clock.clone(), *duplicate, tokens);
        self.runtime.block_on(async {
            let (delivery, _) = self.delivery(&feishu, &rules);
            let records = callers::play(&delivery, &self.clock, &feishu, requests).await;
            feishu.recover();
            self.clock.sleep_until(self.clock.now() + SETTLED).await;
            let tale = Tale { ledger: feishu.ledger(), records };
            tale.check(&rules)?;
            all_is_open(&delivery).await
        })
    }
}

/// Nobody is left behind, and everybody can send everywhere.
async fn all_is_open(delivery: &Delivery) -> Result<(), String> {
    if delivery.waiting() != 0 {
        return Err(format!("{} are left in the queues", delivery.waiting()));
    }
    for (number, (app, to)) in
        APPS.iter().flat_map(|app| (0..FEW).map(move |to| (app, to))).enumerate()
    {
        let order = ForwardRequest {
            request_id: String::new(),
            caller: caller(app),
            forward: forward(&format!("om_last_{number}")),
            receiver: receiver(to),
            uuid: DedupKey::generate(),
            uuid_is_given: false,
            idempotent: None,
            broadcast: None,
            wait: Duration::from_secs(5),
            urgency: Urgency::Interactive,
        };
        let report = delivery.forward(&Arc::new(order)).await;
        report.result.map_err(|error| format!("{app} to {to} is not open again: {error}"))?;
    }
    Ok(())
}

#[test]
fn every_answer_of_every_history_is_true_and_nothing_goes_out_twice() {
    let stage = Stage::new();
    let config = ProptestConfig::with_cases(2500);
    proptest!(config, |(history in histories())| {
        stage.play(&history).map_err(TestCaseError::fail)?;
    });
}

/// A caller hangs up and repeats its forward again and again. That the first attempt did not go out
/// says nothing of those that are still under way.
#[test]
fn what_is_under_way_stays_in_doubt_when_an_earlier_attempt_is_refused() {
    let refused = Reply::Refusal { code: 230020, reset: None };
    let feishu = [(false, refused), (true, Reply::Normal), (true, Reply::Normal)]
        .map(|(delivers, reply)| Act { latency_ms: 198, delivers, reply });
    let request = Request {
        after_ms: 0,
        what: What::Plain { app: 0, to: 0, gives_uuid: true },
        wait_ms: 0,
        hangs_up_after_ms: Some(13),
        asks_again_after_ms: Some(70),
        feishu: feishu.to_vec(),
    };
    let history = History {
        duplicate: Duplicate::OriginalId,
        apps_are_slow: false,
        requests: vec![request],
        tokens: Vec::new(),
    };
    Stage::new().play(&history).unwrap();
}
