//! Repeating with a `uuid` what may have gone out.

use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Phase};
use jiff::SignedDuration;
use serde_json::Value;

use gateway_harness::{Gateway, code, eventually, gateway, guarded};

const MINUTE: Duration = Duration::from_mins(1);
/// A second and the guard.
const WINDOW: Duration = Duration::from_millis(1050);

/// A forward that went out, though its answer did not come back.
async fn unknown(gateway: &Gateway, query: &str) -> Value {
    let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
    let answer = gateway.forward("oc_1").query(query).send().await;
    answer.problem(502, "feishu_unreadable", "unknown")
}

#[actix_web::test]
async fn an_unknown_one_can_be_repeated_with_its_uuid_whoever_made_it() {
    for query in ["", "uuid=mine"] {
        let gateway = gateway().one_attempt().start().await;
        let problem = unknown(&gateway, query).await;
        assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
        let query = format!("uuid={}", problem["uuid"].as_str().expect("a uuid"));
        gateway.forward("oc_1").query(&query).send().await.message_id();
        assert_eq!((gateway.forwards().len(), gateway.deliveries().len()), (2, 1));
    }
}

#[actix_web::test]
async fn the_hour_is_counted_from_the_first_attempt_however_often_it_is_repeated() {
    let gateway = gateway().one_attempt().start().await;
    unknown(&gateway, "uuid=mine").await;
    for minute in [20, 40] {
        gateway.advance_to(MINUTE * minute);
        let problem = unknown(&gateway, "uuid=mine").await;
        assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
    }
}

#[actix_web::test]
async fn a_repetition_that_fails_is_as_unknown_as_the_first() {
    let gateway = gateway().one_attempt().start().await;
    unknown(&gateway, "uuid=mine").await;
    gateway.spoil_forward(code(230002));
    let repeated = gateway.forward("oc_1").query("uuid=mine").send().await;
    let problem = repeated.problem(403, "bot_not_in_chat", "unknown");
    assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
    // Another uuid is another forward.
    gateway.spoil_forward(code(230002));
    let other = gateway.forward("oc_1").query("uuid=other").send().await;
    other.problem(403, "bot_not_in_chat", "not_delivered");
}

