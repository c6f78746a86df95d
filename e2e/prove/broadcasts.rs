//! Broadcasts whose gateways are killed at random moments: in the end each receiver has at most one message, nobody is
//! forgotten, and every outcome is true by the simulator's ledger.
//!
//! `KILLS` is how many processes are killed in each stage (20), `STAGE` the one stage that is to run (all), by its name
//! as it is printed.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Ledger, Phase};
use rand::RngExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gateway::{APPS, AppLimits, Gateway};
use crate::redis::Redis;
use crate::signal::Signal;

/// So high that what is killed is in the middle of much.
const LIMITS: AppLimits = AppLimits { per_second: 400, per_minute: 24_000 };
const SETTINGS: [(&str, &str); 6] = [
    ("feishu.connect_timeout", "500ms"),
    ("feishu.attempt_timeout", "1s"),
    ("feishu.deadline", "4s"),
    ("server.drain_delay", "0s"),
    ("broadcasts.max_active_per_key", "100"),
    ("feishu.quota_interval", "2s"),
];
/// Receivers of one broadcast.
const RECEIVERS: usize = 200;
/// Broadcasts that are active at the same time.
const ACTIVE: usize = 3;
/// So many answers of Feishu's are lost on their way between two kills, half of them to forwards that were delivered.
const LOST: u32 = 20;
/// Between a process that listens and the next kill.
const LIVES: std::ops::Range<u64> = 50..2500;
/// Longest time until all is delivered, once nothing is killed any more.
const FINISHED_WITHIN: Duration = Duration::from_mins(5);

/// What keeps the broadcasts, and how many gateways deliver them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Sqlite,
    Redis(usize),
    /// Redis is killed too, and comes back with what it has written down.
    RedisDies(usize),
    /// Redis is killed too, and comes back empty: what it kept is lost, and nobody gets a second message.
    RedisForgets(usize),
}

const STAGES: [Stage; 5] =
    [Stage::Sqlite, Stage::Redis(1), Stage::Redis(3), Stage::RedisDies(3), Stage::RedisForgets(3)];

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

pub(crate) async fn run() -> Vec<String> {
    let kills: usize = env::var("KILLS").map_or(20, |it| it.parse().expect("KILLS is a number"));
    let wanted = env::var("STAGE").unwrap_or_default();
    let mut violations = Vec::new();
    for stage in STAGES {
        if wanted.is_empty() || stage.to_string() == wanted {
            let found = Proof::begin(stage).await.run(kills).await;
            violations.extend(found.into_iter().map(|it| format!("{stage}: {it}")));
        }
    }
    violations
}

struct Proof {
    stage: Stage,
    gateway: Gateway,
    redis: Option<Redis>,
    /// The folder of the file, until the end.
    _folder: TempDir,
    /// The broadcasts that were accepted, by message.
    accepted: HashMap<String, String>,
    asked: usize,
}

