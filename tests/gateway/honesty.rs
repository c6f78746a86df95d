//! What Feishu and the way to it can do wrong, and whether the gateway says honestly what became of the
//! message: its answer is compared with what Feishu delivered.

use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Phase};

use gateway_harness::{Gateway, all, code_with_status, foreign, gateway, guarded};

/// Answers that leave it open what became of the message: a name, what goes wrong, and whether the message was
/// delivered before.
fn unreadable() -> [(&'static str, FaultKind, Phase); 20] {
    let html = "<html><h1>502 Bad Gateway</h1></html>";
    let json = "application/json";
    let success_in_a_list = "[0,null,{\"message_id\":\"om_new\"},null,null]";
    let refusal_in_a_list = "[230002,null,null,null,null]";
    let large = format!(
        "{{\"code\":0,\"data\":{{\"message_id\":\"om_new\",\"fill\":\"{}\"}}}}",
        "x".repeat(1 << 20)
    );
    [
        ("cut before", FaultKind::Cut, Phase::BeforeCommit),
        ("cut after", FaultKind::Cut, Phase::AfterCommit),
        ("half a body, before", FaultKind::CutInBody, Phase::BeforeCommit),
        ("half a body, after", FaultKind::CutInBody, Phase::AfterCommit),
        ("HTML 502, before", foreign(502, "text/html", html), Phase::BeforeCommit),
        ("HTML 502, after", foreign(502, "text/html", html), Phase::AfterCommit),
        ("HTML 200", foreign(200, "text/html", html), Phase::BeforeCommit),
        ("HTML 404", foreign(404, "text/html", html), Phase::BeforeCommit),
        ("a redirect", foreign(302, "text/html", html), Phase::BeforeCommit),
        ("an empty body", foreign(200, json, ""), Phase::AfterCommit),
        ("JSON without a code", foreign(504, json, "{\"msg\":\"x\"}"), Phase::AfterCommit),
        ("a code that is text", foreign(200, json, "{\"code\":\"0\"}"), Phase::AfterCommit),
        ("no object", foreign(200, json, "[0]"), Phase::AfterCommit),
        ("a success in a list", foreign(200, json, success_in_a_list), Phase::BeforeCommit),
        ("a refusal in a list", foreign(400, json, refusal_in_a_list), Phase::AfterCommit),
        ("success without data", foreign(200, json, "{\"code\":0}"), Phase::AfterCommit),
        ("data that is null", foreign(200, json, "{\"code\":0,\"data\":null}"), Phase::AfterCommit),
        ("data that is a list", foreign(200, json, "{\"code\":0,\"data\":[]}"), Phase::AfterCommit),
        ("data without an id", foreign(200, json, "{\"code\":0,\"data\":{}}"), Phase::AfterCommit),
        ("more than 1 MiB", foreign(200, json, large), Phase::AfterCommit),
    ]
}

fn spoil(gateway: &Gateway, kind: FaultKind, phase: Phase) {
    let fault = Fault { api: Some(Api::Forward), phase, ..Fault::once(kind) };
    gateway.simulator.add_fault(fault);
}

#[actix_web::test]
async fn what_cannot_be_read_is_unknown_and_is_not_tried_again_behind_the_callers_back() {
    let gateway = gateway().one_attempt().start().await;
    for (number, (name, kind, phase)) in unreadable().into_iter().enumerate() {
        gateway.simulator.clear_ledger();
        spoil(&gateway, kind, phase);
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        let problem = answer.problem(502, "feishu_unreadable", "unknown");
        assert_eq!(problem["retryable"], true, "{name}");
        assert!(problem.get("feishu").is_none(), "{name}: {problem:#}");
        assert_eq!(problem["uuid"].as_str(), gateway.forwards()[0].uuid.as_deref(), "{name}");
        assert_eq!(gateway.forwards().len(), 1, "{name}");
        let delivered = usize::from(phase == Phase::AfterCommit);
        assert_eq!(gateway.deliveries().len(), delivered, "{name}");
    }
}

#[actix_web::test]
async fn repeating_an_unknown_one_with_its_uuid_delivers_once() {
    let gateway = gateway().one_attempt().start().await;
    for (number, (name, kind, phase)) in unreadable().into_iter().enumerate() {
        gateway.simulator.clear_ledger();
        spoil(&gateway, kind, phase);
        let receiver = format!("ou_{number}");
        let answer = gateway.forward(&receiver).send().await;
        let problem = answer.problem(502, "feishu_unreadable", "unknown");
        let query = format!("uuid={}", problem["uuid"].as_str().unwrap());
        let message_id = gateway.forward(&receiver).query(&query).send().await.message_id();
        let deliveries = gateway.deliveries();
        assert_eq!(deliveries.len(), 1, "{name}");
        assert_eq!(deliveries[0].new_message_id, message_id, "{name}");
        // The app's limit would let no more through at this moment.
        gateway.advance(Duration::from_secs(1));
    }
}

#[actix_web::test]
async fn a_refusal_after_an_unreadable_answer_has_the_log_id_of_its_own_attempt() {
    let gateway = gateway().one_attempt().start().await;
    spoil(&gateway, FaultKind::CutInBody, Phase::AfterCommit);
    gateway.forward("oc_1").send().await.problem(502, "feishu_unreadable", "unknown");
    spoil(&gateway, code_with_status(230002, 400), Phase::BeforeCommit);
    let answer = gateway.forward("oc_1").send().await;
    answer.problem(403, "bot_not_in_chat", "not_delivered");
    let log_id = gateway.forwards().pop().unwrap().log_id.expect("Feishu gives one");
    assert_eq!(answer.header("x-feishu-log-id"), Some(&*log_id));
}

async fn times_out_after_five_seconds(kind: FaultKind, phase: Phase, delivered: usize) {
    let gateway = gateway().one_attempt().start().await;
    spoil(&gateway, kind, phase);
    let forward = gateway.forward("oc_1").query("uuid=mine").spawn();
    gateway.forwards_reach(1).await;
    gateway.sleeps_until(Duration::from_secs(5)).await;
    gateway.advance_to_just_before(Duration::from_secs(5));
    gateway.sleeps_until(Duration::from_secs(5)).await;
    assert!(!forward.is_finished());
    gateway.advance(Duration::from_nanos(1));
    let answer = all(vec![forward]).await.remove(0);
    let problem = answer.problem(504, "feishu_timeout", "unknown");
    assert_eq!((&problem["uuid"], &problem["retryable"]), (&"mine".into(), &true.into()));
    assert_eq!(gateway.deliveries().len(), delivered);
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn silence_before_the_message_went_out_is_a_time_out() {
    times_out_after_five_seconds(FaultKind::Silence, Phase::BeforeCommit, 0).await;
}

#[actix_web::test]
async fn silence_after_the_message_went_out_is_a_time_out() {
    times_out_after_five_seconds(FaultKind::Silence, Phase::AfterCommit, 1).await;
}

#[actix_web::test]
async fn an_answer_that_drips_too_slowly_is_a_time_out() {
    let drip = FaultKind::SlowDrip { ms_per_byte: 600_000 };
    times_out_after_five_seconds(drip, Phase::AfterCommit, 1).await;
}

#[actix_web::test]
async fn an_answer_that_drips_fast_enough_is_read() {
    let gateway = gateway().one_attempt().start().await;
    spoil(&gateway, FaultKind::SlowDrip { ms_per_byte: 0 }, Phase::AfterCommit);
    let message_id = gateway.forward("oc_1").send().await.message_id();
    assert_eq!(gateway.deliveries()[0].new_message_id, message_id);
}

#[actix_web::test]
async fn an_attempt_ends_with_the_deadline_of_the_whole_forward() {
    let gateway = gateway()
        .one_attempt()
        .set("feishu.deadline", "5s")
        .set("limits.receiver_per_second", "1")
        .start()
        .await;
    gateway.forward("oc_1").send().await.message_id();
    spoil(&gateway, FaultKind::Silence, Phase::BeforeCommit);
    let waiting = gateway.forward("oc_1").spawn();
    gateway.sleeps_until(Duration::from_millis(1050)).await;
    gateway.advance_to(Duration::from_millis(1050));
    gateway.forwards_reach(2).await;
    gateway.sleeps_until(Duration::from_secs(5)).await;
    gateway.advance_to(Duration::from_secs(5));
    all(vec![waiting]).await[0].problem(504, "feishu_timeout", "unknown");
}

#[actix_web::test]
async fn a_refused_connection_is_not_delivered() {
    let gateway = gateway().one_attempt().start().await;
    // Each cut takes a connection out of the pool, so that the next forward needs a new one.
    for number in 0..5 {
        spoil(&gateway, FaultKind::Cut, Phase::BeforeCommit);
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        answer.problem(502, "feishu_unreadable", "unknown");
    }
    gateway.simulator.refuse_connections().await;
    let answer = gateway.forward("oc_1").send().await;
    let problem = answer.problem(502, "feishu_unreachable", "not_delivered");
    assert_eq!(problem["retryable"], true);
    assert!(problem["uuid"].is_string());
    assert_eq!(gateway.forwards().len(), 5);
}

/// A gateway that never reaches Feishu says so, and that nothing was sent.
async fn is_unreachable(base_url: fn(&str) -> String) {
    let gateway = gateway().one_attempt().look_for_feishu_at(base_url).start().await;
    let answer = gateway.forward("oc_1").send().await;
    let problem = answer.problem(502, "feishu_unreachable", "not_delivered");
    assert_eq!(problem["fix_by"], "operator");
    assert_eq!(problem["retryable"], true);
    assert!(problem.get("feishu").is_none());
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn a_port_that_nobody_listens_on_is_unreachable() {
    is_unreachable(|_| "http://127.0.0.1:1".to_owned()).await;
}

#[actix_web::test]
async fn a_name_that_does_not_exist_is_unreachable() {
    // A label is at most 63 characters long, so no resolver has to be asked for this one.
    is_unreachable(|_| format!("http://{}.invalid", "x".repeat(64))).await;
}

#[actix_web::test]
async fn tls_that_fails_is_unreachable() {
    is_unreachable(|url| url.replace("http:", "https:")).await;
}

#[actix_web::test]
async fn a_call_that_has_begun_is_finished_and_counted_though_its_caller_hangs_up() {
    let gateway = gateway().one_attempt().start().await;
    gateway.spoil_forward(FaultKind::Held);
    let forward = gateway.forward("oc_1").spawn();
    gateway.forwards_reach(1).await;
    gateway.hang_up(forward).await;
    assert_eq!(gateway.deliveries(), []);
    gateway.simulator.clear_faults();
    let labels = [("api", "forward"), ("code", "0")];
    let counted =
        async || gateway.metrics().await.count("feishu_gateway_upstream_requests_total", &labels);
    guarded(async { while counted().await == 0 {} }).await;
    assert_eq!(gateway.deliveries().len(), 1);
}