#[actix_web::test]
async fn what_a_repetition_settles_is_settled_for_the_hour() {
    let gateway = gateway().one_attempt().start().await;
    unknown(&gateway, "uuid=mine").await;
    let again = || gateway.forward("oc_1").query("uuid=mine");
    again().send().await.message_id();
    gateway.spoil_forward(code(230002));
    let problem = again().send().await.problem(403, "bot_not_in_chat", "unknown");
    assert!(problem["detail"].as_str().expect("text").ends_with("with this uuid was delivered."));
    assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
    // Then it is another forward.
    gateway.advance(MINUTE * 60);
    gateway.spoil_forward(code(230002));
    again().send().await.problem(403, "bot_not_in_chat", "not_delivered");
    again().send().await.message_id();
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn a_calendar_that_is_ahead_of_the_machine_makes_it_too_late() {
    for header in [("x-other", "1"), ("idempotency-key", "k-1")] {
        let gateway = gateway().one_attempt().start().await;
        let query = if header.0 == "idempotency-key" { "" } else { "uuid=mine" };
        let forward = || gateway.forward("oc_1").query(query).header(header.0, header.1);
        let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
        gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
        let problem = forward().send().await.problem(502, "feishu_unreadable", "unknown");
        assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
        gateway.advance(MINUTE);
        // The machine was suspended.
        gateway.hand.move_calendar(SignedDuration::from_mins(114));
        let problem = forward().send().await.problem(409, "too_late_to_repeat", "unknown");
        assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
        assert_eq!(gateway.forwards().len(), 1);
    }
}

#[actix_web::test]
async fn what_waited_while_the_machine_was_suspended_for_an_hour_is_not_sent() {
    for header in [("x-other", "1"), ("idempotency-key", "k-1")] {
        let gateway = gateway().start().await;
        for _ in 0..5 {
            gateway.forward("oc_1").send().await.message_id();
        }
        let query = if header.0 == "idempotency-key" { "" } else { "uuid=mine" };
        let waiting = gateway.forward("oc_1").query(query).header(header.0, header.1);
        let waiting = tokio::spawn(async move { waiting.send().await });
        gateway.sleeps_until(WINDOW).await;
        // Another replica may have sent it meanwhile, so long ago that Feishu does not recognise the `uuid`.
        gateway.hand.move_calendar(SignedDuration::from_mins(61));
        gateway.advance(WINDOW);
        let answer = waiting.await.expect("an answer");
        answer.problem(409, "too_late_to_repeat", "unknown");
        assert_eq!(gateway.forwards().len(), 5);
    }
}

#[actix_web::test]
async fn a_calendar_that_is_set_back_gives_no_time() {
    let gateway = gateway().one_attempt().start().await;
    unknown(&gateway, "uuid=mine").await;
    gateway.hand.move_calendar(SignedDuration::from_mins(-30));
    gateway.advance(MINUTE * 20);
    let problem = unknown(&gateway, "uuid=mine").await;
    // 35 minutes are left of 55, and the calendar shows ten minutes less than at first.
    assert_eq!(problem["safe_retry_until"], "2026-01-01T00:25:00Z");
    gateway.advance(MINUTE * 36);
    let late = gateway.forward("oc_1").query("uuid=mine").send().await;
    late.problem(409, "too_late_to_repeat", "unknown");
    assert_eq!(gateway.forwards().len(), 2);
}

#[actix_web::test]
async fn it_is_not_repeated_when_feishu_may_have_forgotten_it() {
    let gateway = gateway().one_attempt().start().await;
    unknown(&gateway, "uuid=mine").await;
    gateway.advance_to(MINUTE * 55);
    gateway.forward("oc_1").query("uuid=mine").header("prefer", "wait=0").send().await.message_id();
    assert_eq!(gateway.forwards().len(), 2);

    unknown(&gateway, "uuid=another").await;
    for hours in [1, 20] {
        gateway.advance_to(MINUTE * 55 + MINUTE * 60 * hours);
        let late = gateway.see_through(gateway.forward("oc_1").query("uuid=another")).await;
        let problem = late.problem(409, "too_late_to_repeat", "unknown");
        assert_eq!(problem["safe_retry_until"], "2026-01-01T01:50:00Z");
        assert_eq!(problem["retryable"], false);
    }
    assert_eq!(gateway.forwards().len(), 3);
}

#[actix_web::test]
async fn a_key_is_not_used_again_either_when_feishu_may_have_forgotten_it() {
    let gateway = gateway().one_attempt().start().await;
    let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
    let keyed = || gateway.forward("oc_1").header("idempotency-key", "k-1");
    keyed().send().await.problem(502, "feishu_unreadable", "unknown");
    for minutes in [56, 61] {
        gateway.advance_to(MINUTE * minutes);
        keyed().send().await.problem(409, "too_late_to_repeat", "unknown");
    }
    assert_eq!((gateway.forwards().len(), gateway.deliveries().len()), (1, 1));
}

#[actix_web::test]
async fn who_hangs_up_and_repeats_is_not_told_that_nothing_went_out() {
    for in_flight in [true, false] {
        let gateway = gateway().one_attempt().start().await;
        gateway.spoil_forward(FaultKind::Held);
        let impatient = gateway.forward("oc_1").query("uuid=mine").spawn();
        gateway.forwards_reach(1).await;
        gateway.hang_up(impatient).await;
        if !in_flight {
            gateway.simulator.clear_faults();
            let labels = [("api", "forward"), ("code", "0")];
            let name = "feishu_gateway_upstream_requests_total";
            let counted = async || gateway.metrics().await.count(name, &labels);
            guarded(async { while counted().await == 0 {} }).await;
        }
        gateway.spoil_forward(code(230002));
        let again = gateway.forward("oc_1").query("uuid=mine").send().await;
        again.problem(403, "bot_not_in_chat", "unknown");
        assert_eq!(gateway.deliveries().len(), usize::from(!in_flight));
        gateway.simulator.clear_faults();
        eventually(|| gateway.deliveries().len() == 1).await;
        gateway.forward("oc_1").query("uuid=mine").send().await.message_id();
        assert_eq!(gateway.deliveries().len(), 1);
    }
}
