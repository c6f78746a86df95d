//! How broadcasts are delivered: what is repeated, what pauses them, what ends them, and what a restart leaves of them.

use std::collections::HashSet;
use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Phase};
use gateway_harness::{Answer, Gateway, code, eventually, gateway};
use serde_json::Value;

use crate::broadcasts::{broadcast, finished, path, with_store};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The broadcast as it is now.
async fn now(gateway: &Gateway, path: &str) -> Value {
    broadcast(&Answer::of(gateway.call("GET", path)).await, 200)
}

/// The broadcast once the condition holds, while time passes in steps of this length.
async fn once(
    gateway: &Gateway,
    path: &str,
    step: Duration,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    loop {
        let now = now(gateway, path).await;
        if is_so(&now) {
            return now;
        }
        gateway.step(step).await;
    }
}

/// The broadcast once it is paused and no forward of it is under way.
async fn paused(gateway: &Gateway, path: &str) -> Value {
    once(gateway, path, SECOND, |it| it["state"] == "paused" && it["counts"]["in_doubt"] == 0).await
}

/// The receivers' outcomes, and the codes of their problems.
async fn outcomes(gateway: &Gateway, path: &str) -> Vec<(String, Option<String>)> {
    let path = format!("{path}/receivers?limit=1000");
    let page = Answer::of(gateway.call("GET", &path)).await.json();
    let receivers = page["receivers"].as_array().expect("receivers").iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let outcome =
        |it: &Value| (text(&it["outcome"]).expect("an outcome"), text(&it["problem"]["code"]));
    receivers.map(outcome).collect()
}

fn uuids(gateway: &Gateway) -> Vec<String> {
    gateway.forwards().into_iter().filter_map(|it| it.uuid).collect()
}

/// Feishu hands the message over, and its answer is lost.
fn lost(times: Option<u32>) -> Fault {
    Fault {
        api: Some(Api::Forward),
        times,
        phase: Phase::AfterCommit,
        ..Fault::once(FaultKind::Cut)
    }
}

#[actix_web::test]
async fn what_feishu_refuses_for_good_is_final_at_once_and_disturbs_nobody_else() {
    let (gateway, _directory) = with_store(gateway()).await;
    let asked = gateway.broadcast(["oc_1", "oc_code_230002", "oc_2"]).send().await;
    let path = path(&broadcast(&asked, 202));
    let ended = finished(&gateway, &path).await;
    assert_eq!(
        (&ended["counts"]["delivered"], &ended["counts"]["not_delivered"]),
        (&2.into(), &1.into())
    );
    assert_eq!(
        outcomes(&gateway, &path).await[1],
        ("not_delivered".to_owned(), Some("bot_not_in_chat".to_owned()))
    );
    assert_eq!(gateway.forwards().len(), 3);
}

#[actix_web::test]
async fn a_failure_that_may_pass_is_repeated_with_the_same_uuid_after_growing_pauses() {
    let (gateway, _directory) = with_store(gateway().set("feishu.max_attempts", "1")).await;
    // Each forward is one call, so each call but the last one is a failed forward.
    gateway.simulator.add_fault(Fault { times: Some(3), ..lost(Some(3)) });
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    let ended = once(&gateway, &path, SECOND, |it| it["finished_at"].is_string()).await;
    assert_eq!(ended["counts"]["delivered"], 1);
    assert_eq!(gateway.deliveries().len(), 1);
    let calls = gateway.forwards();
    assert_eq!(uuids(&gateway).iter().collect::<HashSet<_>>().len(), 1);
    let times: Vec<_> = calls.iter().map(|it| Duration::from_nanos(it.at_ns)).collect();
    let pauses: Vec<_> = times.windows(2).map(|it| it[1].saturating_sub(it[0])).collect();
    assert_eq!(pauses.len(), 3, "{pauses:?}");
    // Time also passes while the gateway begins a call. A test of `settlement` has the exact pauses.
    assert!(pauses.iter().zip([5, 15, 45]).all(|(it, least)| *it >= least * SECOND), "{pauses:?}");
}

