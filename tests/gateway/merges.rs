//! Merges: several messages are forwarded as one, with the same promises as a forward of one message.

use feishu_forward_gateway::model::merged_messages::MergedMessages;
use feishu_simulator::{Api, Fault, FaultKind, KnownMessage, MessageState, Phase};
use serde_json::{Value, json};

use crate::languages::answered_in;
use gateway_harness::{Forward, Gateway, code, foreign, gateway};

const ROUTE: &str = "/v1/messages/merge_forward";

/// A merge of two messages.
fn merge(gateway: &Gateway) -> Forward {
    gateway.merge("oc_1", &["om_1", "om_2"])
}

fn recalled(message_id: &str) -> KnownMessage {
    KnownMessage { state: Some(MessageState::Recalled), ..in_chat(message_id, "oc_9") }
}

/// Tells Feishu of a message.
fn knows(gateway: &Gateway, message: KnownMessage) {
    assert!(gateway.simulator.add_message(message));
}

fn in_chat(message_id: &str, chat_id: &str) -> KnownMessage {
    KnownMessage {
        message_id: message_id.to_owned(),
        chat_id: chat_id.to_owned(),
        thread_id: None,
        upper_message_id: None,
        msg_type: None,
        state: None,
    }
}

fn cut_after_commit() -> Fault {
    let phase = Phase::AfterCommit;
    Fault { api: Some(Api::MergeForward), phase, ..Fault::once(FaultKind::Cut) }
}

#[actix_web::test]
async fn feishu_gets_its_own_wire_format() {
    let gateway = gateway().start().await;
    let merge = gateway.merge("ou_1", &["om_2", "om_x100b-_Z", "om_1"]).query("uuid=a%20b%2F");
    let id = merge.send().await.merged_id();

    let attempts = gateway.calls(Api::MergeForward);
    let [attempt] = attempts.as_slice() else { panic!("{attempts:?}") };
    assert_eq!(attempt.method, "POST");
    assert_eq!(attempt.path, "/open-apis/im/v1/messages/merge_forward");
    assert_eq!(attempt.query, "receive_id_type=open_id&uuid=a+b%2F");
    let body = r#"{"receive_id":"ou_1","message_id_list":["om_2","om_x100b-_Z","om_1"]}"#;
    assert_eq!(attempt.body, body);
    let delivery = gateway.deliveries().pop().expect("a delivery");
    assert_eq!(delivery.message_ids, ["om_2", "om_x100b-_Z", "om_1"]);
    assert_eq!(delivery.new_message_id, id);
}

