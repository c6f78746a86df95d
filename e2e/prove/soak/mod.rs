//! Soak: mixed load and random faults for a given time, then every answer is compared with the
//! simulator's ledger, and the process with what it held before.
//!
//! `SOAK_SECONDS` is the time (60), `SOAK_SEED` what chance begins with. The same seed gives the same
//! wishes and faults; how they meet is up to the machine. With `SOAK_REPLICAS` above 1 (1) so many
//! gateways share a real Redis, and things happen to these processes as well.

mod faults;
mod report;
mod upheaval;

use std::env;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::gateway::{AppLimits, Gateway};
use crate::person::{Person, SETTLED_WITHIN};
use crate::program::Holdings;
use crate::redis::Redis;
use crate::seen::{by_message, over_the_limits};
use crate::verdict::Story;
use faults::{Chaos, Faults};
use upheaval::Upheaval;

/// Short enough that all of them are met.
const SETTINGS: [(&str, &str); 5] = [
    ("limits.max_wait", "2s"),
    ("feishu.connect_timeout", "500ms"),
    ("feishu.attempt_timeout", "1s"),
    ("feishu.deadline", "5s"),
    ("feishu.quota_interval", "2s"),
];
/// High enough that receivers are what holds most forwards up, low enough to be met.
const LIMITS: AppLimits = AppLimits { per_second: 200, per_minute: 6000 };
const PEOPLE: usize = 100;
/// The memory that it may hold in the end: so many times what it held after the warm-up, …
const MEMORY_FACTOR: f64 = 1.5;
/// … and this for each forward since, in MiB: keys and doubts are remembered for an hour and more.
const MEMORY_PER_FORWARD: f64 = 2.0 / 1024.0;

pub(crate) async fn run() -> Vec<String> {
    let seconds: u64 = variable("SOAK_SECONDS").unwrap_or(60);
    let seed: u64 = variable("SOAK_SEED").unwrap_or_else(rand::random);
    let replicas: usize = variable("SOAK_REPLICAS").unwrap_or(1);
    println!("soak: {seconds} s, SOAK_SEED={seed}, SOAK_REPLICAS={replicas}");
    let lasts = Duration::from_secs(seconds);
    if replicas > 1 { shared(replicas, lasts, seed).await } else { alone(lasts, seed).await }
}

/// One gateway, which holds in the end what it held before.
async fn alone(lasts: Duration, seed: u64) -> Vec<String> {
    let gateway = Arc::new(Gateway::start(LIMITS, &SETTINGS).await);
    let before = gateway.holdings();
    let began = gateway.clock.now();
    let soak = tokio::spawn(soak(Arc::clone(&gateway), lasts, seed));
    gateway.clock.sleep_until(began + lasts / 4).await;
    let warm = gateway.holdings();
    let warm_forwards = gateway.simulator.ledger().deliveries.len();
    let (stories, faults) = soak.await.expect("nobody panics");

    let mut violations = judge(&gateway, &stories);
    violations.extend(still_busy(&gateway).await);
    report::print(&gateway, &stories, &faults).await;
    let forwards = stories.len() - warm_forwards.min(stories.len());
    violations.extend(still_held(gateway, before, warm, forwards).await);
    violations
}

/// Several gateways, of which each may end and be replaced.
async fn shared(replicas: usize, lasts: Duration, seed: u64) -> Vec<String> {
    let redis = Redis::start().await;
    let gateway = Gateway::start_sharing(replicas, &redis, LIMITS, &SETTINGS).await;
    let gateway = Arc::new(gateway);
    let ends = gateway.clock.now() + lasts;
    let upheaval = Upheaval::new(&gateway, redis, seed).reign(ends);
    let soak = soak(Arc::clone(&gateway), lasts, seed);
    let ((happened, _redis), (stories, mut faults)) = tokio::join!(upheaval, soak);
    faults.extend(happened);

    let mut violations = judge(&gateway, &stories);
    violations.extend(still_busy(&gateway).await);
    report::print(&gateway, &stories, &faults).await;
    violations
}

/// Callers forward while Feishu fails: what they did, and what went wrong.
async fn soak(gateway: Arc<Gateway>, lasts: Duration, seed: u64) -> (Vec<Story>, Faults) {
    let began = gateway.clock.now();
    let ends = began + lasts;
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        people.spawn(Person::new(&gateway, seed, number).live_until(ends));
    }
    let faults = Chaos::new(&gateway, seed).reign(began, ends).await;
    let all: Vec<Vec<Story>> = people.join_all().await;
    (all.into_iter().flatten().collect(), faults)
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// What callers heard against what Feishu saw.
fn judge(gateway: &Gateway, stories: &[Story]) -> Vec<String> {
    let ledger = gateway.simulator.ledger();
    let mut rows = by_message(&ledger);
    let mut apps = std::collections::HashMap::new();
    let mut violations = Vec::new();
    for story in stories {
        apps.insert(story.message.as_str(), story.app);
        let rows = rows.remove(&story.message).unwrap_or_default();
        violations.extend(story.contradicts(&rows));
    }
    violations.extend(over_the_limits(&ledger, LIMITS, |message| apps.get(message).copied()));
    violations
}

/// Gauges that do not come back to zero after the last request.
async fn still_busy(gateway: &Gateway) -> Vec<String> {
    let mut violations = Vec::new();
    let until = gateway.clock.now() + SETTLED_WITHIN;
    for name in ["http_requests_in_flight", "rate_limit_waiting", "open_circuits"] {
        let name = format!("feishu_gateway_{name}");
        let is_zero = async || gateway.metric(&name).await == 0.0;
        if !gateway.holds_by(until, is_zero).await {
            violations.push(format!("{name} is {} in the end", gateway.metric(&name).await));
        }
    }
    violations
}

/// What the process still holds when it has nothing to do and no connection.
async fn still_held(
    gateway: Arc<Gateway>,
    before: Holdings,
    warm: Holdings,
    forwards: usize,
) -> Vec<String> {
    let gateway = Arc::into_inner(gateway).expect("all people have gone");
    let Gateway { simulator, replicas, clock, http, .. } = gateway;
    // With these end the connections that it has.
    drop(http);
    simulator.stop().await;
    let until = clock.now() + SETTLED_WITHIN;
    while replicas.program(0).holdings().files > before.files && clock.now() < until {
        clock.sleep_until(clock.now() + Duration::from_millis(100)).await;
    }
    let after = replicas.program(0).holdings();
    #[expect(clippy::cast_precision_loss, reason = "there are not that many forwards")]
    let most_memory = warm.memory * MEMORY_FACTOR + forwards as f64 * MEMORY_PER_FORWARD;
    for (when, held) in [("before", before), ("warm", warm), ("after", after)] {
        let Holdings { memory, threads, files } = held;
        println!("  {when:<7} {memory:>7.1} MiB, {threads} threads, {files} files");
    }
    println!("  allowed {most_memory:>7.1} MiB");
    let mut violations = Vec::new();
    if after.memory > most_memory {
        violations.push(format!("{:.1} MiB are held in the end", after.memory));
    }
    if after.threads > warm.threads {
        violations.push(format!("{} threads, {} when warm", after.threads, warm.threads));
    }
    if after.files > before.files {
        violations.push(format!("{} files are open, {} before", after.files, before.files));
    }
    violations
}
