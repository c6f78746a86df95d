//! What gateways, forwards and broadcasts cost the Redis that they share. Prints; nothing is held against it, as machines
//! differ. docs/en/design/scaling.md multiplies it.
//!
//! `GATEWAYS` is how many gateways share it (4), `MORE_APPS` how many apps each of them has beside those of the callers (200),
//! `TENANTS` how many tenants of a store app a gateway forwards in (200).

use std::env;
use std::time::Duration;

use crate::broadcasts_cost::{accept, as_f64, delivered};
use crate::call::{End, Request};
use crate::gateway::{APPS, AppLimits, Beside, Gateway, SHOP};
use crate::redis::Redis;

/// So high that nothing waits.
const LIMITS: AppLimits = AppLimits { per_second: 100_000, per_minute: 6_000_000 };
const SETTINGS: [(&str, &str); 1] = [("limits.receiver_per_second", "100000")];
const IDLE: Duration = Duration::from_secs(10);
/// How long a token of a tenant is not renewed: longer than forwards in all tenants take.
const FRESH: Duration = Duration::from_mins(1);
const FORWARDS: usize = 2000;
const RECEIVERS: usize = 5000;

pub(crate) async fn run() -> Vec<String> {
    let number = |name, usual| env::var(name).map_or(usual, |it| it.parse().expect("a number"));
    let (gateways, more_apps) = (number("GATEWAYS", 4), number("MORE_APPS", 200));
    for apps in [0, more_apps] {
        idle(gateways, apps).await;
    }
    busy(gateways).await;
    in_tenants(number("TENANTS", 200)).await;
    Vec::new()
}

/// What Redis has used since it began.
struct Used {
    /// Microseconds of CPU, for the network too.
    cpu: f64,
    scripts: f64,
    /// Microseconds that the scripts took.
    in_scripts: f64,
    memory: usize,
}

impl Used {
    fn by(redis: &Redis) -> Self {
        let (scripts, in_scripts) = redis.scripts();
        Self {
            cpu: redis.spent().cpu.as_secs_f64() * 1e6,
            scripts: as_f64(scripts),
            in_scripts: as_f64(in_scripts),
            memory: redis.memory(),
        }
    }

    /// What was used since then for each of so many.
    fn since(before: &Self, redis: &Redis, many: f64) -> String {
        let now = Self::by(redis);
        format!(
            "{:.2} scripts of {:.0} µs, {:.0} µs of CPU, {:.0} bytes of memory",
            (now.scripts - before.scripts) / many,
            (now.in_scripts - before.in_scripts) / (now.scripts - before.scripts),
            (now.cpu - before.cpu) / many,
            as_f64(now.memory.saturating_sub(before.memory)) / many,
        )
    }
}

async fn idle(gateways: usize, more_apps: usize) {
    let redis = Redis::start().await;
    let gateway = {
        let beside = Beside { apps: more_apps, ..Beside::default() };
        Gateway::start_sharing_beside(gateways, &redis, LIMITS, &SETTINGS, beside).await
    };
    let (before, own) = (Used::by(&redis), gateway.replicas.program(0).spent());
    gateway.pause(IDLE).await;
    let own = gateway.replicas.program(0).spent().since(&own).cpu.as_secs_f64() * 1e6;
    println!(
        "  an idle gateway with {} apps, a second: {}; {:.0} µs of its own CPU, {:.1} MiB of its own memory",
        more_apps + APPS.len(),
        Used::since(&before, &redis, as_f64(gateways) * IDLE.as_secs_f64()),
        own / IDLE.as_secs_f64(),
        gateway.holdings().memory,
    );
}

