//! What Feishu's refusals, and its silence, teach the gateway about what to ask next.

use std::collections::BTreeSet;
use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault, FaultKind};

use gateway_harness::{Gateway, all, code, every_token, foreign, gateway, ms};

const SECOND: Duration = Duration::from_secs(1);

async fn closed(gateway: &Gateway, gate: &str, app: &str) -> u64 {
    let labels = [("circuit", gate), ("app", app)];
    gateway.metrics().await.count("feishu_gateway_open_circuits", &labels)
}

#[actix_web::test]
async fn a_group_whose_budget_others_spend_is_left_alone_for_a_growing_while() {
    let gateway = gateway().start().await;
    let busy = Fault { receive_id: Some("oc_1".into()), times: None, ..Fault::once(code(230020)) };
    gateway.simulator.add_fault(busy);
    let first = gateway.see_through(gateway.forward("oc_1")).await;
    let problem = first.problem(429, "receiver_rate_limited", "not_delivered");
    assert_eq!(problem["feishu"]["code"], 230020);
    let at: Vec<u64> = gateway.forwards().iter().map(|it| it.at_ns / 1_000_000).collect();
    assert_eq!(at, [0, 500, 1500, 3500]);
    assert_eq!(closed(&gateway, "receiver", "").await, 1);
    // A forward that may not wait that long is refused at once.
    let next = gateway.forward("oc_1").header("prefer", "wait=1").send().await;
    let problem = next.problem(429, "receiver_rate_limited", "not_delivered");
    assert!(problem.get("feishu").is_none(), "Feishu was not asked");
    assert_eq!(next.header("retry-after"), Some("4"));
    assert_eq!(next.header("ratelimit"), Some("\"receiver\";r=0;t=4"));
    // Others are not touched.
    gateway.forward("oc_2").header("prefer", "wait=0").send().await.message_id();
}

#[actix_web::test]
async fn one_tries_and_when_it_gets_through_the_rest_follows() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(code(230020));
    let first = gateway.forward("oc_1").message("om_first").spawn();
    gateway.sleeps_until(ms(500)).await;
    gateway.so_many_wait(1).await;
    let rest = gateway.queue_up(3, "oc_1").await;
    assert_eq!(gateway.forwards().len(), 1);
    gateway.advance_to(ms(500));
    all(vec![first]).await[0].message_id();
    all(rest).await.iter().for_each(|answer| drop(answer.message_id()));
    let forwards = gateway.forwards();
    let order: Vec<_> = forwards.iter().filter_map(|it| it.message_id.as_deref()).collect();
    // The one that was refused goes before those that came later.
    assert_eq!(order[..2], ["om_first", "om_first"]);
    // Those of one moment come over different connections.
    assert_eq!(order[2..].iter().collect::<BTreeSet<_>>().len(), 3);
    assert!(forwards[1..].iter().all(|it| it.at_ns == 500_000_000));
    assert_eq!(closed(&gateway, "receiver", "").await, 0);
}

fn app_limited(reset: Option<u64>) -> FaultKind {
    FaultKind::Code { code: 99991400, status: None, msg: None, reset }
}

#[actix_web::test]
async fn an_app_that_is_over_its_limit_waits_for_the_reset() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(app_limited(Some(3)));
    let first = gateway.forward("oc_1").spawn();
    gateway.sleeps_until(SECOND * 3).await;
    assert_eq!(closed(&gateway, "app", "main").await, 1);
    let other = gateway.forward("oc_2").header("prefer", "wait=1").send().await;
    let problem = other.problem(429, "app_rate_limited", "not_delivered");
    assert!(problem.get("feishu").is_none());
    assert_eq!(other.header("retry-after"), Some("3"));
    gateway.advance_to(SECOND * 3);
    all(vec![first]).await[0].message_id();
    let at: Vec<u64> = gateway.forwards().iter().map(|it| it.at_ns / 1_000_000).collect();
    assert_eq!(at, [0, 3000]);
    assert_eq!(closed(&gateway, "app", "main").await, 0);
}

#[actix_web::test]
async fn a_reset_that_is_too_far_away_is_told_at_once() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(app_limited(Some(52)));
    let answer = gateway.forward("oc_1").send().await;
    let problem = answer.problem(429, "app_rate_limited", "not_delivered");
    assert_eq!(problem["feishu"]["code"], 99991400);
    assert_eq!(answer.header("retry-after"), Some("52"));
    gateway.advance(SECOND * 20);
    let answer = gateway.forward("oc_2").send().await;
    answer.problem(429, "app_rate_limited", "not_delivered");
    assert_eq!(answer.header("retry-after"), Some("32"));
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn an_app_whose_monthly_quota_is_used_up_makes_no_calls_and_others_do() {
    let other = ApiKey::generate();
    let setup = gateway().second_app_of(&other).set("feishu.quota_interval", "10m");
    let gateway = setup.start().await;
    gateway.spoil_forward(code(99991403));
    let first = gateway.forward("oc_1").send().await;
    let problem = first.problem(429, "monthly_quota_exhausted", "not_delivered");
    assert_eq!(problem["feishu"]["code"], 99991403);
    gateway.advance(SECOND * 60);
    let second = gateway.forward("oc_2").send().await;
    let problem = second.problem(429, "monthly_quota_exhausted", "not_delivered");
    assert!(problem.get("feishu").is_none(), "Feishu was not asked: that costs quota");
    assert_eq!((&problem["fix_by"], &problem["retryable"]), (&"operator".into(), &false.into()));
    assert_eq!(second.header("retry-after"), Some("540"));
    assert_eq!(gateway.forwards().len(), 1);
    assert_eq!(closed(&gateway, "quota", "main").await, 1);
    assert_eq!(closed(&gateway, "quota", "second").await, 0);
    gateway.forward("oc_3").header("x-api-key", other.expose()).send().await.message_id();
    gateway.advance(SECOND * 540);
    gateway.forward("oc_4").send().await.message_id();
    assert_eq!(closed(&gateway, "quota", "main").await, 0);
}

