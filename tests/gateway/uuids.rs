//! A `uuid` stands for one forward of one caller's.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault, FaultKind, Phase};

use gateway_harness::{Answer, Forward, Gateway, all, code, gateway};

const HOUR: Duration = Duration::from_hours(1);

fn mine(gateway: &Gateway, message: &str, receiver: &str) -> Forward {
    gateway.forward(receiver).message(message).query("uuid=mine")
}

fn is_reused(answer: &Answer) {
    let problem = answer.problem(422, "uuid_reused", "not_delivered");
    assert_eq!((&problem["retryable"], &problem["fix_by"]), (&false.into(), &"caller".into()));
    assert!(problem.get("safe_retry_until").is_none());
}

#[actix_web::test]
async fn another_message_or_receiver_under_a_uuid_of_the_last_hour_is_refused_and_not_sent() {
    let gateway = gateway().start().await;
    let first = mine(&gateway, "om_1", "oc_1").send().await.message_id();
    is_reused(&mine(&gateway, "om_2", "oc_1").send().await);
    is_reused(&mine(&gateway, "om_1", "oc_2").send().await);
    let other_kind = mine(&gateway, "om_1", "oc_1").query("uuid=mine&receive_id_type=user_id");
    is_reused(&other_kind.send().await);
    is_reused(&mine(&gateway, "om_2", "oc_1").query("uuid=mine&dry_run=true").send().await);
    assert_eq!(gateway.forwards().len(), 1);
    // The same forward is none the worse for it.
    assert_eq!(mine(&gateway, "om_1", "oc_1").send().await.message_id(), first);
    gateway.advance(HOUR);
    mine(&gateway, "om_2", "oc_1").send().await.message_id();
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn it_is_refused_whatever_became_of_the_first_one() {
    for fault in [FaultKind::Cut, code(230002)] {
        let gateway = gateway().one_attempt().start().await;
        gateway.spoil_forward(fault);
        mine(&gateway, "om_1", "oc_1").send().await;
        is_reused(&mine(&gateway, "om_2", "oc_1").send().await);
        assert_eq!(gateway.forwards().len(), 1);
    }
}

#[actix_web::test]
async fn it_is_refused_while_the_first_one_is_under_way() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(FaultKind::Held);
    let first = mine(&gateway, "om_1", "oc_1").spawn();
    gateway.forwards_reach(1).await;
    is_reused(&mine(&gateway, "om_2", "oc_1").send().await);
    gateway.simulator.clear_faults();
    all(vec![first]).await[0].message_id();
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn the_uuid_of_a_problem_stands_for_its_forward_too() {
    let gateway = gateway().one_attempt().start().await;
    let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
    let unknown = gateway.forward("oc_1").send().await;
    let problem = unknown.problem(502, "feishu_unreadable", "unknown");
    let query = format!("uuid={}", problem["uuid"].as_str().expect("a uuid"));
    is_reused(&gateway.forward("oc_1").message("om_2").query(&query).send().await);
    gateway.forward("oc_1").query(&query).send().await.message_id();
    assert_eq!(gateway.deliveries().len(), 1);
}

#[actix_web::test]
async fn one_caller_learns_nothing_of_anothers_and_loses_no_message_to_it() {
    let key = ApiKey::generate();
    let gateway = gateway()
        .one_attempt()
        .set("keys.other.hash", &key.hash().to_string())
        .set("keys.other.app", "main")
        .start()
        .await;
    let others = |message: &str, receiver: &str| {
        mine(&gateway, message, receiver).header("x-api-key", key.expose())
    };
    let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
    mine(&gateway, "om_1", "oc_1").send().await.problem(502, "feishu_unreadable", "unknown");
    // Feishu would take another message to the same receiver for the first one.
    is_reused(&others("om_2", "oc_1").send().await);
    // What is in doubt for the one is not for the other.
    gateway.spoil_forward(code(230002));
    others("om_1", "oc_1").send().await.problem(403, "bot_not_in_chat", "not_delivered");
    assert_eq!(gateway.forwards().len(), 2);
    gateway.advance(HOUR);
    // To another receiver it is another forward to Feishu.
    mine(&gateway, "om_1", "oc_2").query("uuid=common").send().await.message_id();
    others("om_2", "oc_3").query("uuid=common").send().await.message_id();
    // A forward that was never sent does not keep its uuid.
    gateway.spoil_forward(code(230002));
    mine(&gateway, "om_1", "oc_4").query("uuid=third").send().await;
    others("om_2", "oc_4").query("uuid=third").send().await.message_id();
}

#[actix_web::test]
async fn a_refusal_after_a_restart_says_that_nothing_is_known_of_before() {
    let mut gateway = gateway().start().await;
    gateway.forward("oc_1").header("idempotency-key", "k-1").send().await.message_id();
    gateway.restart().await;
    gateway.spoil_forward(code(230002));
    for replayed in [None, Some("true")] {
        let answer = gateway.forward("oc_1").header("idempotency-key", "k-1").send().await;
        let problem = answer.problem(403, "bot_not_in_chat", "not_delivered");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.ends_with("an earlier one may have been sent."), "{detail}");
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
}

#[actix_web::test]
async fn what_is_not_known_from_before_the_start_is_said_with_each_refusal_for_an_hour() {
    let gateway = gateway().after_another_process().start().await;
    let keyed = |key: &str| gateway.forward("oc_1").header("idempotency-key", key);
    let known_since = |answer: &Answer| {
        let problem = answer.problem(403, "bot_not_in_chat", "not_delivered");
        let detail = problem["detail"].as_str().expect("text").to_owned();
        detail.contains("only since 2026-01-01T00:00:00Z")
    };
    gateway.advance(HOUR / 2);
    gateway.spoil_forward(code(230002));
    for _replayed in 0..2 {
        assert!(known_since(&keyed("k-1").send().await));
    }
    gateway.spoil_forward(code(230002));
    assert!(known_since(&mine(&gateway, "om_1", "oc_1").send().await));
    // The gateway made this uuid itself, so no process before it can have.
    gateway.spoil_forward(code(230002));
    assert!(!known_since(&gateway.forward("oc_1").send().await));
    gateway.advance(HOUR / 2);
    gateway.spoil_forward(code(230002));
    assert!(!known_since(&keyed("k-2").send().await));
    // This was said without knowing.
    assert!(known_since(&keyed("k-1").send().await));
}