async fn busy(gateways: usize) {
    let redis = Redis::start().await;
    let gateway = Gateway::start_sharing(gateways, &redis, LIMITS, &SETTINGS).await;
    gateway.simulator.change_settings(|feishu| {
        (feishu.enforce_limits, feishu.ledger_limit) = (false, 1000);
    });
    forward(&gateway, "warm", FORWARDS / 4, false).await;
    for (name, has_key) in [("a forward", false), ("a forward with a key", true)] {
        let before = Used::by(&redis);
        forward(&gateway, name, FORWARDS, has_key).await;
        println!("  {name}: {}", Used::since(&before, &redis, as_f64(FORWARDS)));
    }
    let before = Used::by(&redis);
    broadcast(&gateway).await;
    println!("  a receiver of a broadcast: {}", Used::since(&before, &redis, as_f64(RECEIVERS)));
}

/// One gateway forwards in so many tenants of a store app: for the first time, with the token it has, and once each token
/// has to be renewed.
async fn in_tenants(tenants: usize) {
    let redis = Redis::start().await;
    let beside = Beside { tenants, ..Beside::default() };
    let gateway = Gateway::start_sharing_beside(1, &redis, LIMITS, &SETTINGS, beside).await;
    gateway.simulator.change_settings(|feishu| {
        (feishu.enforce_limits, feishu.ledger_limit) = (false, 1000);
        // A token is renewed when 30 minutes are left.
        feishu.token_lifetime = Duration::from_mins(30) + FRESH;
    });
    let shop = |name: &'static str| {
        let gateway = &gateway;
        async move {
            forward_each(gateway, SHOP, tenants, |number| Request {
                receiver: format!("oc_{name}{number:020x}"),
                tenant: Some(format!("tenant{number}")),
                ..Request::default()
            })
            .await;
        }
    };
    let began = gateway.clock.now();
    for name in ["first", "again", "renews"] {
        if name == "renews" {
            gateway.clock.sleep_until(began + FRESH * 2).await;
        }
        let (before, memory, since) =
            (Used::by(&redis), gateway.holdings().memory, gateway.clock.now());
        shop(name).await;
        println!(
            "  a forward in each of {tenants} tenants, {name}: {}; {:.1} kB of its own memory, {:.0} tenants a second",
            Used::since(&before, &redis, as_f64(tenants)),
            (gateway.holdings().memory - memory) * 1024.0 * 1.024 / as_f64(tenants),
            as_f64(tenants) / gateway.clock.since(since).as_secs_f64(),
        );
    }
    let before = Used::by(&redis);
    gateway.pause(IDLE).await;
    println!(
        "  an idle gateway with {tenants} tenants, a second: {}; {:.1} MiB of its own memory",
        Used::since(&before, &redis, IDLE.as_secs_f64()),
        gateway.holdings().memory,
    );
}

/// Forwards to so many receivers.
async fn forward(gateway: &Gateway, name: &str, many: usize, has_key: bool) {
    let name = name.replace(' ', "");
    forward_each(gateway, APPS[0], many, |number| Request {
        receiver: format!("oc_{name}{number:020x}"),
        idempotency_key: has_key.then(|| format!("{name}{number}")),
        ..Request::default()
    })
    .await;
}

/// Forwards so often, sixteen at a time.
async fn forward_each(
    gateway: &Gateway,
    caller: &str,
    many: usize,
    request: impl Fn(usize) -> Request,
) {
    for chunk in (0..many).collect::<Vec<_>>().chunks(16) {
        let calls = chunk.iter().map(|number| {
            let request = Request { message: "om_1".to_owned(), ..request(*number) };
            let caller = gateway.caller(caller);
            tokio::spawn(async move { caller.call(&request).await.end })
        });
        for call in calls.collect::<Vec<_>>() {
            let end = call.await.expect("nothing in it panics");
            assert!(matches!(&end, End::Answered(answer) if answer.code == "delivered"), "{end:?}");
        }
    }
}

async fn broadcast(gateway: &Gateway) {
    assert!(accept(gateway, 1, RECEIVERS).await, "the broadcast is not accepted");
    let until = gateway.clock.now() + Duration::from_mins(5);
    let all = async || delivered(gateway).await >= RECEIVERS;
    assert!(gateway.holds_by(until, all).await, "the broadcast does not end");
}