#[actix_web::test]
async fn a_quota_that_is_used_up_pauses_a_broadcast_which_goes_on_by_itself() {
    let (gateway, _directory) = with_store(gateway().set("feishu.quota_interval", "5m")).await;
    gateway.spoil_every_forward(code(99991403));
    let ids: Vec<String> = (0..20).map(|number| format!("oc_{number}")).collect();
    let asked = gateway.broadcast(ids.iter().map(String::as_str)).send().await;
    let path = path(&broadcast(&asked, 202));
    let paused = paused(&gateway, &path).await;
    assert_eq!(paused["paused_by"], "monthly_quota_exhausted");
    assert!(paused.get("estimated_finish_at").is_none(), "{paused:#}");
    let calls = gateway.forwards().len();
    // While it is paused, a call every five minutes finds out whether the quota is there again.
    let until = gateway.clock.now() + 8 * MINUTE;
    while gateway.clock.now() < until {
        let now = now(&gateway, &path).await;
        assert_eq!(now["state"], "paused");
        // No time passes while a forward is under way, for its call must not time out and be made again.
        if now["counts"]["in_doubt"] == 0 {
            gateway.advance(SECOND);
        }
    }
    assert_eq!(gateway.forwards().len(), calls + 1);
    gateway.simulator.clear_faults();
    let ended = once(&gateway, &path, SECOND, |it| it["finished_at"].is_string()).await;
    assert_eq!((&ended["state"], &ended["counts"]["delivered"]), (&"completed".into(), &20.into()));
    assert!(ended.get("paused_by").is_none(), "{ended:#}");
}

#[actix_web::test]
async fn a_feishu_that_does_not_answer_pauses_a_broadcast_and_nobody_gets_a_message_twice() {
    let (gateway, _directory) = with_store(gateway()).await;
    gateway.simulator.add_fault(lost(None));
    let ids: Vec<String> = (0..60).map(|number| format!("oc_{number}")).collect();
    let asked = gateway.broadcast(ids.iter().map(String::as_str)).send().await;
    let path = path(&broadcast(&asked, 202));
    let paused = once(&gateway, &path, SECOND, |it| it["state"] == "paused").await;
    assert_eq!(paused["paused_by"], "feishu_unreachable");
    gateway.simulator.clear_faults();
    let ended = once(&gateway, &path, SECOND, |it| it["finished_at"].is_string()).await;
    assert_eq!(ended["counts"]["delivered"], 60);
    let got: HashSet<_> = gateway.deliveries().into_iter().map(|it| it.receive_id).collect();
    assert_eq!((got.len(), gateway.deliveries().len()), (60, 60));
}

#[actix_web::test]
async fn a_key_that_ends_cancels_what_is_left_of_its_broadcasts() {
    let setup = gateway().set("keys.tester.expires_at", "2026-01-01T00:01:00Z");
    let (gateway, _directory) = with_store(setup.set("keys.other.app", "main").set(
        "keys.other.hash",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ))
    .await;
    gateway.spoil_every_forward(code(99991403));
    let path = path(&broadcast(&gateway.broadcast(["oc_1", "oc_2"]).send().await, 202));
    paused(&gateway, &path).await;
    gateway.simulator.clear_faults();
    let calls = gateway.forwards().len();
    gateway.advance(2 * MINUTE);
    // Nobody has the key any more, so the metrics tell.
    let app = &[("app", "main"), ("state", "paused")];
    loop {
        let metrics = gateway.metrics().await;
        if metrics.count("feishu_gateway_broadcasts", app) == 0 {
            break;
        }
        gateway.advance(SECOND);
        tokio::task::yield_now().await;
    }
    gateway.advance(10 * MINUTE);
    assert_eq!(gateway.forwards().len(), calls);
    assert_eq!(gateway.deliveries(), []);
}

