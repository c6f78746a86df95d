//! One line for each request, at the level that its outcome deserves.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::FaultKind;

use gateway_harness::log::{answered, capture, lines, lines_of};
use gateway_harness::{Answer, Forward, all, code, eventually, every_token, foreign, gateway};

#[actix_web::test]
async fn a_forward_has_one_line_with_all_that_is_known_of_it() {
    capture();
    let gateway = gateway().start().await;
    let forward = gateway.forward("oc_1").header("x-request-id", "levels-well");
    forward.send().await.message_id();
    let line = answered("levels-well");
    let log_id = gateway.forwards()[0].log_id.clone();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["route"], "/v1/messages/{message_id}/forward");
    assert_eq!(line["status"], 200);
    assert_eq!(line["caller"], "tester");
    assert_eq!(line["feishu_log_id"].as_str(), log_id.as_deref());
    assert_eq!(line["attempts"], 1);
    for timing in ["wait_ms", "token_ms", "feishu_ms", "total_ms"] {
        assert!(line[timing].is_f64(), "{timing} in {line:#}");
    }
}

async fn level(request_id: &str, forward: Forward) -> (String, String) {
    let answer: Answer = forward.header("x-request-id", request_id).send().await;
    let line = answered(request_id);
    assert_eq!(line["status"], answer.status);
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("detail").is_empty(), "{line:#}");
    (text("problem"), text("level"))
}

#[actix_web::test]
async fn what_callers_and_chats_do_wrong_wakes_nobody() {
    capture();
    let gateway = gateway().one_attempt().no_app_limits().start().await;
    let forward = || gateway.forward("oc_1");
    let info = |problem: &str| (problem.to_owned(), "INFO".to_owned());
    let wrong = forward().query("typo=1");
    assert_eq!(level("info-1", wrong).await, info("invalid_request"));
    let wrong = forward().header("x-api-key", "wrong");
    assert_eq!(level("info-2", wrong).await, info("unauthorized"));
    let wrong = forward().header("content-type", "text/plain");
    assert_eq!(level("info-3", wrong).await, info("unsupported_media_type"));
    for (number, problem) in [
        (230002, "bot_not_in_chat"),
        (230013, "user_out_of_scope"),
        (230053, "user_stopped_bot"),
        (230020, "receiver_rate_limited"),
        (230049, "message_in_progress"),
        // The last one, as it closes the app's gate.
        (99991400, "app_rate_limited"),
    ] {
        gateway.spoil_forward(code(number));
        let request_id = format!("info-{number}");
        assert_eq!(level(&request_id, gateway.forward(&request_id)).await, info(problem));
    }
}

#[actix_web::test]
async fn what_the_operator_alone_can_fix_is_an_error() {
    capture();
    for (number, problem) in [
        (99991663, "credentials_rejected"),
        (99991401, "gateway_address_denied"),
        (99991662, "app_not_in_use"),
        (230027, "permission_missing"),
        (230006, "bot_not_enabled"),
        (99991403, "monthly_quota_exhausted"),
    ] {
        // One for each, as most of them keep the app from calling again.
        let gateway = gateway().start().await;
        gateway.spoil_every_forward(code(number));
        let request_id = format!("error-{number}");
        let found = level(&request_id, gateway.forward(&request_id)).await;
        assert_eq!(found, (problem.to_owned(), "ERROR".to_owned()));
    }
    let fault = every_token(code(10014));
    let gateway = gateway_harness::gateway().fault(fault).cold().start().await;
    let found = level("error-token", gateway.forward("oc_1")).await;
    assert_eq!(found, ("credentials_rejected".to_owned(), "ERROR".to_owned()));
}

