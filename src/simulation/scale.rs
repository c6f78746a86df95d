//! `make simulate-scale`: what many gateways and apps ask of the one Redis that they share, and whether the promises hold.
//! docs/en/design/scaling.md has the results.
#![expect(clippy::cast_precision_loss, reason = "it is printed with few digits")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;

use super::asks::receiver;
use super::fleet::Fleet;
use super::process::Running;
use super::redis_load::RedisLoad;
use crate::broadcasts::{Accepted, BroadcastRequest, ReceiverState};
use crate::delivery::ForwardRequest;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;
use crate::model::urgency::Urgency;

const GATEWAYS: [usize; 5] = [1, 4, 10, 30, 100];
/// Gateways and apps of the idle ones. Each gateway needs memory for each app.
const IDLE: [(usize, usize); 7] =
    [(1, 2), (10, 2), (100, 2), (1, 1000), (10, 1000), (100, 100), (100, 300)];
const IDLE_MEASURED: Duration = Duration::from_secs(10);
/// How long the burst of the app takes to be used up.
const WARM: Duration = Duration::from_secs(5);
/// The caller, and how its messages begin.
const CALLER: (usize, &str) = (0, "om_0_");
/// How many forwards are asked for at all gateways at the same time, at least: so many that the app's limits are always in
/// the way.
const WAITING: usize = 32;
/// What the deadline of a forward, 15 s, leaves for its wait if an attempt takes 5.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Fewer forwards a second than the app's limits let through.
const EASY: u32 = 12;

#[test]
#[ignore = "make simulate-scale runs it"]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "its output is its purpose")]
fn simulate_scale() {
    let started = std::time::Instant::now();
    let number =
        |name, usual| std::env::var(name).map_or(usual, |it| it.parse().expect("a number"));
    let (seconds, receivers) = (number("SECONDS", 20), number("RECEIVERS", 1000));
    let measured = Duration::from_secs(seconds as u64);
    println!("idle, a second:");
    for (gateways, apps) in IDLE {
        let load = per(&idle(gateways, apps), IDLE_MEASURED.as_secs_f64());
        println!("  {gateways} gateways, {apps} apps: {load}");
    }
    for a_second in [EASY, 0] {
        println!("forwards, {a_second} a second (0: as many as the app's limits let through):");
        for gateways in GATEWAYS {
            let mut fleet = Fleet::start(gateways, 2);
            begin_forwards(&fleet, a_second);
            fleet.run_for(WARM);
            measure(&mut fleet, measured, "forward");
        }
    }
    println!("a broadcast to {receivers} receivers:");
    for gateways in GATEWAYS {
        broadcast(&mut Fleet::start(gateways, 2), receivers);
    }
    println!("it took {:.0} s", started.elapsed().as_secs_f64());
}

/// It was once a second for each app.
#[test]
fn idle_gateways_ask_redis_as_often_with_many_apps_as_with_few() {
    let [few, many] = [2, 40].map(|apps| idle(3, apps).requests);
    assert!(many.abs_diff(few) <= 3, "{few} requests with few apps, {many} with many");
}

/// What Redis is asked for while nothing happens.
fn idle(gateways: usize, apps: usize) -> RedisLoad {
    let mut fleet = Fleet::start(gateways, apps);
    let before = fleet.load();
    fleet.run_for(IDLE_MEASURED);
    fleet.load().since(&before)
}

/// Callers forward at all gateways, each to a receiver of its own: so many a second, or if that is zero as many
/// as the app's limits let through.
fn begin_forwards(fleet: &Fleet, a_second: u32) {
    let copies = (WAITING / fleet.gateways.len()).max(1);
    let callers = Duration::from_secs((copies * fleet.gateways.len()) as u64);
    let pause = callers.checked_div(a_second).unwrap_or_default();
    for gateway in &fleet.gateways {
        for _ in 0..copies {
            fleet.runtime.spawn(forward_for_ever(fleet, gateway, pause));
        }
    }
}

/// Forwards, pauses for up to twice as long, and forwards again.
fn forward_for_ever(
    fleet: &Fleet,
    gateway: &Running,
    pause: Duration,
) -> impl Future<Output = ()> + use<> {
    let (delivery, clock) = (gateway.core.delivery.clone(), gateway.clock.clone());
    let (scene, caller) = (fleet.scene.clone(), fleet.callers[CALLER.0].clone());
    async move {
        loop {
            let pause = scene.state().random.random_range(Duration::ZERO..=pause * 2);
            clock.sleep_until(clock.now() + pause).await;
            let uuid = DedupKey::generate();
            let (message, to) = (format!("{}{uuid}", CALLER.1), format!("oc_{uuid}"));
            let request = Arc::new(request(&caller, uuid, &message, &to));
            scene.state().ledger.asked(&message, &to);
            let report = delivery.forward(&request).await;
            scene.state().ledger.answered((&message, &to), &report, clock.wall());
        }
    }
}

