//! The tenant token: one call however many need it, renewed in the background, stale while valid.

use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind};

use gateway_harness::{Gateway, all, code, every_token, foreign, gateway};

const SECOND: Duration = Duration::from_secs(1);
/// When 30 minutes are left of two hours.
const RENEWAL: Duration = Duration::from_mins(90);
const EXPIRY: Duration = Duration::from_hours(2);
/// What the manual clock shows at first, in Unix seconds.
const START: u64 = 1_767_225_600;

#[actix_web::test]
async fn fifty_cold_forwards_at_once_make_one_token_call() {
    let held = Fault { api: Some(Api::TenantAccessToken), ..Fault::once(FaultKind::Held) };
    let gateway = gateway().no_app_limits().fault(held).cold().start().await;
    let forwards = (0..50).map(|number| gateway.forward(&format!("ou_{number}")).spawn()).collect();
    gateway.in_flight_are(50).await;
    gateway.simulator.clear_faults();
    for answer in all(forwards).await {
        answer.message_id();
    }
    assert_eq!(gateway.token_calls().len(), 1);
    assert_eq!(gateway.forwards().len(), 50);
}

#[actix_web::test]
async fn each_app_has_a_token_of_its_own() {
    let gateway = gateway().app("second", "secret-of-second").start().await;
    let mut apps: Vec<_> =
        gateway.token_calls().into_iter().filter_map(|call| call.app_id).collect();
    apps.sort_unstable();
    assert_eq!(apps, ["cli_main", "cli_second"]);
}

/// Sends a forward that must succeed, and returns the token that it was sent with.
async fn forward(gateway: &Gateway) -> String {
    gateway.forward("oc_1").send().await.message_id();
    gateway.token_of_last_forward()
}

#[actix_web::test]
async fn a_token_is_renewed_in_the_background_when_thirty_minutes_are_left() {
    let gateway = gateway().start().await;
    let first = forward(&gateway).await;
    gateway.advance_to_just_before(RENEWAL);
    assert_eq!(forward(&gateway).await, first);
    assert_eq!(gateway.token_calls().len(), 1);

    // At 30 minutes Feishu still hands out the same token, with less it hands out a new one.
    gateway.advance_to(RENEWAL);
    gateway.sleeps_until(RENEWAL + SECOND).await;
    assert_eq!(gateway.token_calls().len(), 2);
    gateway.advance(SECOND);
    gateway.sleeps_until(RENEWAL + SECOND + RENEWAL).await;
    assert_eq!(gateway.token_calls().len(), 3);
    assert_ne!(forward(&gateway).await, first);
    assert_eq!(gateway.token_calls().len(), 3);
}

#[actix_web::test]
async fn forwards_go_on_with_the_old_token_while_the_new_one_is_fetched() {
    let gateway = gateway().start().await;
    let first = forward(&gateway).await;
    gateway.spoil_every_token(FaultKind::Silence);
    gateway.advance_to(RENEWAL);
    gateway.token_calls_reach(2).await;
    assert_eq!(forward(&gateway).await, first);
}

#[actix_web::test]
async fn a_failed_renewal_keeps_the_old_token_and_is_tried_again_after_growing_pauses() {
    let gateway = gateway().start().await;
    let first = forward(&gateway).await;
    gateway.spoil_every_token(code(10014));
    gateway.advance_to(RENEWAL);
    let mut next = RENEWAL;
    for (number, pause) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        next += SECOND * pause;
        gateway.sleeps_until(next).await;
        assert_eq!(gateway.token_calls().len(), 2 + number);
        assert_eq!(forward(&gateway).await, first);
        assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 200);
        gateway.advance_to(next);
    }
    gateway.sleeps_until(next + SECOND * 60).await;
    gateway.simulator.clear_faults();
    gateway.advance_to(next + SECOND * 60);
    gateway.sleeps_until(next + SECOND * 60 + RENEWAL).await;
    assert_ne!(forward(&gateway).await, first);
}

#[actix_web::test]
async fn an_expired_token_is_not_used_and_the_gateway_says_why_there_is_no_other() {
    let gateway = gateway().start().await;
    forward(&gateway).await;
    gateway.spoil_every_token(code(10014));
    gateway.advance_to(RENEWAL);
    gateway.sleeps_until(RENEWAL + SECOND).await;
    gateway.advance_to_just_before(EXPIRY);
    forward(&gateway).await;
    gateway.advance_to(EXPIRY);
    let answer = gateway.forward("oc_1").send().await;
    answer.problem(502, "credentials_rejected", "not_delivered");
    assert_eq!(gateway.forwards().len(), 2);
    let ready = gateway.ask_admin("GET", "/readyz").await;
    assert_eq!(ready.status, 200, "other apps may have theirs");
    let warning = ready.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("main") && warning.contains("10014"), "{warning}");

    // When Feishu takes the credentials again, a forward fetches a token itself.
    gateway.simulator.clear_faults();
    gateway.advance(SECOND);
    forward(&gateway).await;
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.text(), "{\"status\":\"ready\"}");
}