/// Twenty failures in a row.
async fn broken() -> Gateway {
    let other = ApiKey::generate();
    let setup = gateway().second_app_of(&other).set("feishu.max_attempts", "1").no_app_limits();
    let gateway = setup.start().await;
    gateway.simulator.add_fault(Fault {
        api: Some(Api::Forward),
        times: Some(21),
        ..Fault::once(FaultKind::Cut)
    });
    for number in 0..20 {
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        answer.problem(502, "feishu_unreadable", "unknown");
    }
    gateway
}

#[actix_web::test]
async fn a_feishu_that_does_not_answer_is_not_called_until_a_trial_gets_through() {
    let gateway = broken().await;
    assert_eq!(closed(&gateway, "upstream", "main").await, 1);
    for number in 0..5 {
        let answer = gateway.forward(&format!("on_{number}")).send().await;
        let problem = answer.problem(502, "feishu_unreachable", "not_delivered");
        assert!(problem.get("safe_retry_until").is_none());
    }
    assert_eq!(gateway.forwards().len(), 20);
    // One tries, and the others do not.
    gateway.advance(SECOND);
    gateway.forward("oc_1").send().await.problem(502, "feishu_unreadable", "unknown");
    gateway.forward("oc_2").send().await.problem(502, "feishu_unreachable", "not_delivered");
    assert_eq!(gateway.forwards().len(), 21);
    gateway.advance(SECOND * 2);
    gateway.forward("oc_3").send().await.message_id();
    gateway.forward("oc_4").send().await.message_id();
    assert_eq!(closed(&gateway, "upstream", "main").await, 0);
    assert_eq!(closed(&gateway, "upstream", "second").await, 0);
}

#[actix_web::test]
async fn a_message_that_a_firewall_refuses_opens_no_circuit_and_is_sent_once() {
    let gateway = gateway().no_app_limits().start().await;
    let html = foreign(403, "text/html", "<html>");
    let poison = Fault { receive_id: Some("oc_1".into()), times: None, ..Fault::once(html) };
    gateway.simulator.add_fault(poison);
    for _ in 0..30 {
        let answer = gateway.see_through(gateway.forward("oc_1")).await;
        answer.problem(502, "feishu_unreadable", "unknown");
    }
    assert_eq!(gateway.forwards().len(), 30, "a firewall says the same again");
    for number in 0..12 {
        gateway.forward(&format!("ou_{number}")).send().await.message_id();
    }
}

#[actix_web::test]
async fn one_forward_that_always_fails_opens_the_circuit_to_nobody() {
    for kind in [foreign(502, "text/html", "<html>"), FaultKind::Cut] {
        let gateway = gateway().no_app_limits().start().await;
        let poison = Fault { receive_id: Some("oc_1".into()), times: None, ..Fault::once(kind) };
        gateway.simulator.add_fault(poison);
        for _ in 0..12 {
            let answer = gateway.see_through(gateway.forward("oc_1")).await;
            answer.problem(502, "feishu_unreadable", "unknown");
        }
        assert!(gateway.forwards().len() > 30);
        assert_eq!(closed(&gateway, "upstream", "main").await, 0);
        gateway.forward("oc_2").send().await.message_id();
    }
}

#[actix_web::test]
async fn one_that_failed_before_does_not_try_first_nor_keep_others_out() {
    let gateway = broken().await;
    gateway.spoil_every_forward(FaultKind::Cut);
    // It could try now, if it had not failed before.
    gateway.advance(SECOND);
    let calls = gateway.forwards().len();
    let again = gateway.forward("ou_3").send().await;
    again.problem(502, "feishu_unreachable", "not_delivered");
    assert_eq!(gateway.forwards().len(), calls);
    // Alone it is the probe. That it fails again keeps no other forward out.
    gateway.advance(SECOND);
    gateway.forward("ou_3").send().await.problem(502, "feishu_unreadable", "unknown");
    gateway.simulator.clear_faults();
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(closed(&gateway, "upstream", "main").await, 0);
}

#[actix_web::test]
async fn a_refusal_is_an_answer_and_opens_no_circuit() {
    let gateway = gateway().no_app_limits().start().await;
    gateway.spoil_every_forward(code(230002));
    for number in 0..30 {
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        answer.problem(403, "bot_not_in_chat", "not_delivered");
    }
    assert_eq!(gateway.forwards().len(), 30);
}

#[actix_web::test]
async fn a_token_that_is_refused_is_not_asked_for_by_everybody() {
    let setup = gateway().no_app_limits().fault(every_token(code(10014)));
    let gateway = setup.cold().start().await;
    gateway.sleeps_until(SECOND).await;
    for number in 0..40 {
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        let problem = answer.problem(502, "credentials_rejected", "not_delivered");
        assert_eq!(problem["feishu"]["code"], 10014);
    }
    assert_eq!(gateway.token_calls().len(), 1);
    assert_eq!(closed(&gateway, "token", "main").await, 1);
    gateway.simulator.clear_faults();
    gateway.advance(SECOND);
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(closed(&gateway, "token", "main").await, 0);
}
