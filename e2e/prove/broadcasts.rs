//! Broadcasts whose gateways are killed at random moments: in the end each receiver has at most one message, nobody is
//! forgotten, and every outcome is true by the simulator's ledger.
//!
//! `KILLS` is how many processes are killed in each stage (20), `STAGE` the one stage that is to run (all), by its name
//! as it is printed.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use feishu_simulator::Api;
use rand::RngExt;
use tempfile::TempDir;

use crate::broadcast_load::{BroadcastLoad, RECEIVERS};
use crate::gateway::{AppLimits, Gateway};
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
/// So many answers of Feishu's are lost on their way between two kills, half of them to forwards that were delivered.
const LOST: u32 = 20;
/// Between a process that listens and the next kill.
const LIVES: std::ops::Range<u64> = 50..2500;

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
    gateway: Arc<Gateway>,
    redis: Option<Redis>,
    /// The folder of the file, until the end.
    _folder: TempDir,
    broadcasts: BroadcastLoad,
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
        let gateway = Arc::new(gateway);
        let broadcasts = BroadcastLoad::new(&gateway, matches!(stage, Stage::RedisForgets(_)));
        Self { stage, gateway, redis, _folder: folder, broadcasts }
    }

    async fn run(mut self, kills: usize) -> Vec<String> {
        let began = self.gateway.clock.now();
        for number in 0..kills {
            self.broadcasts.ask().await;
            self.gateway.lose_answers(LOST);
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
        let mut violations = self.broadcasts.await_the_end().await;
        let ledger = self.gateway.simulator.ledger();
        let judgement = self.broadcasts.judge(&ledger).await;
        violations.extend(judgement.violations);
        let took = self.gateway.clock.since(began);
        println!(
            "  {}: {kills} kills, {} broadcasts to {} receivers, {} calls, {} messages, {took:.0?}",
            self.stage,
            self.broadcasts.count(),
            self.broadcasts.count() * RECEIVERS,
            ledger.of(Api::Forward).count(),
            ledger.deliveries.len(),
        );
        if let Some(unknown) = judgement.outcomes.get("unknown") {
            println!("  {}: {unknown} outcomes are unknown", self.stage);
        }
        violations
    }
}
