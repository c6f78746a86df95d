//! Forwards of threads, and what the three calls that forward something share and do not share.

use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Phase};
use serde_json::json;

use crate::languages::answered_in;
use gateway_harness::{Forward, Gateway, all, code, foreign, gateway, ms};

/// A forward of a thread.
fn thread(gateway: &Gateway) -> Forward {
    gateway.forward_thread("omt_1", "oc_1")
}

fn cut_after_commit() -> Fault {
    let phase = Phase::AfterCommit;
    Fault { api: Some(Api::ThreadForward), phase, ..Fault::once(FaultKind::Cut) }
}

#[actix_web::test]
async fn feishu_gets_its_own_wire_format() {
    let gateway = gateway().start().await;
    let forward = gateway.forward_thread("omt_x100b-_Z", "ou_1").query("uuid=a%20b%2F");
    let id = forward.send().await.message_id();

    let attempts = gateway.calls(Api::ThreadForward);
    let [attempt] = attempts.as_slice() else { panic!("{attempts:?}") };
    assert_eq!(attempt.method, "POST");
    assert_eq!(attempt.path, "/open-apis/im/v1/threads/omt_x100b-_Z/forward");
    assert_eq!(attempt.query, "receive_id_type=open_id&uuid=a+b%2F");
    assert_eq!(attempt.body, r#"{"receive_id":"ou_1"}"#);
    let delivery = gateway.deliveries().pop().expect("a delivery");
    assert_eq!(delivery.thread_id.as_deref(), Some("omt_x100b-_Z"));
    assert_eq!(delivery.new_message_id, id);
}

#[actix_web::test]
async fn a_thread_can_be_forwarded_to_a_thread() {
    let gateway = gateway().start().await;
    gateway.forward_thread("omt_1", "omt_2").send().await.message_id();
    let delivery = gateway.deliveries().pop().expect("a delivery");
    assert_eq!((delivery.thread_id.as_deref(), &*delivery.receive_id), (Some("omt_1"), "omt_2"));
    assert_eq!(delivery.receive_id_type, "thread_id");
}

#[actix_web::test]
async fn the_message_is_passed_through_byte_for_byte() {
    let gateway = gateway().start().await;
    // Times in seconds, unknown fields, spaces, escapes and numbers that a parser would write differently.
    let message = "{ \"zebra\":1.50,\"message_id\":\"om_new\" , \"create_time\": \"1767225600\", \
        \"esc\":\"\\u738b\\/\",\"thread_id\":null,\"e\":1E3 }";
    let body = format!("{{\"msg\":\"success\", \"data\": {message} ,\"code\":0}}");
    gateway.spoil(Api::ThreadForward, foreign(200, "application/json", body));
    let answer = thread(&gateway).send().await;
    assert_eq!(answer.message_id(), "om_new");
    assert_eq!(answer.text(), message);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[actix_web::test]
async fn times_are_as_feishu_sends_them() {
    for (in_seconds, digits) in [(false, 13), (true, 10)] {
        let gateway =
            gateway().feishu(|feishu| feishu.thread_time_in_seconds = in_seconds).start().await;
        let answer = thread(&gateway).send().await;
        answer.message_id();
        for field in ["create_time", "update_time"] {
            let message = answer.json();
            let time = message[field].as_str().expect("a time");
            assert_eq!(time.len(), digits, "{time}");
        }
    }
}

#[actix_web::test]
async fn a_thread_that_the_bot_does_not_see_is_said_to_be_so() {
    let gateway = gateway().start().await;
    for language in ["en", "zh"] {
        let forward = gateway.forward_thread("omt_code_230073", "oc_1");
        let answer = forward.header("accept-language", language).send().await;
        let problem = answer.problem(403, "thread_source_not_visible", "not_delivered");
        assert_eq!(problem["feishu"]["code"], 230073);
        assert_eq!(problem["retryable"], false);
        assert_eq!(problem["instance"], "/v1/threads/omt_code_230073/forward");
        assert_eq!(answer.header("content-language"), Some(language));
    }
    assert_eq!(gateway.deliveries(), []);
}

#[actix_web::test]
async fn an_id_that_is_no_threads_is_named_and_nothing_of_it_reaches_feishu() {
    let gateway = gateway().start().await;
    let long = format!("omt_{}", "x".repeat(125));
    for id in [
        "omt_",
        "om_1",
        "oc_1",
        "OMT_1",
        "omt_a.b",
        "omt_a%20b",
        "omt_%E7%8E%8B",
        "omt_%FF",
        "omt_%00",
        "%20omt_1",
        "omt_1%0A",
        "omt%2F1",
        "omt%251",
        &long,
    ] {
        for language in ["en", "zh"] {
            let forward = gateway.forward_thread(id, "oc_1").header("accept-language", language);
            let answer = forward.send().await;
            assert_eq!(answer.wrong_fields(), ["thread_id"], "{id}");
            answered_in(&answer, language);
        }
    }
    let forward = gateway.forward_thread("omt_a.b", "oc_1").query("uuid=&typo=1");
    let answer = forward.body(r#"{"thread_id":"omt_1"}"#).send().await;
    let mut fields = answer.wrong_fields();
    fields.sort_unstable();
    assert_eq!(fields, ["receive_id", "thread_id", "thread_id", "typo", "uuid"]);
    assert!(answer.text().contains("/v1/threads/{thread_id}/forward"), "{}", answer.text());
    assert_eq!(gateway.calls(Api::ThreadForward), []);
    gateway.forward_thread(&long[..128], "oc_1").send().await.message_id();
}

#[actix_web::test]
async fn what_passes_is_attempted_again_with_one_uuid() {
    let gateway = gateway().start().await;
    gateway.spoil(Api::ThreadForward, code(230049));
    gateway.simulator.add_fault(cut_after_commit());
    let answer = gateway.see_through(thread(&gateway)).await;
    let attempts = gateway.calls(Api::ThreadForward);
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|it| it.uuid.is_some() && it.uuid == attempts[0].uuid));
    assert_eq!(gateway.deliveries().len(), 1);
    assert_eq!(gateway.deliveries()[0].new_message_id, answer.message_id());
}

#[actix_web::test]
async fn an_unknown_one_can_be_repeated_with_its_uuid_and_is_delivered_once() {
    let gateway = gateway().one_attempt().start().await;
    gateway.simulator.add_fault(cut_after_commit());
    let unknown = thread(&gateway).send().await;
    let problem = unknown.problem(502, "feishu_unreadable", "unknown");
    assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
    let query = format!("uuid={}", problem["uuid"].as_str().expect("a uuid"));
    let answer = thread(&gateway).query(&query).send().await;
    assert_eq!((gateway.calls(Api::ThreadForward).len(), gateway.deliveries().len()), (2, 1));
    assert_eq!(gateway.deliveries()[0].new_message_id, answer.message_id());
}

#[actix_web::test]
async fn a_key_or_a_uuid_is_one_forward_of_this_thread() {
    let gateway = gateway().start().await;
    let others = || {
        [
            gateway.forward_thread("omt_2", "oc_1"),
            gateway.forward_thread("omt_1", "oc_2"),
            gateway.forward("oc_1"),
            gateway.merge("oc_1", &["om_1"]),
        ]
    };
    let keyed = || thread(&gateway).header("idempotency-key", "k-1").send();
    let first = keyed().await;
    first.message_id();
    for other in others() {
        let answer = other.header("idempotency-key", "k-1").send().await;
        answer.problem(422, "idempotency_key_reused", "not_delivered");
    }
    let again = keyed().await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    thread(&gateway).query("uuid=mine").send().await.message_id();
    for other in others() {
        let answer = other.query("uuid=mine").send().await;
        answer.problem(422, "uuid_reused", "not_delivered");
    }
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn a_dry_run_shows_the_request_and_takes_no_turn() {
    let gateway = gateway().start().await;
    for _ in 0..20 {
        let answer = thread(&gateway).query("dry_run&uuid=a").send().await;
        let told = answer.json();
        assert_eq!((answer.status, &told["would"]), (200, &"send".into()), "{told:#}");
        let request = &told["feishu_request"];
        assert_eq!(request["body"], json!({"receive_id": "oc_1"}));
        let url = request["url"].as_str().expect("an address");
        let end = "/open-apis/im/v1/threads/omt_1/forward?receive_id_type=chat_id&uuid=a";
        assert!(url.ends_with(end), "{url}");
        assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=5;t=0"));
    }
    assert_eq!(gateway.calls(Api::ThreadForward), []);
}

#[actix_web::test]
async fn a_key_forwards_threads_to_the_receivers_that_it_may() {
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_mine").start().await;
    let answer = thread(&gateway).send().await;
    answer.problem(403, "receiver_not_allowed", "not_delivered");
    gateway.forward_thread("omt_1", "oc_mine").send().await.message_id();
    assert_eq!(gateway.calls(Api::ThreadForward).len(), 1);
}

#[actix_web::test]
async fn metrics_count_threads_for_themselves() {
    let gateway = gateway().start().await;
    thread(&gateway).send().await.message_id();
    let metrics = gateway.metrics().await;
    let upstream = |api| {
        let labels = [("app", "main"), ("api", api), ("code", "0")];
        metrics.count("feishu_gateway_upstream_requests_total", &labels)
    };
    assert_eq!(["thread_forward", "forward", "merge_forward"].map(upstream), [1, 0, 0]);
    let labels = [("route", "/v1/threads/{thread_id}/forward"), ("status", "200")];
    assert_eq!(metrics.count("feishu_gateway_http_requests_total", &labels), 1);
}

#[actix_web::test]
async fn only_the_threads_id_may_be_percent_encoded_in_the_path() {
    let gateway = gateway().start().await;
    thread(&gateway).path("/v1/threads/omt%5F1/forward").send().await.message_id();
    for path in [
        "/v1/thre%61ds/omt_1/forward",
        "/v1/threads/omt_1/forw%61rd",
        "/v1/threads/omt_1%2Fforward",
        "/v1/threads/omt_1/forward/",
        "/v1/threads//forward",
        "/v1/threads/omt_1/omt_2/forward",
        "/v1/threads/omt_1",
    ] {
        let answer = thread(&gateway).path(path).send().await;
        answer.problem(404, "route_not_found", "not_delivered");
    }
    let answer = gateway.ask("GET", "/v1/threads/omt_1/forward").await;
    answer.problem(405, "method_not_allowed", "not_delivered");
    assert_eq!(answer.header("allow"), Some("POST"));
}

const APIS: [Api; 3] = [Api::Forward, Api::MergeForward, Api::ThreadForward];

/// One of the three calls.
fn call(gateway: &Gateway, api: Api, receive_id: &str) -> Forward {
    match api {
        Api::MergeForward => gateway.merge(receive_id, &["om_1"]),
        Api::ThreadForward => gateway.forward_thread("omt_1", receive_id),
        _ => gateway.forward(receive_id),
    }
}

fn calls(gateway: &Gateway) -> [usize; 3] {
    APIS.map(|api| gateway.calls(api).len())
}

#[actix_web::test]
async fn each_call_has_the_apps_limit_for_itself() {
    let gateway = gateway().set("limits.app_per_second", "4").start().await;
    let send = async |api, number: usize| {
        let forward = call(&gateway, api, &format!("ou_{number}"));
        forward.header("prefer", "wait=0").send().await
    };
    let mut number = 0;
    let mut used_up = Vec::new();
    for api in APIS {
        let refused = loop {
            number += 1;
            let answer = send(api, number).await;
            if answer.status != 200 {
                break answer;
            }
        };
        refused.problem(429, "app_rate_limited", "not_delivered");
        used_up.push(gateway.calls(api).len());
    }
    // Each had as much as the others, though they came after them.
    assert!((1..=4).contains(&used_up[0]), "{used_up:?}");
    assert_eq!(used_up, [used_up[0]; 3]);
}

#[actix_web::test]
async fn feishus_refusal_of_the_app_pauses_only_the_call_that_it_refused() {
    for refused in APIS {
        let gateway = gateway().start().await;
        let limited = FaultKind::Code { code: 99991400, status: None, msg: None, reset: Some(52) };
        gateway.spoil(refused, limited);
        let answer = call(&gateway, refused, "oc_1").send().await;
        answer.problem(429, "app_rate_limited", "not_delivered");
        for api in APIS {
            let answer = call(&gateway, api, "oc_2").header("prefer", "wait=0").send().await;
            assert_eq!(answer.status, if api == refused { 429 } else { 200 });
        }
        assert_eq!(calls(&gateway), [1; 3]);
        gateway.advance(Duration::from_secs(53));
        assert_eq!(call(&gateway, refused, "oc_1").send().await.status, 200);
    }
}

#[actix_web::test]
async fn a_receivers_limit_is_one_for_all_three() {
    let gateway = gateway().set("limits.receiver_per_second", "3").start().await;
    for api in APIS {
        assert_eq!(call(&gateway, api, "oc_1").send().await.status, 200);
    }
    for api in APIS {
        let answer = call(&gateway, api, "oc_1").header("prefer", "wait=0").send().await;
        answer.problem(429, "receiver_rate_limited", "not_delivered");
    }
    // Those who wait for it stand in one line, whichever call they wait with.
    let mut waiting = Vec::new();
    for api in APIS {
        waiting.push(call(&gateway, api, "oc_1").spawn());
        gateway.so_many_wait(waiting.len()).await;
    }
    gateway.advance(ms(1050));
    for answer in all(waiting).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(calls(&gateway), [2; 3]);
    let ledger = gateway.simulator.ledger();
    assert_eq!(ledger.max_in_any_span(Some("oc_1"), ms(1000)), 3);
}

#[actix_web::test]
async fn feishus_refusal_of_a_receiver_pauses_all_three() {
    for refused in APIS {
        let gateway = gateway().one_attempt().start().await;
        gateway.spoil(refused, code(230020));
        let answer = call(&gateway, refused, "oc_1").send().await;
        answer.problem(429, "receiver_rate_limited", "not_delivered");
        for api in APIS {
            let answer = call(&gateway, api, "oc_1").header("prefer", "wait=0").send().await;
            answer.problem(429, "receiver_rate_limited", "not_delivered");
            assert_eq!(call(&gateway, api, "oc_2").send().await.status, 200);
        }
    }
}

#[actix_web::test]
async fn a_quota_of_the_month_is_one_for_all_three() {
    for spent in APIS {
        let gateway = gateway().start().await;
        gateway.spoil(spent, code(99991403));
        let answer = call(&gateway, spent, "oc_1").send().await;
        answer.problem(429, "monthly_quota_exhausted", "not_delivered");
        for api in APIS {
            let answer = call(&gateway, api, "oc_2").send().await;
            answer.problem(429, "monthly_quota_exhausted", "not_delivered");
        }
        assert_eq!(calls(&gateway).iter().sum::<usize>(), 1);
    }
}