#[actix_web::test]
async fn a_revoked_token_is_replaced_and_the_forward_tried_once_more() {
    let gateway = gateway().start().await;
    let first = forward(&gateway).await;
    gateway.simulator.revoke_tokens();
    assert_ne!(forward(&gateway).await, first);
    assert_eq!(gateway.token_calls().len(), 2);
    let attempts = gateway.forwards();
    let codes: Vec<_> = attempts.iter().filter_map(|attempt| attempt.code).collect();
    assert_eq!(codes, [0, 99991663, 0]);
    assert_eq!(attempts[1].uuid, attempts[2].uuid, "both attempts are one message");
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn a_revoked_token_is_dropped_once_however_many_see_it_rejected() {
    let gateway = gateway().no_app_limits().start().await;
    gateway.simulator.revoke_tokens();
    let forwards = (0..20).map(|number| gateway.forward(&format!("ou_{number}")).spawn()).collect();
    for answer in all(forwards).await {
        answer.message_id();
    }
    assert_eq!(gateway.token_calls().len(), 2);
    assert_eq!(gateway.deliveries().len(), 20);
}

#[actix_web::test]
async fn a_token_that_is_rejected_again_is_answered_after_exactly_two_attempts() {
    let gateway = gateway().start().await;
    gateway.spoil_every_forward(code(99991663));
    let answer = gateway.forward("oc_1").send().await;
    let problem = answer.problem(502, "credentials_rejected", "not_delivered");
    assert_eq!(problem["feishu"]["code"], 99991663);
    let attempts = gateway.forwards();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].uuid, attempts[1].uuid);
    assert_eq!(gateway.token_calls().len(), 2);
    assert_eq!(gateway.deliveries(), []);
}

#[actix_web::test]
async fn a_wrong_secret_is_the_operators_problem_and_keeps_the_gateway_from_being_ready() {
    let gateway = gateway().set("apps.main.app_secret", "a-wrong-one").cold().start().await;
    let answer = gateway.forward("oc_1").send().await;
    let problem = answer.problem(502, "credentials_rejected", "not_delivered");
    assert_eq!(problem["feishu"]["code"], 10014);
    assert_eq!(problem["feishu"]["http_status"], 200);
    assert_eq!(problem["fix_by"], "operator");
    assert_eq!(gateway.forwards(), []);
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 503);
}

#[actix_web::test]
async fn a_token_api_that_fails_is_unreachable_and_nothing_is_sent() {
    let json = "application/json";
    let faults = [
        FaultKind::Cut,
        FaultKind::CutInBody,
        foreign(502, "text/html", "<html>Bad Gateway</html>"),
        foreign(200, json, "{}"),
        foreign(200, json, "{\"code\":0}"),
        foreign(200, json, "{\"code\":0,\"tenant_access_token\":\"t-1\"}"),
        foreign(200, json, "{\"code\":0,\"tenant_access_token\":\"t-\\n1\",\"expire\":7200}"),
    ];
    for kind in faults {
        let gateway = gateway().one_attempt().fault(every_token(kind.clone())).cold().start().await;
        let answer = gateway.forward("oc_1").send().await;
        let problem = answer.problem(502, "feishu_unreachable", "not_delivered");
        assert_eq!(problem["retryable"], true, "{kind:?}");
        assert_eq!(gateway.forwards(), [], "{kind:?}");
        assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 503);
    }
}

#[actix_web::test]
async fn a_silent_token_api_is_unreachable_after_one_attempts_time() {
    let gateway =
        gateway().one_attempt().fault(every_token(FaultKind::Silence)).cold().start().await;
    let forward = gateway.forward("oc_1").spawn();
    gateway.token_calls_reach(1).await;
    // The forward's deadline: it waits for the call that is under way.
    gateway.sleeps_until(SECOND * 15).await;
    gateway.sleeps_until(SECOND * 5).await;
    gateway.advance(SECOND * 5);
    all(vec![forward]).await[0].problem(502, "feishu_unreachable", "not_delivered");
    assert_eq!(gateway.token_calls().len(), 1);
}

#[actix_web::test]
async fn the_metrics_tell_when_the_token_expires() {
    let gateway = gateway().start().await;
    let name = "feishu_gateway_tenant_token_expiry_timestamp_seconds";
    let expires = async || gateway.metrics().await.count(name, &[("app", "main")]);
    assert_eq!(expires().await, START + 7200);
    gateway.advance_to(RENEWAL);
    gateway.sleeps_until(RENEWAL + SECOND).await;
    gateway.advance(SECOND);
    gateway.sleeps_until(RENEWAL + SECOND + RENEWAL).await;
    assert_eq!(expires().await, START + 5401 + 7200);
}

#[actix_web::test]
async fn the_metrics_count_token_calls_by_result() {
    let gateway = gateway().start().await;
    gateway.spoil_every_token(code(10014));
    gateway.advance_to(RENEWAL);
    gateway.sleeps_until(RENEWAL + SECOND).await;
    let metrics = gateway.metrics().await;
    for (code, times) in [("0", 1), ("10014", 1), ("timeout", 0)] {
        let labels = [("app", "main"), ("api", "tenant_access_token"), ("code", code)];
        let name = "feishu_gateway_upstream_requests_total";
        assert_eq!(metrics.count(name, &labels), times, "{code}");
    }
}

#[actix_web::test]
async fn a_forward_that_is_tried_again_is_counted_as_a_retry() {
    let gateway = gateway().start().await;
    gateway.simulator.revoke_tokens();
    forward(&gateway).await;
    let labels = [("reason", "token_rejected")];
    let retries = gateway.metrics().await.count("feishu_gateway_upstream_retries_total", &labels);
    assert_eq!(retries, 1);
}
