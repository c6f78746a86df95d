//! `Idempotency-Key`: one forward for one key, however often and from wherever it is asked for.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault, FaultKind, Phase};

use gateway_harness::{Answer, Forward, Gateway, all, code, gateway, ms};

const SECOND: Duration = Duration::from_secs(1);
const REPLAYED: &str = "idempotency-replayed";

fn keyed(gateway: &Gateway, key: &str) -> Forward {
    gateway.forward("oc_1").header("idempotency-key", key)
}

fn is_replayed(answer: &Answer) -> bool {
    match answer.header(REPLAYED) {
        Some("true") => true,
        None => false,
        other => panic!("{other:?}"),
    }
}

async fn counted(gateway: &Gateway, result: &str) -> u64 {
    let labels = [("result", result)];
    gateway.metrics().await.count("feishu_gateway_idempotent_requests_total", &labels)
}

#[actix_web::test]
async fn a_key_that_is_sent_again_gets_the_same_answer_and_feishu_is_not_asked() {
    let gateway = gateway().start().await;
    let first = keyed(&gateway, "\"k-1\"").send().await;
    assert!(!is_replayed(&first));
    // Quoted, as the draft has it, and bare are one key.
    for key in ["\"k-1\"", "k-1"] {
        let again = keyed(&gateway, key).send().await;
        assert!(is_replayed(&again));
        assert_eq!(again.message_id(), first.message_id());
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("x-feishu-log-id"), first.header("x-feishu-log-id"));
    }
    assert_eq!(gateway.forwards().len(), 1);
    assert_eq!((counted(&gateway, "new").await, counted(&gateway, "replayed").await), (1, 2));
}

#[actix_web::test]
async fn the_key_becomes_a_uuid_that_is_the_same_after_a_restart() {
    let mut uuids = Vec::new();
    for _ in 0..2 {
        let gateway = gateway().start().await;
        keyed(&gateway, "k-1").send().await.message_id();
        uuids.extend(gateway.forwards().into_iter().filter_map(|it| it.uuid));
    }
    assert_eq!(uuids[0], uuids[1]);
    assert!(uuids[0].len() <= 50, "{uuids:?}");
}

#[actix_web::test]
async fn another_key_is_another_forward() {
    let gateway = gateway().start().await;
    let one = keyed(&gateway, "k-1").send().await.message_id();
    assert_ne!(one, keyed(&gateway, "k-2").send().await.message_id());
    assert_ne!(one, gateway.forward("oc_1").send().await.message_id());
    assert_eq!(gateway.deliveries().len(), 3);
}

