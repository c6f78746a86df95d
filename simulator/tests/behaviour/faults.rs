//! Faults that affect requests.

use std::time::Duration;

use feishu_simulator::{Api, Attempt, Fault, FaultKind, Phase, real_time};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::feishu::{FORWARD, FORWARD_APIS, Feishu, reply};

/// A fault that affects the next forward.
fn forward_fault(kind: FaultKind, phase: Phase) -> Fault {
    Fault { api: Some(Api::Forward), phase, ..Fault::once(kind) }
}

fn code(code: i64) -> FaultKind {
    FaultKind::Code { code, status: None, msg: None, reset: None }
}

/// A forward of `om_1` with the uuid `u`, so that a repeat is not delivered again.
async fn forward(feishu: &Feishu) -> RequestBuilder {
    feishu.authorized(&format!("{FORWARD}&uuid=u"), &json!({"receive_id": "oc_1"})).await
}

/// Sends a forward and closes its connection as soon as the ledger has the forward.
async fn hang_up_after_arrival(feishu: &Feishu, request: RequestBuilder) {
    let sending = tokio::spawn(request.send());
    while feishu.simulator.ledger().of(Api::Forward).count() == 0 {
        tokio::task::yield_now().await;
    }
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
}

fn last(feishu: &Feishu) -> Attempt {
    feishu.simulator.ledger().attempts.pop().unwrap()
}

fn deliveries(feishu: &Feishu) -> usize {
    feishu.simulator.ledger().deliveries.len()
}

#[tokio::test]
async fn with_a_code_the_message_is_delivered_only_after_the_commit() {
    for (phase, delivered) in [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)] {
        let feishu = Feishu::start().await;
        feishu.simulator.add_fault(forward_fault(code(2200), phase));
        assert_eq!(reply(forward(&feishu).await).await.verdict(), (500, 2200));
        assert_eq!(deliveries(&feishu), delivered);
        let attempt = last(&feishu);
        assert_eq!((attempt.status, attempt.code), (Some(500), Some(2200)));
        assert_eq!(attempt.new_message_id.is_some(), delivered == 1);
        assert!(attempt.log_id.is_some());

        assert_eq!(reply(forward(&feishu).await).await.verdict(), (200, 0));
        assert_eq!(deliveries(&feishu), 1);
    }
}

#[tokio::test]
async fn latency_delays_the_normal_answer() {
    for phase in [Phase::BeforeCommit, Phase::AfterCommit] {
        let feishu = Feishu::start().await;
        let request = forward(&feishu).await;
        feishu.simulator.add_fault(forward_fault(FaultKind::Latency { ms: 30 }, phase));
        let passed = real_time();
        assert_eq!(reply(request).await.verdict(), (200, 0));
        assert!(passed() >= Duration::from_millis(30));
        assert_eq!((deliveries(&feishu), last(&feishu).status), (1, Some(200)));
    }
}

#[tokio::test]
async fn during_latency_the_message_is_delivered_only_after_the_commit() {
    for (phase, delivered) in [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)] {
        let feishu = Feishu::start().await;
        let request = forward(&feishu).await;
        feishu.simulator.add_fault(forward_fault(FaultKind::Latency { ms: 3_600_000 }, phase));
        hang_up_after_arrival(&feishu, request).await;
        assert_eq!((deliveries(&feishu), last(&feishu).status), (delivered, None));
    }
}

#[tokio::test]
async fn nothing_is_delivered_if_the_caller_hangs_up_during_latency_before_the_commit() {
    let feishu = Feishu::start().await;
    let (hung_up, patient) = (forward(&feishu).await, forward(&feishu).await);
    for ms in [1000, 1200] {
        feishu.simulator.add_fault(forward_fault(FaultKind::Latency { ms }, Phase::BeforeCommit));
    }
    hang_up_after_arrival(&feishu, hung_up).await;
    assert_eq!(reply(patient).await.code(), 0);
    assert_eq!(deliveries(&feishu), 1);
    assert_eq!(feishu.simulator.ledger().of(Api::Forward).next().unwrap().new_message_id, None);
}

