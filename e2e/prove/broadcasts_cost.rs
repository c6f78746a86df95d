//! What a broadcast costs: processor time, writes and memory for each receiver, beside forwards of their own.
//!
//! `RECEIVERS` is how many receivers each of the ten broadcasts has (10 000). `PROGRAM` names another build of the gateway
//! than the one of this test, such as a release.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::call::{End, Request};
use crate::gateway::{APPS, AppLimits, Gateway};
use crate::program::Spent;

/// So high that nothing waits.
const LIMITS: AppLimits = AppLimits { per_second: 100_000, per_minute: 6_000_000 };
const BROADCASTS: usize = 10;
/// Forwards of their own, for comparison, and how many callers send them.
const FORWARDS: usize = 4000;
const CALLERS: usize = 16;
/// How much more processor time a receiver may take than a forward of its own.
const CPU_FACTOR: f64 = 1.5;
/// How much more memory the process may hold while it delivers, in MiB.
const MEMORY: f64 = 64.0;
const FINISHED_WITHIN: Duration = Duration::from_mins(20);

pub(crate) async fn run() -> Vec<String> {
    let receivers = env::var("RECEIVERS").map_or(10_000, |it| it.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broadcasts.db");
    let settings = [
        ("limits.receiver_per_second", "100000"),
        ("broadcasts.path", file.to_str().expect("a path in UTF-8")),
        ("broadcasts.max_receivers", "100000"),
    ];
    let gateway = Arc::new(Gateway::start(LIMITS, &settings).await);
    gateway.simulator.change_settings(|feishu| {
        (feishu.enforce_limits, feishu.ledger_limit) = (false, 1000);
    });
    // The first ones open connections and fetch the token.
    forward(&gateway, 0..FORWARDS / 4).await;
    let before = gateway.replicas.program(0).spent();
    forward(&gateway, FORWARDS / 4..FORWARDS / 4 + FORWARDS).await;
    let of_forwards = gateway.replicas.program(0).spent().since(&before);
    let own = of_forwards.cpu.as_secs_f64() * 1e6 / as_f64(FORWARDS);
    println!("  a forward of its own: {own:.0} µs of CPU");

    let memory_before = gateway.replicas.program(0).holdings().memory;
    let before = gateway.replicas.program(0).spent();
    let began = gateway.clock.now();
    let mut violations = Vec::new();
    for number in 0..BROADCASTS {
        if !accept(&gateway, number, receivers).await {
            violations.push(format!("broadcast {number} is not accepted"));
        }
    }
    let accepted_in = gateway.clock.since(began);
    let mut most = 0.0_f64;
    let until = began + FINISHED_WITHIN;
    while delivered(&gateway).await < receivers * BROADCASTS {
        most = most.max(gateway.replicas.program(0).holdings().memory);
        if gateway.clock.now() > until {
            violations.push("the broadcasts do not end".to_owned());
            break;
        }
        gateway.pause(Duration::from_millis(200)).await;
    }
    let took = gateway.clock.since(began);
    let Spent { cpu, written } = gateway.replicas.program(0).spent().since(&before);
    let all = as_f64(receivers * BROADCASTS);
    let each = cpu.as_secs_f64() * 1e6 / all;
    println!(
        "  {BROADCASTS} broadcasts to {receivers} receivers each: accepted in {accepted_in:.1?}, delivered in {took:.1?}"
    );
    println!("  a receiver: {each:.0} µs of CPU, {:.0} bytes written", as_f64(written) / all);
    println!("  memory: {memory_before:.1} MiB before, {most:.1} MiB at most");
    if each > own * CPU_FACTOR {
        violations.push(format!("a receiver takes {:.2} times the CPU of a forward", each / own));
    }
    if most > memory_before + MEMORY {
        violations.push(format!("{most:.1} MiB are held, {memory_before:.1} before"));
    }
    violations
}

#[expect(clippy::cast_precision_loss, reason = "these counts fit into an f64")]
pub(crate) const fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Forwards to these receivers, one request each.
async fn forward(gateway: &Gateway, range: std::ops::Range<usize>) {
    let next = Arc::new(AtomicUsize::new(range.start));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (caller, next, end) = (gateway.caller(APPS[0]), Arc::clone(&next), range.end);
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number >= end {
                    return;
                }
                let request = Request {
                    message: "om_1".to_owned(),
                    receiver: format!("oc_{number:032x}"),
                    ..Request::default()
                };
                let end = caller.call(&request).await.end;
                assert!(
                    matches!(&end, End::Answered(answer) if answer.code == "delivered"),
                    "{end:?}"
                );
            }
        });
    }
    callers.join_all().await;
}

/// Whether a broadcast to so many receivers is accepted.
pub(crate) async fn accept(gateway: &Gateway, number: usize, receivers: usize) -> bool {
    let caller = gateway.caller(APPS[0]);
    let url = format!("{}/v1/messages/om_{number}/broadcasts", caller.replicas.any().api);
    let receivers: Vec<Value> =
        (0..receivers).map(|it| json!({ "receive_id": format!("oc_{it:032x}") })).collect();
    let post = caller.http.post(url).header("x-api-key", &caller.key);
    let post = post.header("idempotency-key", format!("b{number}"));
    let body = json!({ "receivers": receivers }).to_string();
    let answer = post.header("content-type", "application/json").body(body).send().await;
    answer.is_ok_and(|it| it.status().as_u16() == 202)
}

/// How many receivers have the message.
pub(crate) async fn delivered(gateway: &Gateway) -> usize {
    let counts = gateway.counts("feishu_gateway_broadcast_receivers_total", "outcome").await;
    let delivered = counts.iter().find(|(outcome, _)| outcome == "delivered");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    delivered.map_or(0, |(_, count)| *count as usize)
}
