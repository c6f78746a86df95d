//! One audit line for each forward: its caller, message, receiver and outcome.

use std::time::Duration;

use feishu_forward_gateway::telemetry::audit::{AuditIds, IdForm};
use feishu_simulator::{Api, FaultKind, KnownMessage, MessageState};
use secrecy::SecretString;
use serde_json::Value;

use gateway_harness::log::{capture, lines};
use gateway_harness::{APP_SECRET, Gateway, all, code, eventually, gateway};

fn audit_lines(request_id: &str) -> Vec<Value> {
    // A search for the text first: there are too many lines to parse all of them.
    let lines = lines().into_iter().filter(|line| line.contains(request_id));
    let lines = lines.map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
    lines.filter(|line| line["target"] == "audit" && line["request_id"] == request_id).collect()
}

/// The one line of a request, which may come a little after the answer.
async fn audited(request_id: &str) -> Value {
    eventually(|| !audit_lines(request_id).is_empty()).await;
    let mut lines = audit_lines(request_id);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

fn hashed(id: &str) -> String {
    let ids = AuditIds::new(IdForm::Hashed, &SecretString::from(APP_SECRET));
    ids.show(id).into_owned()
}

#[actix_web::test]
async fn a_line_says_who_sent_what_to_whom_in_hashes() {
    capture();
    let gateway = gateway().start().await;
    let forward = gateway.forward("ou_audited").message("om_audited");
    let answer = forward.header("x-request-id", "audit-hashed").send().await;
    let line = audited("audit-hashed").await;
    let expected = serde_json::json!({
        "level": "INFO", "target": "audit", "message": "forward", "request_id": "audit-hashed",
        "caller": "tester", "app": "main", "outcome": "delivered", "is_replayed": false,
        "api": "forward", "message_id": hashed("om_audited"), "receive_id": hashed("ou_audited"),
        "receive_id_type": "open_id", "new_message_id": hashed(&answer.message_id()),
        "feishu_code": "0", "feishu_log_id": answer.header("x-feishu-log-id").expect("one"),
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(line[name], *value, "{name} in {line:#}");
    }
    assert!(line["timestamp"].is_string());
}

#[actix_web::test]
async fn a_line_has_the_ids_themselves_where_the_operator_wants_them() {
    capture();
    let gateway = gateway().set("log.audit_ids", "plain").start().await;
    let forward = gateway.forward("oc_plain").message("om_plain");
    let answer = forward.header("x-request-id", "audit-plain").send().await;
    let line = audited("audit-plain").await;
    assert_eq!(line["message_id"], "om_plain");
    assert_eq!(line["receive_id"], "oc_plain");
    assert_eq!(line["new_message_id"], answer.message_id());
}

fn recalled(message_id: &str) -> KnownMessage {
    KnownMessage {
        message_id: message_id.to_owned(),
        chat_id: "oc_9".to_owned(),
        thread_id: None,
        upper_message_id: None,
        msg_type: None,
        state: Some(MessageState::Recalled),
    }
}

#[actix_web::test]
async fn the_line_of_a_merge_has_its_messages_and_those_that_were_left_out() {
    capture();
    for (form, show) in [("plain", str::to_owned as fn(&str) -> String), ("hashed", hashed)] {
        let gateway = gateway().set("log.audit_ids", form).start().await;
        assert!(gateway.simulator.add_message(recalled("om_b")));
        assert!(gateway.simulator.add_message(recalled("om_d")));
        let merge = gateway.merge("oc_merged", &["om_d", "om_a", "om_b", "om_c"]);
        let id = format!("audit-merge-{form}");
        let answer = merge.header("x-request-id", &id).send().await;
        let line = audited(&id).await;
        let shown = |ids: &[&str]| ids.iter().map(|id| show(id)).collect::<Vec<_>>().join(" ");
        let expected = serde_json::json!({
            "message": "forward", "api": "merge_forward", "outcome": "delivered", "feishu_code": "0",
            "message_ids": shown(&["om_d", "om_a", "om_b", "om_c"]),
            "invalid_message_ids": shown(&["om_d", "om_b"]),
            "receive_id": show("oc_merged"), "receive_id_type": "chat_id",
            "new_message_id": show(&answer.merged_id()),
        });
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(line[name], *value, "{name} in {line:#}");
        }
        assert_eq!((line.get("message_id"), line.get("thread_id")), (None, None), "{line:#}");
    }
}

#[actix_web::test]
async fn a_merge_that_left_nothing_out_or_failed_names_nothing_that_was() {
    capture();
    let gateway = gateway().one_attempt().set("log.audit_ids", "plain").start().await;
    let merge = |request_id: &str| {
        gateway.merge("oc_1", &["om_1", "om_2"]).header("x-request-id", request_id).send()
    };
    merge("audit-merge-whole").await.merged_id();
    gateway.spoil(Api::MergeForward, code(230067));
    merge("audit-merge-failed").await;
    gateway.spoil(Api::MergeForward, FaultKind::Cut);
    merge("audit-merge-unknown").await;
    for (id, outcome) in
        [("whole", "delivered"), ("failed", "not_delivered"), ("unknown", "unknown")]
    {
        let line = audited(&format!("audit-merge-{id}")).await;
        assert_eq!(
            (&line["outcome"], &line["message_ids"]),
            (&outcome.into(), &"om_1 om_2".into())
        );
        assert_eq!(line.get("invalid_message_ids"), None, "{line:#}");
    }
}

#[actix_web::test]
async fn a_replayed_merge_says_again_what_was_left_out() {
    capture();
    let gateway = gateway().set("log.audit_ids", "plain").start().await;
    assert!(gateway.simulator.add_message(recalled("om_2")));
    for (id, is_replayed) in [("audit-merge-first", false), ("audit-merge-again", true)] {
        let merge = gateway.merge("oc_1", &["om_1", "om_2"]).header("idempotency-key", "k-1");
        merge.header("x-request-id", id).send().await.merged_id();
        let line = audited(id).await;
        assert_eq!(line["is_replayed"], is_replayed);
        assert_eq!(line["invalid_message_ids"], "om_2", "{line:#}");
    }
}

#[actix_web::test]
async fn the_line_of_a_thread_has_the_thread() {
    capture();
    for (form, show) in [("plain", str::to_owned as fn(&str) -> String), ("hashed", hashed)] {
        let gateway = gateway().set("log.audit_ids", form).start().await;
        let id = format!("audit-thread-{form}");
        let forward = gateway.forward_thread("omt_audited", "oc_1").header("x-request-id", &id);
        let answer = forward.send().await;
        let line = audited(&id).await;
        assert_eq!(
            (&line["api"], &line["outcome"]),
            (&"thread_forward".into(), &"delivered".into())
        );
        assert_eq!(line["thread_id"], show("omt_audited"));
        assert_eq!(line["new_message_id"], show(&answer.message_id()));
        for name in ["message_id", "message_ids", "invalid_message_ids"] {
            assert_eq!(line.get(name), None, "{line:#}");
        }
    }
}

async fn outcome(gateway: &Gateway, request_id: &str) -> (Value, Value) {
    let forward = gateway.forward("oc_1").header("x-request-id", request_id);
    gateway.see_through(forward).await;
    let line = audited(request_id).await;
    (line["outcome"].clone(), line["feishu_code"].clone())
}

#[actix_web::test]
async fn a_line_says_what_became_of_the_forward() {
    capture();
    let limited = gateway().one_attempt().set("limits.receiver_per_second", "1");
    let gateway = limited.set("limits.max_wait", "0s").start().await;
    assert_eq!(outcome(&gateway, "audit-1").await, ("delivered".into(), "0".into()));
    assert_eq!(outcome(&gateway, "audit-2").await, ("not_delivered".into(), Value::Null));
    gateway.advance(Duration::from_secs(5));
    gateway.spoil_forward(code(230002));
    assert_eq!(outcome(&gateway, "audit-3").await, ("not_delivered".into(), "230002".into()));
    gateway.advance(Duration::from_secs(5));
    gateway.spoil_forward(FaultKind::Cut);
    assert_eq!(outcome(&gateway, "audit-4").await, ("unknown".into(), "unreadable".into()));
}

#[actix_web::test]
async fn who_may_not_send_to_a_receiver_leaves_a_line() {
    capture();
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_mine").start().await;
    assert_eq!(outcome(&gateway, "audit-denied").await, ("denied".into(), Value::Null));
}

#[actix_web::test]
async fn what_is_replayed_has_a_line_of_its_own_that_says_so() {
    capture();
    let gateway = gateway().start().await;
    let keyed = |request_id: &str| {
        let forward = gateway.forward("oc_1").header("idempotency-key", "order-17");
        forward.header("x-request-id", request_id).send()
    };
    let first = keyed("audit-first").await.message_id();
    assert_eq!(keyed("audit-again").await.message_id(), first);
    let (line, again) = (audited("audit-first").await, audited("audit-again").await);
    assert_eq!((&line["is_replayed"], &again["is_replayed"]), (&false.into(), &true.into()));
    assert_eq!(again["new_message_id"], line["new_message_id"]);
    assert_eq!(again["outcome"], "delivered");
}

#[actix_web::test]
async fn a_forward_whose_caller_hangs_up_has_its_line_when_it_has_ended() {
    capture();
    // An attempt and a wait differ in length, so that the test knows which of them sleeps.
    let setup = gateway().set("limits.receiver_per_second", "1").set("limits.max_wait", "4s");
    let gateway = setup.start().await;
    gateway.spoil_forward(FaultKind::Held);
    let sent = gateway.forward("oc_1").header("x-request-id", "audit-sent").spawn();
    gateway.forwards_reach(1).await;
    let waiting = gateway.forward("oc_1").header("x-request-id", "audit-waiting").spawn();
    gateway.so_many_wait(1).await;
    for forward in [sent, waiting] {
        forward.abort();
        assert!(forward.await.is_err(), "it was answered");
    }
    gateway.in_flight_are(0).await;
    gateway.simulator.clear_faults();
    assert_eq!(audited("audit-sent").await["outcome"], "delivered");
    assert_eq!(audited("audit-waiting").await["outcome"], "not_delivered");
}

#[actix_web::test]
async fn what_is_no_forward_leaves_no_line() {
    capture();
    let gateway = gateway().start().await;
    let request = |request_id: &str| gateway.forward("oc_1").header("x-request-id", request_id);
    let answers = [
        request("audit-none-1").without("x-api-key").spawn(),
        request("audit-none-2").message("wrong").spawn(),
        request("audit-none-3").query("dry_run=true").spawn(),
    ];
    all(answers.into()).await;
    request("audit-last").send().await.message_id();
    audited("audit-last").await;
    for number in 1..=3 {
        assert!(audit_lines(&format!("audit-none-{number}")).is_empty());
    }
}
