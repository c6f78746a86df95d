//! The control API.

use feishu_simulator::{Fault, FaultKind, Ledger, Phase, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::feishu::{Feishu, Reply, reply};

pub(crate) async fn call(feishu: &Feishu, method: Method, path: &str, body: &str) -> Reply {
    reply(feishu.request(method, &format!("/_simulator{path}")).body(body.to_owned())).await
}

#[tokio::test]
async fn the_index_lists_every_route_and_each_exists() {
    let feishu = Feishu::start().await;
    for root in ["", "/"] {
        assert_eq!(call(&feishu, Method::GET, root, "").await.status, 200);
    }
    let index = call(&feishu, Method::GET, "/", "").await.json();
    let routes = index["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 23);
    for route in routes {
        let method = Method::from_bytes(route["method"].as_str().unwrap().as_bytes()).unwrap();
        let answer = reply(feishu.request(method, route["path"].as_str().unwrap())).await;
        assert!([200, 400].contains(&answer.status), "{route}");
    }
}

#[tokio::test]
async fn the_ledger_can_be_read_and_cleared_and_holds_no_control_calls() {
    let feishu = Feishu::start().await;
    feishu.forward("oc_1").await;
    let ledger: Ledger =
        serde_json::from_str(&call(&feishu, Method::GET, "/ledger", "").await.text).unwrap();
    assert_eq!(ledger, feishu.simulator.ledger());
    assert_eq!(ledger.attempts.len(), 2);
    call(&feishu, Method::DELETE, "/ledger/", "").await;
    assert_eq!(feishu.simulator.ledger(), Ledger::default());
}

#[tokio::test]
async fn every_kind_of_fault_can_be_added_as_json_and_read_back() {
    let feishu = Feishu::start().await;
    let kinds = [
        json!({"latency": {"ms": 5}}),
        json!({"code": {"code": 230_002, "status": 200, "msg": "no", "reset": 3}}),
        json!({"status": {"status": 502, "body": "bad", "content_type": "text/plain"}}),
        json!("cut"),
        json!("cut_in_body"),
        json!("reset"),
        json!("reset_in_body"),
        json!("garbage"),
        json!("silence"),
        json!({"slow_drip": {"ms_per_byte": 2}}),
    ];
    let apis = ["forward", "merge_forward", "thread_forward"];
    for (kind, api) in kinds.iter().zip(apis.iter().cycle()) {
        let fault = json!({"api": api, "receive_id": "oc_1", "times": null, "kind": kind, "phase": "after_commit"});
        assert_eq!(
            call(&feishu, Method::POST, "/faults", &fault.to_string()).await.status,
            200,
            "{kind}"
        );
    }
    let faults = call(&feishu, Method::GET, "/faults", "").await.json();
    assert_eq!(
        faults.as_array().unwrap().iter().map(|fault| &fault["kind"]).collect::<Vec<_>>(),
        kinds.iter().collect::<Vec<_>>()
    );
    call(&feishu, Method::DELETE, "/faults", "").await;
    assert_eq!(call(&feishu, Method::GET, "/faults", "").await.json(), json!([]));
}

#[tokio::test]
async fn a_fault_needs_only_its_kind() {
    let feishu = Feishu::start().await;
    call(&feishu, Method::POST, "/faults", r#"{"kind": {"code": {"code": 230002}}}"#).await;
    let faults: Vec<Fault> =
        serde_json::from_str(&call(&feishu, Method::GET, "/faults", "").await.text).unwrap();
    let kind = FaultKind::Code { code: 230_002, status: None, msg: None, reset: None };
    assert_eq!(
        faults,
        [Fault {
            api: None,
            receive_id: None,
            reused: false,
            times: Some(1),
            kind,
            phase: Phase::BeforeCommit
        }]
    );
}

#[tokio::test]
async fn settings_can_be_read_and_changed_one_by_one() {
    let feishu = Feishu::start().await;
    let before = call(&feishu, Method::GET, "/settings", "").await;
    assert_eq!(serde_json::from_str::<Settings>(&before.text).unwrap(), Settings::default());
    let changes =
        r#"{"token_lifetime_seconds": 60, "duplicate": "in_progress", "receiver_per_second": 1}"#;
    let mut expected = before.json();
    expected["token_lifetime_seconds"] = json!(60);
    expected["duplicate"] = json!("in_progress");
    expected["receiver_per_second"] = json!(1);
    assert_eq!(call(&feishu, Method::PATCH, "/settings", changes).await.json(), expected);
    feishu.forward("oc_1").await;
    assert_eq!(feishu.forward("oc_1").await.code(), 230_020);
}

#[tokio::test]
async fn tokens_can_be_revoked_and_the_clock_moved() {
    let feishu = Feishu::start().await;
    let (first, _) = feishu.token().await;
    call(&feishu, Method::POST, "/revoke", "").await;
    let (second, _) = feishu.token().await;
    assert_ne!(first, second);
    let clock = call(&feishu, Method::POST, "/clock", r#"{"advance_ms": 1000}"#).await;
    assert_eq!(clock.json(), json!({"now_ms": 1000}));
    assert_eq!(call(&feishu, Method::GET, "/clock", "").await.json(), json!({"now_ms": 1000}));
    assert_eq!(feishu.token().await, (second, 7199));
}

#[tokio::test]
async fn the_clock_can_be_moved_by_any_duration() {
    let feishu = Feishu::start().await;
    for _ in 0..2 {
        let body = json!({"advance_ms": u64::MAX}).to_string();
        assert_eq!(call(&feishu, Method::POST, "/clock", &body).await.status, 200);
        assert_eq!(feishu.forward("oc_1").await.code(), 0);
    }
}

#[tokio::test]
async fn a_reset_restores_everything_except_the_time() {
    let first = Settings { receiver_per_second: 2, ..Settings::default() };
    let feishu = Feishu::start_with(first.clone()).await;
    let (token, _) = feishu.token().await;
    feishu.pass(std::time::Duration::from_secs(1));
    let original = feishu.forward_once("oc_1", "u").await.message_id();
    feishu.forward("oc_1").await;
    feishu.simulator.change_settings(|settings| settings.receiver_per_second = 9);
    feishu.simulator.add_fault(Fault::once(FaultKind::Cut));
    call(&feishu, Method::POST, "/messages", r#"{"message_id": "om_1", "chat_id": "oc_1"}"#).await;

    assert_eq!(call(&feishu, Method::POST, "/reset", "").await.json(), json!({"ok": true}));
    assert_eq!(feishu.simulator.ledger(), Ledger::default());
    assert_eq!(call(&feishu, Method::GET, "/messages", "").await.json(), json!([]));
    assert_eq!(call(&feishu, Method::GET, "/settings", "").await.json(), json!(first));
    assert_ne!(feishu.token().await.0, token);
    assert_ne!(feishu.forward_once("oc_1", "u").await.message_id(), original);
    assert_eq!(feishu.forward("oc_1").await.code(), 0, "no limit remembers what was before");
    assert_eq!(call(&feishu, Method::GET, "/clock", "").await.json(), json!({"now_ms": 1000}));
}

/// The JSON of a fault with the phase `before_request` and these members.
fn connection_fault(members: &str) -> String {
    format!(r#"{{"phase": "before_request", {members}}}"#)
}

#[tokio::test]
async fn a_fault_before_the_request_can_be_added_as_json() {
    let feishu = Feishu::start().await;
    for kind in ["cut", "reset", "garbage", "silence"] {
        let fault = connection_fault(&format!(r#""kind": "{kind}", "times": 2"#));
        assert_eq!(call(&feishu, Method::POST, "/faults", &fault).await.status, 200, "{kind}");
    }
    assert_eq!(feishu.simulator.faults().len(), 4);
}

#[tokio::test]
async fn the_error_for_an_invalid_body_names_the_field_and_nothing_changes() {
    let feishu = Feishu::start().await;
    let before = call(&feishu, Method::GET, "/settings", "").await.text;
    for (method, path, body, field) in [
        (Method::POST, "/faults", "{", "."),
        (Method::POST, "/faults", r#"{"kind": "cut"} more"#, "."),
        (Method::POST, "/faults", r#"{"kind": "cut", "tmes": 3}"#, "tmes"),
        (Method::POST, "/faults", r#"{"kind": "cut", "times": "3"}"#, "times"),
        (Method::POST, "/faults", r#"{"kind": "cut", "times": 0}"#, "times"),
        (Method::POST, "/faults", r#"{"kind": "cut", "phase": "before"}"#, "phase"),
        (Method::POST, "/faults", r#"{"kind": {"latency": {"ms": "x"}}}"#, "kind.latency.ms"),
        (Method::POST, "/faults", r#"{"kind": {"status": {"status": 99}}}"#, "kind.status"),
        (Method::POST, "/faults", &connection_fault(r#""kind": {"latency": {"ms": 1}}"#), "kind"),
        (Method::POST, "/faults", &connection_fault(r#""kind": "cut_in_body""#), "kind"),
        (Method::POST, "/faults", &connection_fault(r#""kind": "cut", "api": "forward""#), "api"),
        (
            Method::POST,
            "/faults",
            &connection_fault(r#""kind": "cut", "receive_id": "oc_1""#),
            "receive_id",
        ),
        (Method::POST, "/faults", &connection_fault(r#""kind": "cut", "times": null"#), "times"),
        (Method::POST, "/faults", r#"{"kind": "cut", "api": "merge"}"#, "api"),
        (Method::POST, "/refuse", r#"{"ms": -1}"#, "ms"),
        (Method::PATCH, "/settings", r#"{"receiver_per_sec": 3}"#, "receiver_per_sec"),
        (Method::PATCH, "/settings", r#"{"receiver_per_second": -1}"#, "receiver_per_second"),
        (Method::PATCH, "/settings", r#"{"duplicate": "none"}"#, "duplicate"),
        (Method::PATCH, "/settings", r#"{"app_limit_status": 7}"#, "app_limit_status"),
        (Method::PATCH, "/settings", r#"{"shared_uuids": 1}"#, "shared_uuids"),
        (
            Method::PATCH,
            "/settings",
            r#"{"thread_time_in_seconds": "no"}"#,
            "thread_time_in_seconds",
        ),
        (Method::POST, "/clock", r#"{"advance_ms": -1}"#, "advance_ms"),
        (Method::POST, "/clock", "{}", "."),
    ] {
        let answer = call(&feishu, method, path, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["field"], json!(field), "{}", answer.text);
        assert!(answer.json()["error"].as_str().unwrap().len() > field.len() + 2);
    }
    assert_eq!(call(&feishu, Method::GET, "/faults", "").await.json(), json!([]));
    assert_eq!(call(&feishu, Method::GET, "/settings", "").await.text, before);
}

#[tokio::test]
async fn the_error_for_an_unknown_path_or_method_lists_what_exists() {
    let feishu = Feishu::start().await;
    let unknown = call(&feishu, Method::GET, "/fault", "").await;
    assert_eq!(
        (unknown.status, error(&unknown)),
        (404, "/_simulator/fault does not exist; GET /_simulator/ lists all routes".to_owned())
    );
    let wrong = call(&feishu, Method::PUT, "/faults", "").await;
    assert_eq!(
        (wrong.status, error(&wrong)),
        (405, "/_simulator/faults accepts GET, POST, DELETE, not PUT".to_owned())
    );
}

fn error(reply: &Reply) -> String {
    let Value::String(error) = reply.json()["error"].clone() else {
        unreachable!("an error is a string")
    };
    error
}