#[tokio::test]
async fn what_is_held_is_answered_once_the_faults_are_cleared() {
    for (phase, delivered) in [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)] {
        let feishu = Feishu::start().await;
        let request = forward(&feishu).await;
        feishu.simulator.add_fault(forward_fault(FaultKind::Held, phase));
        let held = tokio::spawn(reply(request));
        while feishu.simulator.ledger().of(Api::Forward).count() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((deliveries(&feishu), last(&feishu).status), (delivered, None));
        feishu.simulator.clear_faults();
        assert_eq!(held.await.unwrap().verdict(), (200, 0));
        assert_eq!((deliveries(&feishu), last(&feishu).status), (1, Some(200)));
    }
}

#[tokio::test]
async fn any_status_and_body_can_be_answered() {
    for (status, body, content_type, code) in [
        (502, "<html>bad gateway</html>", "text/html", None),
        (504, r#"{"message":"no code"}"#, "application/json", None),
        (200, "not what it says", "application/json", None),
        (504, r#"{"code":2200,"msg":"timeout"}"#, "application/json", Some(2200)),
        (200, "", "application/json", None),
    ] {
        let feishu = Feishu::start().await;
        let kind =
            FaultKind::Status { status, body: body.into(), content_type: content_type.into() };
        feishu.simulator.add_fault(forward_fault(kind, Phase::BeforeCommit));
        let answer = reply(forward(&feishu).await).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, body));
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert!(answer.header("x-tt-logid").is_none());
        let attempt = last(&feishu);
        assert_eq!((attempt.status, attempt.code, attempt.log_id), (Some(status), code, None));
        assert_eq!(deliveries(&feishu), 0);
    }
}

#[tokio::test]
async fn a_cut_leaves_no_answer() {
    for (phase, delivered) in [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)] {
        let feishu = Feishu::start().await;
        let request = forward(&feishu).await;
        feishu.simulator.add_fault(forward_fault(FaultKind::Cut, phase));
        assert!(request.send().await.is_err());
        let attempt = last(&feishu);
        assert_eq!((attempt.status, attempt.code, attempt.log_id), (None, None, None));
        assert_eq!(attempt.new_message_id.is_some(), delivered == 1);
        assert_eq!(deliveries(&feishu), delivered);
    }
}

#[tokio::test]
async fn a_cut_in_the_body_leaves_the_headers_and_half_of_the_body() {
    for (phase, delivered) in [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)] {
        let feishu = Feishu::start().await;
        let request = forward(&feishu).await;
        feishu.simulator.add_fault(forward_fault(FaultKind::CutInBody, phase));
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let whole = response.content_length().unwrap();
        let mut received = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            received += chunk.len() as u64;
        }
        assert_eq!(received, whole / 2);
        let attempt = last(&feishu);
        assert_eq!((attempt.status, attempt.code), (Some(200), None));
        assert_eq!(deliveries(&feishu), delivered);
    }
}

#[tokio::test]
async fn silence_lasts_until_the_caller_hangs_up() {
    for (phase, delivered) in [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)] {
        let feishu = Feishu::start().await;
        let request = forward(&feishu).await;
        feishu.simulator.add_fault(forward_fault(FaultKind::Silence, phase));
        hang_up_after_arrival(&feishu, request).await;
        assert_eq!((deliveries(&feishu), last(&feishu).status), (delivered, None));
    }
}

#[tokio::test]
async fn a_slow_drip_is_the_normal_answer_byte_by_byte() {
    for phase in [Phase::BeforeCommit, Phase::AfterCommit] {
        let feishu = Feishu::start().await;
        let request = forward(&feishu).await;
        feishu.simulator.add_fault(forward_fault(FaultKind::SlowDrip { ms_per_byte: 1 }, phase));
        let passed = real_time();
        let answer = reply(request).await;
        assert_eq!(answer.verdict(), (200, 0));
        assert!(passed() >= Duration::from_millis(answer.text.len() as u64));
        assert_eq!((deliveries(&feishu), last(&feishu).code), (1, Some(0)));
    }
}

#[tokio::test]
async fn a_fault_affects_as_many_requests_as_requested() {
    let feishu = Feishu::start().await;
    feishu
        .simulator
        .add_fault(Fault { times: Some(2), ..forward_fault(code(2200), Phase::BeforeCommit) });
    assert_eq!(three_codes(&feishu).await, [2200, 2200, 0]);
    feishu
        .simulator
        .add_fault(Fault { times: None, ..forward_fault(code(2200), Phase::BeforeCommit) });
    assert_eq!(three_codes(&feishu).await, [2200, 2200, 2200]);
    feishu.simulator.clear_faults();
    assert_eq!(reply(forward(&feishu).await).await.code(), 0);
}