#[actix_web::test]
async fn a_key_belongs_to_its_caller() {
    let other = ApiKey::generate();
    let setup = gateway().set("keys.other.app", "main");
    let gateway = setup.set("keys.other.hash", &other.hash().to_string()).start().await;
    let mine = keyed(&gateway, "k-1").send().await;
    let theirs = keyed(&gateway, "k-1").header("x-api-key", other.expose()).send().await;
    assert_ne!(mine.message_id(), theirs.message_id());
    assert!(!is_replayed(&theirs));
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn a_key_for_something_else_is_refused() {
    let gateway = gateway().start().await;
    keyed(&gateway, "k-1").send().await.message_id();
    let other_receiver = gateway.forward("oc_2").header("idempotency-key", "k-1");
    let other_type = keyed(&gateway, "k-1").query("receive_id_type=user_id");
    let other_message = keyed(&gateway, "k-1").message("om_2");
    for forward in [other_receiver, other_type, other_message] {
        let answer = forward.send().await;
        let problem = answer.problem(422, "idempotency_key_reused", "not_delivered");
        assert_eq!((&problem["retryable"], &problem["fix_by"]), (&false.into(), &"caller".into()));
        assert!(!is_replayed(&answer));
    }
    assert_eq!(gateway.forwards().len(), 1);
    assert_eq!(counted(&gateway, "reused").await, 3);
}

#[actix_web::test]
async fn who_asks_meanwhile_joins() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(FaultKind::Held);
    let mut asking = vec![keyed(&gateway, "k-1").spawn()];
    gateway.forwards_reach(1).await;
    asking.extend((0..5).map(|_| keyed(&gateway, "k-1").spawn()));
    gateway.in_flight_are(6).await;
    gateway.simulator.clear_faults();
    let answers = all(asking).await;
    for answer in &answers {
        assert_eq!(answer.message_id(), answers[0].message_id());
    }
    assert_eq!(answers.iter().filter(|answer| is_replayed(answer)).count(), 5);
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn many_at_once_are_one_forward() {
    let gateway = gateway().start().await;
    let answers = all((0..40).map(|_| keyed(&gateway, "k-1").spawn()).collect()).await;
    assert!(answers.iter().all(|answer| answer.message_id() == answers[0].message_id()));
    assert_eq!((gateway.forwards().len(), gateway.deliveries().len()), (1, 1));
}

#[actix_web::test]
async fn an_unknown_outcome_is_asked_for_again_with_the_same_uuid() {
    for phase in [Phase::BeforeCommit, Phase::AfterCommit] {
        let gateway = gateway().one_attempt().start().await;
        let fault = Fault { api: Some(Api::Forward), phase, ..Fault::once(FaultKind::Cut) };
        gateway.simulator.add_fault(fault);
        let unknown = keyed(&gateway, "k-1").send().await;
        let problem = unknown.problem(502, "feishu_unreadable", "unknown");
        assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
        let answer = keyed(&gateway, "k-1").send().await;
        assert!(!is_replayed(&answer));
        assert_eq!(gateway.deliveries().len(), 1);
        assert_eq!(gateway.deliveries()[0].new_message_id, answer.message_id());
        let uuids: Vec<_> = gateway.forwards().into_iter().map(|it| it.uuid).collect();
        assert_eq!((uuids.len(), &uuids[0]), (2, &uuids[1]));
        assert_eq!(problem["uuid"].as_str(), uuids[0].as_deref());
        // Now it is final.
        assert!(is_replayed(&keyed(&gateway, "k-1").send().await));
    }
}

#[actix_web::test]
async fn a_repetition_that_gets_nowhere_leaves_it_unknown() {
    let gateway = gateway().one_attempt().start().await;
    let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
    keyed(&gateway, "k-1").send().await.problem(502, "feishu_unreadable", "unknown");
    gateway.spoil_forward(code(230002));
    let answer = keyed(&gateway, "k-1").send().await;
    answer.problem(403, "bot_not_in_chat", "unknown");
    // And it is not final, as the message did go out.
    let answer = keyed(&gateway, "k-1").send().await;
    assert_eq!(answer.message_id(), gateway.deliveries()[0].new_message_id);
}

#[actix_web::test]
async fn what_feishu_refuses_for_good_is_replayed() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(code(230002));
    for replayed in [false, true, true] {
        let answer = keyed(&gateway, "k-1").send().await;
        let problem = answer.problem(403, "bot_not_in_chat", "not_delivered");
        assert_eq!(problem["feishu"]["code"], 230002);
        assert_eq!(is_replayed(&answer), replayed);
    }
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn what_may_pass_is_asked_for_again() {
    for (number, status, name) in [
        (99991672, 403, "permission_missing"),
        (10014, 502, "credentials_rejected"),
        (11247, 429, "daily_quota_exhausted"),
        (424242, 502, "feishu_error"),
    ] {
        let gateway = gateway().start().await;
        gateway.spoil_forward(code(number));
        keyed(&gateway, "k-1").send().await.problem(status, name, "not_delivered");
        if status == 403 {
            continue;
        }
        // For so long a quota is not asked for again, with a key or without.
        gateway.advance(Duration::from_mins(5));
        let answer = keyed(&gateway, "k-1").send().await;
        answer.message_id();
        assert!(!is_replayed(&answer));
    }
    let gateway = gateway().set("limits.receiver_per_second", "1").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let answer = keyed(&gateway, "k-1").header("prefer", "wait=0").send().await;
    answer.problem(429, "receiver_rate_limited", "not_delivered");
    gateway.advance(ms(1050));
    keyed(&gateway, "k-1").send().await.message_id();
}

#[actix_web::test]
async fn a_leader_that_hangs_up_before_its_turn_leaves_it_to_one_that_joined() {
    let gateway = gateway().set("limits.receiver_per_second", "1").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let leader = keyed(&gateway, "k-1").spawn();
    gateway.so_many_wait(1).await;
    let follower = keyed(&gateway, "k-1").spawn();
    gateway.in_flight_are(2).await;
    leader.abort();
    gateway.in_flight_are(1).await;
    gateway.so_many_wait(1).await;
    gateway.advance(ms(1050));
    let answer = all(vec![follower]).await.remove(0);
    assert!(!is_replayed(&answer));
    answer.message_id();
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn what_a_caller_did_not_stay_to_hear_is_told_when_it_asks_again() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(FaultKind::Held);
    let impatient = keyed(&gateway, "k-1").spawn();
    gateway.forwards_reach(1).await;
    gateway.hang_up(impatient).await;
    gateway.simulator.clear_faults();
    let answer = keyed(&gateway, "k-1").send().await;
    assert!(is_replayed(&answer), "joined or replayed");
    assert_eq!(answer.message_id(), gateway.deliveries()[0].new_message_id);
    assert_eq!((gateway.forwards().len(), gateway.deliveries().len()), (1, 1));
}

#[actix_web::test]
async fn a_key_lives_an_hour() {
    let gateway = gateway().start().await;
    keyed(&gateway, "k-1").send().await.message_id();
    gateway.advance(SECOND * 3599);
    assert!(is_replayed(&keyed(&gateway, "k-1").send().await));
    gateway.advance(SECOND);
    let answer = keyed(&gateway, "k-1").send().await;
    assert!(!is_replayed(&answer));
    answer.message_id();
    assert_eq!(gateway.forwards().len(), 2);
}

#[actix_web::test]
async fn a_key_and_a_uuid_of_its_own_do_not_go_together() {
    let gateway = gateway().start().await;
    let answer = keyed(&gateway, "k-1").query("uuid=mine").send().await;
    assert_eq!(answer.wrong_fields(), ["uuid"]);
    // The one that the key stands for is no contradiction: problems name it.
    gateway.spoil_forward(code(230002));
    let problem = keyed(&gateway, "k-2").send().await.json();
    let query = format!("uuid={}", problem["uuid"].as_str().expect("a uuid"));
    let answer = keyed(&gateway, "k-2").query(&query).send().await;
    answer.problem(403, "bot_not_in_chat", "not_delivered");
}

#[actix_web::test]
async fn a_key_that_is_not_valid_is_named() {
    let gateway = gateway().start().await;
    for key in ["", "\"", "\"a", "\"\"", "a\tb", &"x".repeat(256)] {
        let answer = keyed(&gateway, key).send().await;
        assert_eq!(answer.wrong_fields(), ["Idempotency-Key"], "{key}");
    }
    assert_eq!(gateway.forwards(), []);
}