impl Proof {
    async fn begin(stage: Stage) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("broadcasts.db");
        let file = file.to_str().expect("a path in UTF-8").to_owned();
        let (redis, gateway) = match stage {
            Stage::Sqlite => {
                let settings = [&SETTINGS[..], &[("broadcasts.path", &*file)]].concat();
                (None, Gateway::start(LIMITS, &settings).await)
            }
            Stage::Redis(replicas) | Stage::RedisForgets(replicas) => {
                let redis = Redis::start().await;
                let gateway = Gateway::start_sharing(replicas, &redis, LIMITS, &SETTINGS).await;
                (Some(redis), gateway)
            }
            Stage::RedisDies(replicas) => {
                let redis = Redis::start_in(folder.path()).await;
                let gateway = Gateway::start_sharing(replicas, &redis, LIMITS, &SETTINGS).await;
                (Some(redis), gateway)
            }
        };
        Self { stage, gateway, redis, _folder: folder, accepted: HashMap::new(), asked: 0 }
    }

    async fn run(mut self, kills: usize) -> Vec<String> {
        let began = self.gateway.clock.now();
        for number in 0..kills {
            self.ask().await;
            self.gateway.simulator.clear_faults();
            for phase in [Phase::BeforeCommit, Phase::AfterCommit] {
                self.gateway.simulator.add_fault(Fault {
                    api: Some(Api::Forward),
                    times: Some(LOST / 2),
                    phase,
                    ..Fault::once(FaultKind::Cut)
                });
            }
            let (life, which) = {
                let mut dice = rand::rng();
                let which = dice.random_range(0..self.gateway.replicas.count());
                (Duration::from_millis(dice.random_range(LIVES)), which)
            };
            self.gateway.pause(life).await;
            let kills_redis = matches!(self.stage, Stage::RedisDies(_) | Stage::RedisForgets(_));
            if let Some(redis) = self.redis.as_mut().filter(|_| kills_redis && number % 2 == 1) {
                redis.restart().await;
            } else {
                let replicas = Arc::clone(&self.gateway.replicas);
                replicas.withdraw(which);
                replicas.program(which).signal(Signal::Kill);
                replicas.replace(which).await;
            }
        }
        self.gateway.simulator.clear_faults();
        let mut violations = self.await_the_end().await;
        let ledger = self.gateway.simulator.ledger();
        violations.extend(self.judge(&ledger).await);
        let took = self.gateway.clock.since(began);
        println!(
            "  {}: {kills} kills, {} broadcasts to {} receivers, {} calls, {} messages, {took:.0?}",
            self.stage,
            self.accepted.len(),
            self.accepted.len() * RECEIVERS,
            ledger.of(Api::Forward).count(),
            ledger.deliveries.len(),
        );
        violations
    }

    /// Has as many broadcasts accepted as are to be active.
    async fn ask(&mut self) {
        let running = self.get("/v1/broadcasts?limit=100").await.map_or(0, |page| {
            let all = page["broadcasts"].as_array().cloned().unwrap_or_default();
            all.iter().filter(|it| it["state"] == "running" || it["state"] == "paused").count()
        });
        for _ in running..ACTIVE {
            self.asked += 1;
            let message = format!("om_{}", self.asked);
            let receivers: Vec<Value> = (0..RECEIVERS)
                .map(|number| json!({ "receive_id": format!("oc_{number}") }))
                .collect();
            let path = format!("/v1/messages/{message}/broadcasts");
            let body = json!({ "receivers": receivers, "expires_in": "1h" });
            // An answer that is lost is asked for again, under the same key.
            for _ in 0..20 {
                if let Some(id) = self.post(&path, &message, &body).await {
                    self.accepted.insert(message, id);
                    break;
                }
                self.gateway.pause(Duration::from_millis(200)).await;
            }
        }
    }

    /// Waits until every broadcast has ended.
    async fn await_the_end(&self) -> Vec<String> {
        let until = self.gateway.clock.now() + FINISHED_WITHIN;
        let mut violations = Vec::new();
        for (message, id) in &self.accepted {
            let path = format!("/v1/broadcasts/{id}");
            let has_ended = async || {
                let found = self.get(&path).await;
                let is_lost = matches!(self.stage, Stage::RedisForgets(_)) && found.is_none();
                is_lost || found.is_some_and(|it| it["finished_at"].is_string())
            };
            if !self.gateway.holds_by(until, has_ended).await {
                let last = self.get(&path).await;
                violations.push(format!("the broadcast of {message} does not end: {last:?}"));
            }
        }
        violations
    }

    async fn judge(&self, ledger: &Ledger) -> Vec<String> {
        let mut violations = Vec::new();
        let mut delivered: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
        for delivery in &ledger.deliveries {
            let who = (&*delivery.message_id, &*delivery.receive_id);
            delivered.entry(who).or_default().push(&delivery.new_message_id);
        }
        for (who, messages) in &delivered {
            if messages.len() > 1 {
                violations.push(format!("{who:?} got {} messages", messages.len()));
            }
        }
        let mut unknown = 0;
        for (message, id) in &self.accepted {
            let receivers = self.receivers(id).await;
            if receivers.is_empty() && matches!(self.stage, Stage::RedisForgets(_)) {
                continue;
            }
            if receivers.len() != RECEIVERS {
                violations.push(format!("{message} has {} receivers", receivers.len()));
            }
            for receiver in &receivers {
                let text = |name: &str| receiver[name].as_str().unwrap_or_default();
                let got = delivered.get(&(message.as_str(), text("receive_id")));
                let is_true = match text("outcome") {
                    "delivered" => got.is_some_and(|it| it.contains(&text("message_id"))),
                    "not_delivered" | "expired" | "canceled" => got.is_none(),
                    "unknown" => {
                        unknown += 1;
                        true
                    }
                    _ => false,
                };
                if !is_true {
                    violations.push(format!("{message}: {receiver} is not true: {got:?}"));
                }
            }
        }
        if unknown > 0 {
            println!("  {}: {unknown} outcomes are unknown", self.stage);
        }
        violations
    }

    async fn receivers(&self, id: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = format!("/v1/broadcasts/{id}/receivers?limit=1000");
        while let Some(page) = self.get(&path).await {
            all.extend(page["receivers"].as_array().cloned().unwrap_or_default());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/broadcasts/{id}/receivers?limit=1000&cursor={cursor}");
        }
        all
    }

    /// The id of the broadcast that was accepted.
    async fn post(&self, path: &str, key: &str, body: &Value) -> Option<String> {
        let caller = self.gateway.caller(APPS[0]);
        let url = format!("{}{path}", caller.replicas.offered().first()?.api);
        let post = caller.http.post(url).header("x-api-key", &caller.key);
        let post = post.header("idempotency-key", key).header("content-type", "application/json");
        let answer = post.body(body.to_string()).send().await.ok()?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
        answer["id"].as_str().map(str::to_owned)
    }

    /// What is there, if it is there.
    async fn get(&self, path: &str) -> Option<Value> {
        let caller = self.gateway.caller(APPS[0]);
        // Redis may be away for a moment.
        for _ in 0..20 {
            let Some(addresses) = caller.replicas.offered().first().cloned() else { continue };
            let get = caller.http.get(format!("{}{path}", addresses.api));
            if let Ok(answer) = get.header("x-api-key", &caller.key).send().await {
                match answer.status().as_u16() {
                    200 => return serde_json::from_slice(&answer.bytes().await.ok()?).ok(),
                    404 => return None,
                    _ => {}
                }
            }
            self.gateway.pause(Duration::from_millis(100)).await;
        }
        None
    }
}