#[tokio::test]
async fn faults_apply_in_the_order_in_which_they_were_added() {
    let feishu = Feishu::start().await;
    for number in [2200, 230_002] {
        feishu.simulator.add_fault(forward_fault(code(number), Phase::BeforeCommit));
    }
    assert_eq!(three_codes(&feishu).await, [2200, 230_002, 0]);
}

#[tokio::test]
async fn a_fault_affects_only_its_api_and_its_receiver() {
    let feishu = Feishu::start().await;
    let receive_id = Some("oc_2".to_owned());
    feishu.simulator.add_fault(Fault { receive_id, ..Fault::once(code(2200)) });
    assert_eq!(feishu.forward("oc_1").await.code(), 0);
    assert_eq!(feishu.forward("oc_2").await.code(), 2200);

    feishu
        .simulator
        .add_fault(Fault { api: Some(Api::TenantAccessToken), ..Fault::once(code(10_014)) });
    feishu.simulator.clear_ledger();
    let request = feishu.request(reqwest::Method::POST, FORWARD);
    assert_eq!(reply(request).await.code(), 99_991_661, "the fault does not affect a forward");
    assert_eq!(feishu.simulator.ledger().of(Api::Forward).count(), 1);
}

#[tokio::test]
async fn a_fault_tells_the_three_forward_apis_apart() {
    let feishu = Feishu::start().await;
    for (chosen, _) in FORWARD_APIS {
        feishu.simulator.add_fault(Fault { api: Some(chosen), ..Fault::once(code(2200)) });
        for (api, path) in FORWARD_APIS.into_iter().filter(|(api, _)| *api != chosen) {
            assert_eq!(feishu.forward_by(path, &format!("oc_{api:?}")).await.code(), 0, "{path}");
        }
        let (_, path) = FORWARD_APIS.into_iter().find(|(api, _)| *api == chosen).unwrap();
        assert_eq!(feishu.forward_by(path, "oc_1").await.code(), 2200, "{path}");
    }
}

#[tokio::test]
async fn a_merge_or_a_thread_is_delivered_only_after_the_commit() {
    for (phase, delivered) in [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)] {
        for (api, path) in FORWARD_APIS {
            let feishu = Feishu::start().await;
            let cut = Fault { api: Some(api), phase, ..Fault::once(FaultKind::Cut) };
            let body = json!({"receive_id": "oc_1", "message_id_list": ["om_1"]});
            let request = feishu.authorized(path, &body).await;
            feishu.simulator.add_fault(cut);
            assert!(request.send().await.is_err());
            assert_eq!(deliveries(&feishu), delivered, "{path}");
            assert_eq!(last(&feishu).new_message_id.is_some(), delivered == 1);
        }
    }
}

#[tokio::test]
async fn a_limit_does_not_count_a_forward_that_a_fault_refuses() {
    let feishu = Feishu::start().await;
    let fault = forward_fault(code(230_020), Phase::BeforeCommit);
    feishu.simulator.add_fault(Fault { times: Some(9), ..fault });
    for _ in 0..9 {
        assert_eq!(feishu.forward("oc_1").await.code(), 230_020);
    }
    for _ in 0..5 {
        assert_eq!(feishu.forward("oc_1").await.code(), 0);
    }
}

#[tokio::test]
async fn after_a_rejected_token_a_token_call_can_return_that_token_again() {
    let feishu = Feishu::start().await;
    let (token, _) = feishu.token().await;
    feishu.simulator.add_fault(forward_fault(code(99_991_663), Phase::BeforeCommit));
    assert_eq!(feishu.forward("oc_1").await.verdict(), (400, 99_991_663));
    assert_eq!(feishu.token().await.0, token);
}

async fn three_codes(feishu: &Feishu) -> [i64; 3] {
    let mut codes = [0; 3];
    for code in &mut codes {
        *code = reply(forward(feishu).await).await.code();
    }
    codes
}