#[actix_web::test]
async fn what_could_not_be_sent_before_it_expires_never_is() {
    let (gateway, _directory) = with_store(gateway()).await;
    gateway.spoil_every_forward(code(99991403));
    let body =
        r#"{"receivers": [{"receive_id": "oc_1"}, {"receive_id": "oc_2"}], "expires_in": "2m"}"#;
    let asked = gateway.broadcast([]).body(body).send().await;
    let path = path(&broadcast(&asked, 202));
    let ended = once(&gateway, &path, SECOND, |it| it["finished_at"].is_string()).await;
    assert_eq!((&ended["state"], &ended["counts"]["expired"]), (&"completed".into(), &2.into()));
    gateway.simulator.clear_faults();
    gateway.advance(10 * MINUTE);
    assert_eq!(gateway.deliveries(), []);
}

#[actix_web::test]
async fn after_a_cancel_nothing_is_sent_that_had_not_begun() {
    let (gateway, _directory) = with_store(gateway()).await;
    gateway.spoil_every_forward(FaultKind::Held);
    let ids: Vec<String> = (0..200).map(|number| format!("oc_{number}")).collect();
    let asked = gateway.broadcast(ids.iter().map(String::as_str)).send().await;
    let path = path(&broadcast(&asked, 202));
    once(&gateway, &path, Duration::ZERO, |it| it["counts"]["in_doubt"] == 8).await;
    let canceled = Answer::of(gateway.call("POST", &format!("{path}/cancel"))).await;
    assert_eq!(broadcast(&canceled, 200)["counts"]["canceled"], 192);
    gateway.simulator.clear_faults();
    let ended = finished(&gateway, &path).await;
    assert_eq!(ended["state"], "canceled");
    let delivered = ended["counts"]["delivered"].as_u64().expect("a count");
    assert_eq!(gateway.deliveries().len() as u64, delivered);
    assert!(delivered <= 8, "{ended:#}");
    gateway.advance(10 * MINUTE);
    assert_eq!(gateway.deliveries().len() as u64, delivered);
}

#[actix_web::test]
async fn after_a_kill_what_was_in_doubt_is_repeated_with_its_uuid_and_what_was_not_goes_on() {
    let (mut gateway, _directory) = with_store(gateway()).await;
    gateway.simulator.add_fault(lost(None));
    let ids: Vec<String> = (0..30).map(|number| format!("oc_{number}")).collect();
    let asked = gateway.broadcast(ids.iter().map(String::as_str)).send().await;
    let path = path(&broadcast(&asked, 202));
    eventually(|| gateway.deliveries().len() >= 8).await;
    gateway.kill().await;
    gateway.simulator.clear_faults();
    let ended = once(&gateway, &path, SECOND, |it| it["finished_at"].is_string()).await;
    assert_eq!(ended["counts"]["delivered"], 30);
    let got: HashSet<_> = gateway.deliveries().into_iter().map(|it| it.receive_id).collect();
    assert_eq!((got.len(), gateway.deliveries().len()), (30, 30));
}

#[actix_web::test]
async fn a_doubt_that_outlasts_the_hour_of_its_uuid_is_unknown_and_never_sent_again() {
    let (mut gateway, _directory) = with_store(gateway()).await;
    gateway.simulator.add_fault(lost(None));
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    eventually(|| gateway.deliveries().len() == 1).await;
    // As if the machine had stood still for an hour before the next process looked.
    gateway.hand.move_calendar(jiff::SignedDuration::from_hours(1));
    gateway.restart().await;
    let ended = once(&gateway, &path, SECOND, |it| it["finished_at"].is_string()).await;
    assert_eq!(ended["counts"]["unknown"], 1);
    gateway.advance(10 * MINUTE);
    assert_eq!(gateway.forwards().len(), 1);
    assert_eq!(gateway.deliveries().len(), 1);
}