#[actix_web::test]
async fn one_message_can_be_merged_and_a_hundred() {
    let gateway = gateway().start().await;
    let ids: Vec<String> = (0..MergedMessages::MOST).map(|number| format!("om_{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(ids.len(), 100);
    for ids in [&ids[..1], &ids[..]] {
        gateway.merge("oc_1", ids).send().await.merged_id();
        assert_eq!(gateway.deliveries().pop().expect("a delivery").message_ids, ids);
    }
}

#[actix_web::test]
async fn the_data_is_passed_through_byte_for_byte() {
    let gateway = gateway().start().await;
    // Unknown fields, an order, spaces, escapes and numbers that a parser would write differently.
    let data = "{ \"zebra\":1.50,\"invalid_message_id_list\" :[ \"om_2\"], \"big\":12345678901234567890123, \
        \"message\":{\"esc\":\"\\u738b\\/\", \"message_id\":\"om_new\" , \"e\":1E3 },\"a\":null }";
    let body = format!("{{\"msg\":\"success\", \"data\": {data} ,\"code\":0}}");
    gateway.spoil(Api::MergeForward, foreign(200, "application/json", body));
    let answer = merge(&gateway).send().await;
    assert_eq!(answer.merged_id(), "om_new");
    assert_eq!(answer.text(), data);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[actix_web::test]
async fn data_that_is_not_a_merges_leaves_the_outcome_unknown() {
    let gateway = gateway().one_attempt().start().await;
    for data in [r#"{"message_id":"om_new"}"#, r#"{"message":{}}"#, r#"{"message":null}"#, "[]"] {
        let body = format!(r#"{{"code":0,"msg":"success","data":{data}}}"#);
        gateway.spoil(Api::MergeForward, foreign(200, "application/json", body));
        let answer = gateway.merge(&format!("oc_{}", data.len()), &["om_1"]).send().await;
        answer.problem(502, "feishu_unreadable", "unknown");
    }
}

#[actix_web::test]
async fn a_merge_that_leaves_messages_out_has_succeeded_and_says_which() {
    let gateway = gateway().start().await;
    knows(&gateway, recalled("om_2"));
    let answer = gateway.merge("oc_1", &["om_1", "om_2", "om_3"]).send().await;
    answer.merged_id();
    assert_eq!(answer.json()["invalid_message_id_list"], json!(["om_2"]));
    assert_eq!(gateway.deliveries()[0].message_ids, ["om_1", "om_3"]);
    let all = merge(&gateway)
        .query("uuid=all")
        .body(json!({"receive_id": "oc_1", "message_id_list": ["om_1", "om_3"]}).to_string());
    assert_eq!(all.send().await.json()["invalid_message_id_list"], json!([]));
}

#[actix_web::test]
async fn messages_that_cannot_be_merged_are_the_callers_to_change() {
    let gateway = gateway().start().await;
    knows(&gateway, in_chat("om_here", "oc_8"));
    knows(&gateway, in_chat("om_there", "oc_9"));
    let system = KnownMessage { msg_type: Some("system".into()), ..in_chat("om_system", "oc_8") };
    knows(&gateway, system);
    for (ids, number) in [(["om_here", "om_there"], 230069), (["om_here", "om_system"], 230067)] {
        for language in ["en", "zh"] {
            let merge = gateway.merge("oc_1", &ids).header("accept-language", language);
            let answer = merge.send().await;
            let problem = answer.problem(422, "messages_not_mergeable", "not_delivered");
            assert_eq!(problem["feishu"]["code"], number);
            assert_eq!(
                (&problem["fix_by"], &problem["retryable"]),
                (&"caller".into(), &false.into())
            );
            assert_eq!(answer.header("content-language"), Some(language));
        }
    }
    assert_eq!(gateway.deliveries(), []);
}

/// One mistake each: a body, and the fields that are to be named.
const MISTAKES: &[(&str, &[&str])] = &[
    (r#"{"receive_id":"oc_1"}"#, &["message_id_list"]),
    (r#"{"message_id_list":["om_1"]}"#, &["receive_id"]),
    ("{}", &["receive_id", "message_id_list"]),
    ("[]", &["body"]),
    (r#"{"receive_id":"oc_1","message_id_list":[]}"#, &["message_id_list"]),
    (r#"{"receive_id":"oc_1","message_id_list":null}"#, &["message_id_list"]),
    (r#"{"receive_id":"oc_1","message_id_list":"om_1"}"#, &["message_id_list"]),
    (r#"{"receive_id":"oc_1","message_id_list":{"0":"om_1"}}"#, &["message_id_list"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1",2]}"#, &["message_id_list[1]"]),
    (r#"{"receive_id":"oc_1","message_id_list":[null]}"#, &["message_id_list[0]"]),
    (r#"{"receive_id":"oc_1","message_id_list":[["om_1"]]}"#, &["message_id_list[0]"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1",""]}"#, &["message_id_list[1]"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1","oc_2"]}"#, &["message_id_list[1]"]),
    (r#"{"receive_id":"oc_1","message_id_list":["omt_1"]}"#, &["message_id_list[0]"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1,om_2"]}"#, &["message_id_list[0]"]),
    (r#"{"receive_id":"oc_1","message_id_list":[" om_1"]}"#, &["message_id_list[0]"]),
    (
        r#"{"receive_id":"oc_1","message_id_list":["om_1","om_2","om_3","om_1"]}"#,
        &["message_id_list[3]"],
    ),
    (
        r#"{"receive_id":"oc_1","message_id_list":["om_1","om_1","om_1"]}"#,
        &["message_id_list[1]", "message_id_list[2]"],
    ),
    (
        r#"{"receive_id":"oc_1","message_id_list":["om_1"],"message_id_list":["om_1"]}"#,
        &["message_id_list"],
    ),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1"],"message_id":"om_2"}"#, &["message_id"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1"],"message_ids":[]}"#, &["message_ids"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1"],"thread_id":"omt_1"}"#, &["thread_id"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1"],"uuid":"a"}"#, &["uuid"]),
    (r#"{"receive_id":"oc_1","message_id_list":["om_1"],"extra":1}"#, &["extra"]),
    (r#"{"receive_id":"oc_1","messageIdList":["om_1"]}"#, &["messageIdList", "message_id_list"]),
];

#[actix_web::test]
async fn each_mistake_is_named_in_the_callers_language_and_nothing_of_it_reaches_feishu() {
    let gateway = gateway().start().await;
    for (body, fields) in MISTAKES {
        for language in ["en", "zh"] {
            let merge = merge(&gateway).body(*body).header("accept-language", language);
            let answer = merge.send().await;
            assert_eq!(answer.wrong_fields(), *fields, "{body}: {}", answer.text());
            answered_in(&answer, language);
        }
    }
    assert_eq!(gateway.calls(Api::MergeForward), []);
}

#[actix_web::test]
async fn a_hundred_and_one_messages_are_one_mistake_however_wrong_they_are() {
    let gateway = gateway().start().await;
    for id in ["om_1", "oc_1"] {
        for language in ["en", "zh"] {
            let merge = gateway.merge("oc_1", &[id; 101]).header("accept-language", language);
            let answer = merge.send().await;
            assert_eq!(answer.wrong_fields(), ["message_id_list"]);
            assert!(answer.text().contains("101"), "{}", answer.text());
            answered_in(&answer, language);
        }
    }
    assert_eq!(gateway.calls(Api::MergeForward), []);
}

#[actix_web::test]
async fn all_mistakes_of_a_merge_are_named_at_once() {
    let gateway = gateway().start().await;
    let body = json!({
        "receive_id": "om_1", "message_id_list": ["om_1", 2, "oc_3", "om_1"], "extra": true,
    });
    let merge = merge(&gateway).query("uuid=&typo=1").header("prefer", "wait=x");
    let mut fields = merge.body(body.to_string()).send().await.wrong_fields();
    fields.sort_unstable();
    let places = ["message_id_list[1]", "message_id_list[2]", "message_id_list[3]"];
    let mut all = vec!["Prefer", "extra", "receive_id", "typo", "uuid"];
    all.extend(places);
    all.sort_unstable();
    assert_eq!(fields, all);
    let many = gateway.merge("oc_1", &["wrong"; 100]).send().await;
    assert_eq!(many.wrong_fields().len(), 20);
    assert_eq!(gateway.calls(Api::MergeForward), []);
}

#[actix_web::test]
async fn a_list_of_messages_in_the_wrong_place_is_told_where_it_belongs() {
    let gateway = gateway().start().await;
    let body = r#"{"receive_id":"oc_1","message_id_list":["om_1"]}"#;
    for forward in [
        gateway.forward("oc_1").body(body),
        gateway.forward_thread("omt_1", "oc_1").body(body),
        merge(&gateway).query("message_id_list=om_1"),
        gateway.forward("oc_1").query("message_id_list=om_1"),
    ] {
        let answer = forward.send().await;
        assert_eq!(answer.wrong_fields(), ["message_id_list"]);
        assert!(answer.text().contains(ROUTE), "{}", answer.text());
    }
    let answer = merge(&gateway)
        .body(r#"{"receive_id":"oc_1","message_id_list":["om_1"],"message_ids":["om_2"]}"#);
    let text = answer.send().await.text();
    assert!(text.contains("belong in message_id_list"), "{text}");
    assert_eq!(gateway.simulator.ledger().deliveries, []);
}

#[actix_web::test]
async fn what_passes_is_attempted_again_with_one_uuid() {
    let gateway = gateway().start().await;
    gateway.spoil(Api::MergeForward, code(230049));
    gateway.simulator.add_fault(cut_after_commit());
    let answer = gateway.see_through(merge(&gateway)).await;
    let attempts = gateway.calls(Api::MergeForward);
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|it| it.uuid.is_some() && it.uuid == attempts[0].uuid));
    assert!(attempts.iter().all(|it| it.body == attempts[0].body));
    assert_eq!(gateway.deliveries().len(), 1);
    assert_eq!(gateway.deliveries()[0].new_message_id, answer.merged_id());
}

#[actix_web::test]
async fn an_unknown_one_can_be_repeated_with_its_uuid_and_is_delivered_once() {
    let gateway = gateway().one_attempt().start().await;
    gateway.simulator.add_fault(cut_after_commit());
    let unknown = merge(&gateway).send().await;
    let problem = unknown.problem(502, "feishu_unreadable", "unknown");
    assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
    let query = format!("uuid={}", problem["uuid"].as_str().expect("a uuid"));
    // It stands for this merge alone.
    let other = gateway.merge("oc_1", &["om_2", "om_1"]).query(&query).send().await;
    other.problem(422, "uuid_reused", "not_delivered");
    let answer = merge(&gateway).query(&query).send().await;
    assert_eq!((gateway.calls(Api::MergeForward).len(), gateway.deliveries().len()), (2, 1));
    assert_eq!(gateway.deliveries()[0].new_message_id, answer.merged_id());
}

/// What is not the merge of `om_1` and `om_2` to `oc_1`, in that order.
fn others(gateway: &Gateway) -> Vec<Forward> {
    vec![
        gateway.merge("oc_1", &["om_2", "om_1"]),
        gateway.merge("oc_1", &["om_1", "om_3"]),
        gateway.merge("oc_1", &["om_1"]),
        gateway.merge("oc_2", &["om_1", "om_2"]),
        gateway.forward("oc_1"),
        gateway.forward_thread("omt_1", "oc_1"),
    ]
}

#[actix_web::test]
async fn a_key_or_a_uuid_is_one_merge_of_these_messages_in_this_order() {
    let gateway = gateway().start().await;
    merge(&gateway).header("idempotency-key", "k-1").send().await.merged_id();
    for other in others(&gateway) {
        let answer = other.header("idempotency-key", "k-1").send().await;
        answer.problem(422, "idempotency_key_reused", "not_delivered");
    }
    merge(&gateway).query("uuid=mine").send().await.merged_id();
    for other in others(&gateway) {
        let answer = other.query("uuid=mine").send().await;
        answer.problem(422, "uuid_reused", "not_delivered");
    }
    assert_eq!(gateway.simulator.ledger().deliveries.len(), 2);
    assert_eq!(gateway.calls(Api::MergeForward).len(), 2);
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn a_replay_is_the_same_to_the_byte_with_what_was_left_out() {
    let gateway = gateway().start().await;
    knows(&gateway, recalled("om_2"));
    let keyed = || merge(&gateway).header("idempotency-key", "k-1").send();
    let first = keyed().await;
    assert_eq!(first.json()["invalid_message_id_list"], json!(["om_2"]));
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = keyed().await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(gateway.calls(Api::MergeForward).len(), 1);
}

#[actix_web::test]
async fn a_dry_run_shows_the_request_and_takes_no_turn() {
    let gateway = gateway().start().await;
    for _ in 0..20 {
        let answer = merge(&gateway).query("dry_run&uuid=a").send().await;
        let told = answer.json();
        assert_eq!((answer.status, &told["would"]), (200, &"send".into()), "{told:#}");
        let request = &told["feishu_request"];
        let body = json!({"receive_id": "oc_1", "message_id_list": ["om_1", "om_2"]});
        assert_eq!((&request["method"], &request["body"]), (&"POST".into(), &body));
        let url = request["url"].as_str().expect("an address");
        let end = "/open-apis/im/v1/messages/merge_forward?receive_id_type=chat_id&uuid=a";
        assert!(url.ends_with(end), "{url}");
        assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=5;t=0"));
    }
    assert_eq!(gateway.calls(Api::MergeForward), []);
}

#[actix_web::test]
async fn a_key_merges_for_the_receivers_that_it_may() {
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_mine").start().await;
    let answer = merge(&gateway).send().await;
    answer.problem(403, "receiver_not_allowed", "not_delivered");
    gateway.merge("oc_mine", &["om_1"]).send().await.merged_id();
    let keyless = gateway.merge("oc_mine", &["om_1"]).without("x-api-key").send().await;
    keyless.problem(401, "unauthorized", "not_delivered");
    assert_eq!(gateway.calls(Api::MergeForward).len(), 1);
}

#[actix_web::test]
async fn metrics_count_merges_for_themselves() {
    let gateway = gateway().start().await;
    merge(&gateway).send().await.merged_id();
    merge(&gateway).body("{}").send().await.wrong_fields();
    let metrics = gateway.metrics().await;
    let upstream = |api| {
        let labels = [("app", "main"), ("api", api), ("code", "0")];
        metrics.count("feishu_gateway_upstream_requests_total", &labels)
    };
    assert_eq!(["merge_forward", "forward", "thread_forward"].map(upstream), [1, 0, 0]);
    let measured = "feishu_gateway_upstream_request_duration_seconds_count";
    assert_eq!(metrics.count(measured, &[("api", "merge_forward")]), 1);
    for status in ["200", "400"] {
        let labels = [("route", ROUTE), ("method", "POST"), ("status", status)];
        assert_eq!(metrics.count("feishu_gateway_http_requests_total", &labels), 1, "{status}");
    }
}

#[actix_web::test]
async fn the_route_has_one_spelling_and_one_method() {
    let gateway = gateway().start().await;
    for path in [
        "/v1/messages/merge%5Fforward",
        "/v1/mess%61ges/merge_forward",
        "/v1/messages/merge_forward/",
        "/v1/messages/Merge_forward",
        "/v1/messages/om_1/merge_forward",
        "/v1/merge_forward",
    ] {
        let answer = merge(&gateway).path(path).send().await;
        let problem = answer.problem(404, "route_not_found", "not_delivered");
        let detail: &Value = &problem["detail"];
        assert!(detail.as_str().is_some_and(|it| it.contains(ROUTE)), "{path}: {problem:#}");
    }
    for method in ["GET", "PUT", "BREW"] {
        let answer = gateway.ask(method, ROUTE).await;
        answer.problem(405, "method_not_allowed", "not_delivered");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}