fn request(caller: &Caller, uuid: DedupKey, message: &str, to: &str) -> ForwardRequest {
    ForwardRequest {
        request_id: String::new(),
        caller: caller.clone(),
        forward: Forward::Message(MessageId::parse(message).unwrap()),
        receiver: receiver(to),
        uuid,
        uuid_is_given: false,
        idempotent: None,
        broadcast: None,
        wait: LONGEST_WAIT,
        urgency: Urgency::Interactive,
    }
}

/// The first gateway accepts a broadcast, and all work on it.
fn broadcast(fleet: &mut Fleet, receivers: usize) {
    let caller = fleet.callers[CALLER.0].clone();
    let broadcasts = fleet.gateways[0].core.broadcasts.clone().expect("Redis keeps them");
    let request = BroadcastRequest {
        message: MessageId::parse(&format!("{}b", CALLER.1)).unwrap(),
        receivers: (0..receivers).map(|it| receiver(&format!("oc_{it}"))).collect(),
        key: IdempotencyKey::parse("broadcast").unwrap(),
        expires_in: Duration::from_hours(1),
    };
    let accepted: Arc<Mutex<Option<Accepted>>> = Arc::default();
    let tell = Arc::clone(&accepted);
    let (by, accepts) = (caller.clone(), broadcasts.clone());
    fleet.scene.state().ledger.asked_for_broadcast(CALLER.0);
    fleet.runtime.spawn(async move {
        *tell.lock().unwrap() = accepts.accept(&by, request).await.ok();
    });
    fleet.run_for(Duration::from_secs(1));
    let accepted = accepted.lock().unwrap().take().expect("it is accepted").broadcast;
    fleet.scene.state().ledger.accepted(&accepted);
    // Most of the time that the app's limits need.
    let lasts = Duration::from_secs(receivers as u64) / 20;
    measure(fleet, lasts, "receiver");
    fleet.run_for(lasts / 3 + Duration::from_secs(10));
    let scene = fleet.scene.clone();
    fleet.runtime.spawn(async move {
        let broadcast = broadcasts.find(&caller, &accepted.id).await.unwrap();
        let mut all = Vec::new();
        while all.len() < receivers {
            let from = u32::try_from(all.len()).unwrap();
            let states = &ReceiverState::ALL;
            let page = broadcasts.receivers(&caller, &accepted.id, states, from, 1000).await;
            all.extend(page.unwrap());
        }
        scene.state().ledger.read(&broadcast, &all);
    });
    fleet.run_for(Duration::from_secs(5));
    let mut state = fleet.scene.state();
    if !state.ledger.all_have_ended() {
        state.ledger.break_promise("the broadcast does not end");
    }
    assert_eq!(state.ledger.broken, None);
}

/// Lets time pass, and prints what Redis was asked for, for each message that was delivered.
#[expect(clippy::print_stdout, reason = "its output is its purpose")]
fn measure(fleet: &mut Fleet, lasts: Duration, what: &str) {
    let counted = |fleet: &Fleet| {
        let counts = &fleet.scene.state().ledger.counts;
        ["deliveries", "answers: not delivered", "app limits met"]
            .map(|it| counts.get(it).copied().unwrap_or_default() as f64)
    };
    let (load, before) = (fleet.load(), counted(fleet));
    let calls = fleet.scene.state().ledger.calls.all.len();
    fleet.run_for(lasts);
    let load = fleet.load().since(&load);
    let after = counted(fleet);
    let [delivered, denied, refused] = std::array::from_fn(|it| after[it] - before[it]);
    let mut shares = vec![0_u64; fleet.gateways.len()];
    for call in &fleet.scene.state().ledger.calls.all[calls..] {
        shares[call.gateway] += 1;
    }
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    let seconds = lasts.as_secs_f64();
    println!(
        "  {} gateways: {:.1} delivered a second, {denied} not, {refused} calls refused by Feishu, \
         {least} to {most} calls of a gateway; Redis {:.0} scripts a second; a {what}: {}",
        shares.len(),
        delivered / seconds,
        load.requests as f64 / seconds,
        per(&load, delivered),
    );
    assert_eq!(fleet.scene.state().ledger.broken, None);
}

/// What Redis was asked for, divided.
fn per(load: &RedisLoad, many: f64) -> String {
    let mut kinds: Vec<_> = load.by_kind.iter().map(|(kind, count)| (count, kind)).collect();
    kinds.sort_by(|one, other| other.cmp(one));
    let kinds = kinds.into_iter().filter(|(count, _)| **count as f64 / many >= 0.01);
    let kinds = kinds.map(|(count, kind)| format!("{kind} {:.2}", *count as f64 / many));
    format!(
        "{:.2} scripts, {:.1} commands, {:.0} bytes ({})",
        load.requests as f64 / many,
        load.commands as f64 / many,
        load.bytes as f64 / many,
        kinds.collect::<Vec<_>>().join(", "),
    )
}
