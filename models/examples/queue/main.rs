//! The gateway's own queue and limiter under shuttle, which schedules every lock, atomic, wake-up and task: nobody who waits
//! for a permit sleeps for ever, whoever leaves at any moment, is refused, or hears of Redis late.
//!
//! These are the gateway's files as they are. Only what lies outside of them is replaced: the clock, chance, Redis, metrics, and what
//! a caller is. An example and no test, because `cfg(test)` would bring the files' own tests along.

extern crate std_under_shuttle as std;

mod clock;
mod limits;
mod model;
#[path = "../../../src/queue/mod.rs"]
#[expect(dead_code, unused_imports, unreachable_pub, reason = "these tests do not use all of it")]
mod queue;
mod random;
mod redis;
mod telemetry;

use std::num::NonZeroU32;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use clock::Clock;
use limits::{LimitKey, Rules, SharedLimits};
use model::api_key::Caller;
use model::feishu_api::FeishuApi;
use model::installation::Installation;
use model::receiver::Receiver;
use model::share::Weight;
use model::urgency::Urgency;
use queue::{Bounds, Coordinator, Request, Scheduler, Supervisor, Ticket};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, MaxSteps, Runner};
use telemetry::metrics::Metrics;
use tokio::sync::LOSES_WAKES;

const FOR_EVER: Duration = Duration::from_hours(1000);
/// How many schedules are tried. Random ones, because unfair ones let the clock run alone for ever.
const SCHEDULES: usize = 400;
/// Who takes more steps than this waits for ever.
const STEPS: usize = 100_000;

/// Who forwards what to whom, and whether it hangs up after a few steps.
struct Forward {
    receiver: &'static str,
    urgency: Urgency,
    hangs_up_after: Option<usize>,
}

const fn to(receiver: &'static str) -> Forward {
    Forward { receiver, urgency: Urgency::Interactive, hangs_up_after: None }
}

fn scheduler(per_receiver: u32, per_app: u32, clock: &Clock) -> Scheduler {
    let number = |n| NonZeroU32::new(n).expect("not zero");
    let rules = Rules {
        receiver_per_second: number(per_receiver),
        app_per_second: number(per_app),
        app_per_minute: number(per_app * 60),
        guard: Duration::ZERO,
    };
    let bounds = Bounds { per_receiver: usize::MAX, in_all: usize::MAX };
    Scheduler::new(&rules, bounds, clock.clone())
}

async fn looks(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

async fn forward(scheduler: Arc<Scheduler>, key: LimitKey, forward: Forward) {
    let Forward { receiver, urgency, hangs_up_after } = forward;
    let (receiver, caller) = (Receiver(receiver), Caller { name: "a".into(), weight: Weight::ONE });
    let request =
        Request { key: &key, receiver: &receiver, caller: &caller, urgency, until: FOR_EVER };
    let mut ticket = Ticket::draw(&scheduler);
    let acquired = ticket.acquire(&scheduler, &request);
    let permit = match hangs_up_after {
        None => acquired.await,
        Some(count) => tokio::select! {
            permit = acquired => permit,
            () = looks(count) => return,
        },
    };
    let permit = permit.expect("nothing is too late");
    if permit.is_probe {
        scheduler.receiver_accepted(&receiver, true);
    }
    scheduler.release(&receiver, permit.hold);
}

/// All of them, until nobody waits any more.
fn all(scheduler: Scheduler, clock: &Clock, forwards: Vec<Forward>, disturb: fn(&Scheduler)) {
    let scheduler = Arc::new(scheduler);
    let key = LimitKey::new(Installation::self_built("main".into()), FeishuApi::Forward);
    let clock = clock.clone();
    shuttle::future::block_on(async move {
        let time = tokio::spawn(async move { clock.run().await });
        let supervised = Arc::clone(&scheduler);
        let redis = tokio::spawn(async move {
            if let Some(supervisor) = Supervisor::new(&supervised, Vec::new(), |_, _| {}) {
                supervisor.run(&Metrics).await;
            }
        });
        let tasks: Vec<_> = forwards
            .into_iter()
            .map(|it| tokio::spawn(forward(Arc::clone(&scheduler), key.clone(), it)))
            .collect();
        disturb(&scheduler);
        for task in tasks {
            task.await.expect("no forward panics");
        }
        assert_eq!(scheduler.waiting(), 0, "nobody is left in a queue");
        redis.abort();
        time.abort();
    });
}

/// The receiver's limit, and one who hangs up.
fn receiver_limit() {
    let clock = Clock::new();
    let leaver = Forward { hangs_up_after: Some(3), ..to("r") };
    all(scheduler(1, 1000, &clock), &clock, vec![to("r"), leaver, to("r"), to("r")], |_| {});
}

/// The app's limit, before which receivers take turns, and one who hangs up.
fn app_limit() {
    let clock = Clock::new();
    let leaver = Forward { hangs_up_after: Some(4), ..to("r") };
    let bulk = Forward { urgency: Urgency::Bulk, ..to("s") };
    all(scheduler(1000, 1, &clock), &clock, vec![to("r"), leaver, bulk, to("s")], |_| {});
}

/// Feishu refuses the receiver while they wait, and accepts the probe.
fn refused() {
    let clock = Clock::new();
    let refuse = |scheduler: &Scheduler| scheduler.receiver_refused(&Receiver("r"), false);
    all(scheduler(1, 1000, &clock), &clock, vec![to("r"), to("r"), to("r")], refuse);
}

/// Redis has the last word: it refuses, is late, is lost once, and one hangs up while it is asked.
fn shared() {
    let clock = Clock::new();
    let coordinator = Coordinator::new(SharedLimits::default(), Arc::default());
    let scheduler = scheduler(2, 1000, &clock).shared_by(coordinator);
    let leaver = Forward { hangs_up_after: Some(5), ..to("r") };
    all(scheduler, &clock, vec![to("r"), leaver, to("r")], |_| {});
}

fn run(what: fn()) {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(STEPS);
    Runner::new(RandomScheduler::new(SCHEDULES), config).run(what);
}

fn main() {
    let scenarios: [(&str, fn()); 4] = [
        ("receiver's limit", receiver_limit),
        ("app's limit", app_limit),
        ("refused", refused),
        ("shared", shared),
    ];
    for (name, what) in scenarios {
        run(what);
        println!("{name}: nobody sleeps for ever in {SCHEDULES} schedules");
    }
    // That the above can fail.
    LOSES_WAKES.store(true, SeqCst);
    panic::set_hook(Box::new(|_| {}));
    let is_found = scenarios.map(|(name, what)| {
        let found = panic::catch_unwind(|| run(what));
        println!(
            "{name}: a lost wake-up is {}",
            if found.is_err() { "found" } else { "not found" }
        );
        found.is_err()
    });
    assert!(is_found.contains(&true), "no planted lost wake-up was found");
}
