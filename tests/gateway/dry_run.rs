//! A dry run: what would happen to a forward, without sending it.

use std::time::Duration;

use feishu_simulator::FaultKind;
use serde_json::Value;

use gateway_harness::{Answer, Forward, Gateway, all, code, gateway};

fn dry(forward: Forward) -> Forward {
    forward.query("dry_run=true")
}

#[track_caller]
fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn five_have_gone(gateway: &Gateway) {
    for _ in 0..5 {
        gateway.forward("oc_1").send().await.message_id();
    }
}

#[actix_web::test]
async fn it_tells_what_feishu_would_get_and_sends_nothing() {
    let gateway = gateway().start().await;
    let forward = gateway.forward("ou_1").message("om_7").query("dry_run=true&uuid=u%201");
    let answer = forward.send().await;
    let told = told(&answer);
    assert_eq!(told["would"], "send");
    assert_eq!(told["wait_seconds"], 0.0);
    assert_eq!((&told["app"], &told["uuid"]), (&"main".into(), &"u 1".into()));
    assert_eq!(told["receive_id_type"], "open_id");
    let request = &told["feishu_request"];
    assert_eq!(
        (&request["method"], &request["body"]["receive_id"]),
        (&"POST".into(), &"ou_1".into())
    );
    assert_eq!(gateway.forwards(), []);

    gateway.forward("ou_1").message("om_7").query("uuid=u%201").send().await.message_id();
    let sent = &gateway.forwards()[0];
    let url = request["url"].as_str().expect("an address");
    assert!(
        url.ends_with("/open-apis/im/v1/messages/om_7/forward?receive_id_type=open_id&uuid=u+1"),
        "{url}"
    );
    assert_eq!((sent.receive_id.as_deref(), sent.uuid.as_deref()), (Some("ou_1"), Some("u 1")));
}

#[actix_web::test]
async fn it_takes_no_turn_however_often_it_is_asked() {
    let gateway = gateway().start().await;
    for _ in 0..20 {
        let answer = dry(gateway.forward("oc_1")).send().await;
        assert_eq!(told(&answer)["would"], "send");
        assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=5;t=0"));
        assert!(answer.header("ratelimit-policy").is_some());
        let timing = answer.header("server-timing").expect("timings");
        assert!(timing.contains("total;dur=0.000") && timing.ends_with("attempts;desc=\"0\""));
    }
    five_have_gone(&gateway).await;
}

#[actix_web::test]
async fn it_tells_how_long_the_forward_would_wait() {
    let gateway = gateway().start().await;
    five_have_gone(&gateway).await;
    let answer = told(&dry(gateway.forward("oc_1")).send().await);
    assert_eq!((&answer["would"], &answer["wait_seconds"]), (&"wait".into(), &1.05.into()));
    // Another receiver is free, and later the first one is too.
    assert_eq!(told(&dry(gateway.forward("oc_2")).send().await)["would"], "send");
    gateway.advance(Duration::from_millis(1050));
    assert_eq!(told(&dry(gateway.forward("oc_1")).send().await)["would"], "send");
}

#[actix_web::test]
async fn those_who_wait_are_counted_in() {
    let gateway = gateway().start().await;
    five_have_gone(&gateway).await;
    let waiting = gateway.queue_up(5, "oc_1").await;
    let answer = told(&dry(gateway.forward("oc_1")).send().await);
    assert_eq!(answer["wait_seconds"], 2.1);
    gateway.advance(Duration::from_millis(1050));
    for answer in all(waiting).await {
        answer.message_id();
    }
}

#[actix_web::test]
async fn who_would_be_refused_for_waiting_too_long_is_told_so() {
    let gateway = gateway().start().await;
    five_have_gone(&gateway).await;
    let answer = dry(gateway.forward("oc_1")).header("prefer", "wait=0").send().await;
    answer.problem(429, "receiver_rate_limited", "not_delivered");
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(answer.header("preference-applied"), Some("wait=0"));
}

#[actix_web::test]
async fn what_is_wrong_with_the_request_is_told_as_of_a_forward() {
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_mine").start().await;
    let answer = dry(gateway.forward("oc_other")).send().await;
    answer.problem(403, "receiver_not_allowed", "not_delivered");
    let answer = dry(gateway.forward("oc_mine").message("om 1")).send().await;
    let problem = answer.problem(400, "invalid_request", "not_delivered");
    assert_eq!(problem["errors"][0]["field"], "message_id");
    let answer = dry(gateway.forward("oc_mine").without("x-api-key")).send().await;
    answer.problem(401, "unauthorized", "not_delivered");
    for wrong in ["dry_run=2", "dry_run=", "dry_run=yes", "dry_run=true&dry_run=false"] {
        let answer = gateway.forward("oc_mine").query(wrong).send().await;
        let problem = answer.problem(400, "invalid_request", "not_delivered");
        assert_eq!(problem["errors"][0]["field"], "dry_run", "{wrong}");
    }
    assert_eq!(gateway.forwards(), []);
    gateway.forward("oc_mine").query("dry_run=false").send().await.message_id();
}

#[actix_web::test]
async fn a_flag_is_taken_as_people_and_programs_write_it() {
    let gateway = gateway().start().await;
    for set in ["dry_run", "dry_run=1", "dry_run=True", "dry_run=TRUE", "uuid=a&dry_run"] {
        assert_eq!(
            told(&gateway.forward("oc_1").query(set).send().await)["would"],
            "send",
            "{set}"
        );
    }
    assert_eq!(gateway.forwards(), []);
    for (number, unset) in ["dry_run=0", "dry_run=False", "dry_run=FALSE"].iter().enumerate() {
        gateway.forward(&format!("oc_{number}")).query(unset).send().await.message_id();
    }
}

#[actix_web::test]
async fn a_key_is_not_used_up_and_its_use_is_told() {
    let gateway = gateway().start().await;
    let keyed =
        |receive_id: &str| gateway.forward(receive_id).header("idempotency-key", "order-17");
    assert_eq!(told(&dry(keyed("oc_other")).send().await)["would"], "send");

    gateway.spoil_forward(FaultKind::Held);
    let first = keyed("oc_1").spawn();
    gateway.forwards_reach(1).await;
    let answer = told(&dry(keyed("oc_1")).send().await);
    assert_eq!((&answer["would"], answer.get("feishu_request")), (&"join".into(), None));
    gateway.simulator.clear_faults();
    all(vec![first]).await[0].message_id();
    assert_eq!(told(&dry(keyed("oc_1")).send().await)["would"], "replay");
    let answer = dry(keyed("oc_other")).send().await;
    answer.problem(422, "idempotency_key_reused", "not_delivered");
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn a_gate_that_is_closed_for_the_app_is_told() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(code(99991403));
    let answer = gateway.forward("oc_1").send().await;
    answer.problem(429, "monthly_quota_exhausted", "not_delivered");
    let answer = dry(gateway.forward("oc_1")).send().await;
    answer.problem(429, "monthly_quota_exhausted", "not_delivered");
}
