//! What Feishu refuses the app itself is remembered for a while, and not asked again by everybody.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault};

use gateway_harness::{Gateway, code, gateway, ms};

/// Codes that say nothing of what was forwarded: status, problem, the metric's gate.
const OF_THE_APP: &[(i64, u16, &str, &str)] = &[
    (99991403, 429, "monthly_quota_exhausted", "quota"),
    (11247, 429, "daily_quota_exhausted", "daily_quota"),
    (99991401, 502, "gateway_address_denied", "refused"),
    (99991662, 502, "app_not_in_use", "refused"),
    (99991673, 502, "app_not_available", "refused"),
    (230006, 403, "bot_not_enabled", "refused"),
];
const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_mins(5);

async fn closed(gateway: &Gateway, gate: &str, app: &str) -> u64 {
    let labels = [("circuit", gate), ("app", app)];
    gateway.metrics().await.count("feishu_gateway_open_circuits", &labels)
}

async fn warnings(gateway: &Gateway) -> String {
    let answer = gateway.ask_admin("GET", "/readyz").await;
    assert_eq!(answer.status, 200);
    answer.json()["warnings"].to_string()
}

#[actix_web::test]
async fn one_refusal_of_the_app_keeps_everybody_from_asking_again_for_minutes() {
    for (number, status, problem, gate) in OF_THE_APP.iter().copied() {
        let other = ApiKey::generate();
        let setup =
            gateway().second_app_of(&other).no_app_limits().set("feishu.quota_interval", "5m");
        let gateway = setup.start().await;
        gateway.spoil_every_forward(code(number));
        let first = gateway.forward("oc_1").send().await;
        let said = first.problem(status, problem, "not_delivered");
        assert_eq!(said["feishu"]["code"], number);
        gateway.advance(SECOND * 10);
        for receiver in 0..20 {
            let answer = gateway.forward(&format!("ou_{receiver}")).send().await;
            let told = answer.problem(status, problem, "not_delivered");
            assert!(told.get("feishu").is_none(), "Feishu was not asked");
            assert!(told["detail"].as_str().unwrap().contains(&number.to_string()), "{told}");
            assert_eq!(
                (&told["remedy"], &told["retryable"]),
                (&said["remedy"], &said["retryable"])
            );
            assert_eq!(answer.header("retry-after"), (status == 429).then_some("290"));
        }
        assert_eq!(gateway.forwards().len(), 1, "{number}");
        for known in ["quota", "daily_quota", "refused"] {
            assert_eq!(closed(&gateway, known, "main").await, u64::from(known == gate), "{number}");
        }
        assert!(warnings(&gateway).await.contains(&number.to_string()));
        // Another app is not touched.
        gateway.simulator.clear_faults();
        let forward = gateway.forward("oc_3").header("x-api-key", other.expose());
        forward.send().await.message_id();
        assert_eq!(closed(&gateway, gate, "second").await, 0);
        gateway.advance(SECOND * 290);
        gateway.forward("oc_4").send().await.message_id();
        gateway.forward("oc_5").send().await.message_id();
        assert_eq!(closed(&gateway, gate, "main").await, 0);
        assert_eq!(warnings(&gateway).await, "null");
    }
}

#[actix_web::test]
async fn when_the_time_is_over_one_tries_and_the_others_wait_for_it() {
    let gateway = gateway().no_app_limits().start().await;
    gateway.spoil_every_forward(code(99991662));
    gateway.forward("oc_1").send().await;
    gateway.advance(INTERVAL);
    gateway.simulator.clear_faults();
    let slow =
        Fault { api: Some(Api::Forward), ..Fault::once(feishu_simulator::FaultKind::Silence) };
    gateway.simulator.add_fault(slow);
    let trial = gateway.forward("oc_2").spawn();
    gateway.forwards_reach(2).await;
    for number in 0..5 {
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        answer.problem(502, "app_not_in_use", "not_delivered");
    }
    assert_eq!(gateway.forwards().len(), 2);
    trial.abort();
    // Nothing was heard of it: the next one tries ten seconds later.
    gateway.advance(SECOND * 10);
    gateway.forward("oc_3").send().await.message_id();
    gateway.forward("oc_4").send().await.message_id();
}

#[actix_web::test]
async fn a_forward_that_lacks_a_permission_closes_nothing_to_others() {
    let gateway = gateway().no_app_limits().start().await;
    let poison =
        Fault { receive_id: Some("oc_1".into()), times: None, ..Fault::once(code(99991672)) };
    gateway.simulator.add_fault(poison);
    for number in 0..10 {
        let answer = gateway.forward("oc_1").send().await;
        answer.problem(403, "permission_missing", "not_delivered");
        gateway.forward(&format!("ou_{number}")).send().await.message_id();
        gateway.forward(&format!("omt_{number}")).send().await.message_id();
        gateway.advance(SECOND);
    }
    let asked =
        gateway.forwards().iter().filter(|it| it.receive_id.as_deref() == Some("oc_1")).count();
    assert_eq!(asked, 1, "the same forward is not asked again either");
    // Another message to it may need no such permission.
    let answer = gateway.forward("oc_1").message("om_2").send().await;
    assert!(answer.json()["feishu"].is_object());
    gateway.forward("oc_2").send().await.message_id();
    assert_eq!(closed(&gateway, "refused", "main").await, 0);
    gateway.advance(INTERVAL);
    let answer = gateway.forward("oc_1").send().await;
    assert!(answer.json()["feishu"].is_object(), "after a while it is asked again");
}

#[actix_web::test]
async fn a_permission_that_three_forwards_lack_is_missing_for_that_type_of_receiver() {
    for number in [99991672, 99991676, 99991679] {
        let gateway = gateway().no_app_limits().start().await;
        let lacking = |times| Fault { api: Some(Api::Forward), times, ..Fault::once(code(number)) };
        gateway.simulator.add_fault(lacking(Some(2)));
        for receiver in ["oc_1", "oc_2", "oc_3"] {
            gateway.forward(receiver).send().await;
        }
        // The third got through: it was not the app.
        assert_eq!(closed(&gateway, "refused", "main").await, 0);
        gateway.simulator.add_fault(lacking(None));
        for receiver in 0..10 {
            let answer = gateway.forward(&format!("oc_{receiver}_more")).send().await;
            answer.problem(403, "permission_missing", "not_delivered");
        }
        assert_eq!(gateway.forwards().len(), 3 + 3, "{number}");
        assert_eq!(closed(&gateway, "refused", "main").await, 1);
        assert!(warnings(&gateway).await.contains(&number.to_string()));
        gateway.simulator.clear_faults();
        gateway.forward("ou_1").send().await.message_id();
        gateway.advance(INTERVAL);
        gateway.forward("oc_4").send().await.message_id();
        assert_eq!(closed(&gateway, "refused", "main").await, 0);
    }
}

#[actix_web::test]
async fn what_depends_on_the_chat_is_asked_each_time() {
    let gateway = gateway().no_app_limits().start().await;
    gateway.spoil_every_forward(code(230027));
    for receiver in 0..10 {
        let answer = gateway.forward(&format!("oc_{receiver}")).send().await;
        answer.problem(403, "permission_missing", "not_delivered");
    }
    assert_eq!(gateway.forwards().len(), 10);
}

#[actix_web::test]
async fn a_dry_run_says_that_the_app_is_refused() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(code(99991662));
    gateway.forward("oc_1").send().await;
    gateway.advance(ms(1));
    let answer = gateway.forward("oc_2").query("dry_run=true").send().await;
    answer.problem(502, "app_not_in_use", "not_delivered");
    assert_eq!(gateway.forwards().len(), 1);
}