#[actix_web::test]
async fn what_may_pass_is_a_warning() {
    capture();
    let gateway = gateway().one_attempt().start().await;
    let warning = |problem: &str| (problem.to_owned(), "WARN".to_owned());
    for (request_id, problem, kind) in [
        ("warn-1", "feishu_unreadable", FaultKind::Cut),
        ("warn-2", "feishu_unreadable", foreign(502, "text/html", "<html>")),
        ("warn-3", "feishu_internal_error", code(2200)),
        ("warn-4", "feishu_error", code(-7)),
    ] {
        gateway.spoil_forward(kind);
        assert_eq!(level(request_id, gateway.forward(request_id)).await, warning(problem));
    }
    let fault = every_token(FaultKind::Cut);
    let gateway = gateway_harness::gateway().one_attempt().fault(fault).cold().start().await;
    let found = level("warn-5", gateway.forward("oc_1")).await;
    assert_eq!(found, warning("feishu_unreachable"));
    let gateway = gateway_harness::gateway();
    let gateway = gateway.set("keys.tester.allow_receivers", "oc_2").start().await;
    let found = level("warn-6", gateway.forward("oc_1")).await;
    assert_eq!(found, warning("receiver_not_allowed"));
    let gateway = gateway_harness::gateway().set("keys.tester.per_month", "1").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let found = level("warn-7", gateway.forward("oc_1")).await;
    assert_eq!(found, warning("caller_quota_exhausted"));
    let gateway = gateway_harness::gateway().start().await;
    let request = gateway.call("GET", "/v1/broadcasts").header("x-request-id", "warn-8");
    assert_eq!(Answer::of(request).await.status, 501);
    let line = answered("warn-8");
    assert_eq!(
        (&line["problem"], &line["level"]),
        (&"broadcasts_not_configured".into(), &"WARN".into())
    );
}

#[actix_web::test]
async fn the_log_says_why_a_key_was_refused_and_whose_it_was() {
    capture();
    let (expired, disabled) = (ApiKey::generate(), ApiKey::generate());
    let gateway = gateway().refused_keys(&expired, &disabled).start().await;
    for (request_id, key, words) in [
        ("why-1", expired.expose(), ["outdated", "expired"]),
        ("why-2", disabled.expose(), ["switched_off", "disabled"]),
        ("why-3", "a password", ["key", "unknown"]),
        ("why-4", "ffg_wrong", ["key", "damaged"]),
        ("why-5", "t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234", ["key", "Feishu"]),
    ] {
        let forward = gateway.forward("oc_1").header("x-api-key", key);
        let answer = forward.header("x-request-id", request_id).send().await;
        answer.problem(401, "unauthorized", "not_delivered");
        assert!(!answer.text().contains("outdated") && !answer.text().contains("switched_off"));
        let line = answered(request_id);
        assert_eq!(line["peer"], "127.0.0.1");
        let reason = line["reason"].as_str().unwrap().to_owned();
        for word in words {
            assert!(reason.contains(word), "{reason}");
        }
    }
}

#[actix_web::test]
async fn one_who_hangs_up_has_a_line_too() {
    capture();
    let gateway = gateway().start().await;
    gateway.spoil_forward(FaultKind::Silence);
    let forward = gateway.forward("oc_1").header("x-request-id", "hung-up").spawn();
    gateway.forwards_reach(1).await;
    gateway.sleeps_until(Duration::from_secs(5)).await;
    forward.abort();
    eventually(|| !lines_of("hung-up").iter().all(|line| line["message"] != "the caller hung up"))
        .await;
}

#[actix_web::test]
async fn a_drain_is_told_from_its_beginning_to_its_end() {
    capture();
    // A turn takes longer than the drain.
    let setup = gateway().set("limits.receiver_per_second", "1").set("limits.guard", "10m");
    let setup = setup.set("limits.max_wait", "1h").set("feishu.deadline", "1h");
    let mut gateway = setup.set("server.drain_timeout", "1m").start().await;
    gateway.forward("oc_drain").send().await.message_id();
    let waiting = gateway.forward("oc_drain").header("x-request-id", "drained").spawn();
    gateway.so_many_wait(1).await;
    gateway.process.stop();
    gateway.sleeps_until(Duration::from_mins(1)).await;
    gateway.advance(Duration::from_mins(1));
    all(vec![waiting]).await[0].problem(503, "draining", "not_delivered");
    assert_eq!(answered("drained")["level"], "WARN");
    gateway.process.ended().await;
    for message in ["\"draining\"", "the drain time is over", "\"stopped\""] {
        assert!(lines().iter().any(|line| line.contains(message)), "{message}");
    }
}
