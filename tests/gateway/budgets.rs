//! Budgets: how many calls to Feishu a caller's key may make.

use std::fs;
use std::path::Path;
use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::FaultKind;
use jiff::SignedDuration;
use serde_json::{Value, json};

use gateway_harness::{Answer, Forward, Gateway, Setup, all, code, gateway, ms};

const SECOND: Duration = Duration::from_secs(1);
/// The manual clock begins on 2026-01-01 at 8 o'clock in UTC+8.
const MONTH_ENDS_IN: Duration = Duration::from_hours(30 * 24 + 16);

fn per_minute(calls: u32) -> Setup {
    gateway().set("keys.tester.per_minute", &calls.to_string())
}

fn per_month(calls: u32) -> Setup {
    gateway().set("keys.tester.per_month", &calls.to_string())
}

fn dry(forward: Forward) -> Forward {
    forward.query("dry_run=true")
}

#[track_caller]
fn rate_limited(answer: &Answer, retry_after: &str) {
    let problem = answer.problem(429, "caller_rate_limited", "not_delivered");
    let facts = (&problem["fix_by"], &problem["retryable"], problem.get("feishu"));
    assert_eq!(facts, (&"caller".into(), &true.into(), None));
    assert_eq!(answer.header("retry-after"), Some(retry_after));
}

#[track_caller]
fn exhausted(answer: &Answer) -> Value {
    let problem = answer.problem(429, "caller_quota_exhausted", "not_delivered");
    let facts = (&problem["fix_by"], &problem["retryable"], problem.get("feishu"));
    assert_eq!(facts, (&"operator".into(), &false.into(), None));
    problem
}

/// The used calls and the limit of a budget in the metrics.
async fn measured(gateway: &Gateway, budget: &str) -> (Option<f64>, Option<f64>) {
    let metrics = gateway.metrics().await;
    let find = |what| {
        let name = format!("feishu_gateway_caller_budget_{what}");
        metrics.find(&name, &[("caller", "tester"), ("budget", budget)])
    };
    (find("used"), find("limit"))
}

#[actix_web::test]
async fn a_key_makes_as_many_calls_in_any_minute_as_it_may_and_is_told_when_the_next_one_may_go() {
    let gateway = per_minute(3).start().await;
    for number in 0..3 {
        gateway.forward(&format!("oc_{number}")).send().await.message_id();
        gateway.advance(SECOND * 10);
    }
    let answer = gateway.forward("oc_3").send().await;
    rate_limited(&answer, "30");
    let ends = "\"caller\";r=0;t=30";
    assert!(answer.header("ratelimit").is_some_and(|it| it.ends_with(ends)));
    gateway.advance_to_just_before(SECOND * 60);
    rate_limited(&gateway.forward("oc_3").send().await, "1");
    gateway.advance_to(SECOND * 60);
    gateway.forward("oc_3").send().await.message_id();
    rate_limited(&gateway.forward("oc_4").send().await, "10");
    assert_eq!(gateway.forwards().len(), 4);
    assert_eq!(measured(&gateway, "per_minute").await, (Some(3.0), Some(3.0)));
    assert_eq!(measured(&gateway, "per_month").await, (None, None));
}

#[actix_web::test]
async fn each_answer_says_what_may_be_used_and_what_is_left_of_it() {
    let gateway = per_minute(3).set("keys.tester.per_month", "1000").start().await;
    let answer = gateway.forward("oc_1").send().await;
    answer.message_id();
    let policy =
        "\"receiver\";q=5;w=1, \"app\";q=1000;w=60, \"caller\";q=3;w=60, \"caller_month\";q=1000";
    assert_eq!(answer.header("ratelimit-policy"), Some(policy));
    let month = MONTH_ENDS_IN.as_secs();
    let left =
        format!("\"receiver\";r=4;t=2, \"caller\";r=2;t=60, \"caller_month\";r=999;t={month}");
    assert_eq!(answer.header("ratelimit"), Some(&*left));
}

#[actix_web::test]
async fn a_key_without_a_budget_hears_and_shows_nothing_of_one() {
    let gateway = gateway().start().await;
    let answer = gateway.forward("oc_1").send().await;
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"receiver\";q=5;w=1, \"app\";q=1000;w=60")
    );
    assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=4;t=2"));
    let metrics = gateway.metrics().await;
    assert!(metrics.samples.iter().all(|it| !it.name.contains("caller_budget")));
}

#[actix_web::test]
async fn each_key_has_a_budget_of_its_own() {
    let other = ApiKey::generate();
    let gateway = per_minute(1)
        .set("keys.other.hash", &other.hash().to_string())
        .set("keys.other.app", "main")
        .set("keys.other.per_minute", "1")
        .start()
        .await;
    let with_other = || gateway.forward("oc_1").header("x-api-key", other.expose()).send();
    gateway.forward("oc_1").send().await.message_id();
    with_other().await.message_id();
    rate_limited(&gateway.forward("oc_1").send().await, "60");
    rate_limited(&with_other().await, "60");
}

#[actix_web::test]
async fn every_attempt_counts_and_feishus_answer_says_more_than_the_end_of_the_budget() {
    let gateway = per_minute(3).start().await;
    gateway.spoil_forward(code(230020));
    gateway.see_through(gateway.forward("oc_1")).await.message_id();
    assert_eq!(measured(&gateway, "per_minute").await.0, Some(2.0));
    gateway.spoil_forward(code(230020));
    let answer = gateway.see_through(gateway.forward("oc_2")).await;
    let problem = answer.problem(429, "receiver_rate_limited", "not_delivered");
    assert_eq!(problem["feishu"]["code"], 230020);
    assert_eq!(gateway.forwards().len(), 3);
}

#[actix_web::test]
async fn a_call_that_cannot_connect_counts_as_one_that_began() {
    let gateway = per_month(6).one_attempt().start().await;
    // Each cut takes a connection out of the pool, so that the next forward needs a new one.
    for number in 0..5 {
        gateway.spoil_forward(FaultKind::Cut);
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        answer.problem(502, "feishu_unreadable", "unknown");
    }
    gateway.simulator.refuse_connections().await;
    let answer = gateway.forward("oc_1").send().await;
    answer.problem(502, "feishu_unreachable", "not_delivered");
    exhausted(&gateway.forward("oc_1").send().await);
}

#[actix_web::test]
async fn nothing_counts_but_calls_to_feishu() {
    let gateway = per_minute(2).set("keys.tester.per_month", "2").start().await;
    let keyed = || gateway.forward("oc_1").header("idempotency-key", "order-17");
    let first = keyed().send().await.message_id();
    for _ in 0..5 {
        // A replay, a dry run, a request that is not one, and a receiver's turn that does not come in time.
        assert_eq!(keyed().send().await.message_id(), first);
        assert_eq!(dry(gateway.forward("oc_1")).send().await.status, 200);
        gateway.forward("om_1").send().await.problem(400, "invalid_request", "not_delivered");
    }
    assert_eq!(measured(&gateway, "per_minute").await.0, Some(1.0));
    assert_eq!(measured(&gateway, "per_month").await.0, Some(1.0));
    gateway.forward("oc_2").send().await.message_id();
    let answer = dry(gateway.forward("oc_1")).send().await;
    exhausted(&answer);
    assert!(answer.header("ratelimit").is_some_and(|it| it.contains("\"caller\";r=0;t=60")));
}

#[actix_web::test]
async fn a_turn_that_is_refused_or_given_up_gives_its_call_back() {
    let gateway = per_minute(6).start().await;
    for _ in 0..5 {
        gateway.forward("oc_1").send().await.message_id();
    }
    for _ in 0..10 {
        let answer = gateway.forward("oc_1").header("prefer", "wait=0").send().await;
        answer.problem(429, "receiver_rate_limited", "not_delivered");
    }
    // One that waits is as good as made, until its caller hangs up.
    for _ in 0..3 {
        let waiting = gateway.queue_up(1, "oc_1").await;
        rate_limited(&gateway.forward("oc_2").send().await, "60");
        gateway.hang_up(waiting.into_iter().next().unwrap()).await;
    }
    assert_eq!(measured(&gateway, "per_minute").await.0, Some(5.0));
    let waiting = gateway.queue_up(1, "oc_1").await;
    gateway.sleeps_until(ms(1050)).await;
    gateway.advance_to(ms(1050));
    all(waiting).await[0].message_id();
    assert_eq!(measured(&gateway, "per_minute").await.0, Some(6.0));
}

#[actix_web::test]
async fn the_calls_of_a_month_are_used_up_until_the_next_one_begins_in_utc_8() {
    let gateway = per_month(2).start().await;
    for _ in 0..2 {
        gateway.forward("oc_1").send().await.message_id();
    }
    for answer in [gateway.forward("oc_1").send().await, dry(gateway.forward("oc_1")).send().await]
    {
        let problem = exhausted(&answer);
        assert!(problem["detail"].as_str().is_some_and(|it| it.contains("2026-01")), "{problem:#}");
        // As with any answer, a day is the longest that a caller is told to wait.
        assert_eq!(answer.header("retry-after"), Some("86400"));
    }
    let month = SignedDuration::try_from(MONTH_ENDS_IN).unwrap();
    let minute = SignedDuration::from_mins(1);
    gateway.hand.move_calendar(month - minute);
    let answer = gateway.forward("oc_1").send().await;
    exhausted(&answer);
    assert_eq!(answer.header("retry-after"), Some("60"));
    gateway.hand.move_calendar(minute);
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(measured(&gateway, "per_month").await, (Some(1.0), Some(2.0)));
    // A clock that goes back finds what was used.
    gateway.hand.move_calendar(-minute);
    exhausted(&gateway.forward("oc_1").send().await);
    gateway.hand.move_calendar(minute);
    gateway.forward("oc_1").send().await.message_id();
    exhausted(&gateway.forward("oc_1").send().await);
}

/// Writes a keys file with one key, and returns when the gateway has read it.
async fn written(gateway: &Gateway, file: &Path, key: &ApiKey, budget: &str, number: u32) {
    fs::write(file, format!("[tester2]\nhash = \"{}\"\n{budget}", key.hash()))
        .expect("a folder of the test's own");
    let look = SECOND * 2;
    gateway.sleep(|all| all.contains(&(look * number))).await;
    gateway.advance_to(look * number);
    gateway.sleep(|all| all.contains(&(look * (number + 1)))).await;
}

#[actix_web::test]
async fn another_budget_holds_from_the_next_look_at_the_keys_and_what_was_used_stays_used() {
    let (key, dir) = (ApiKey::generate(), tempfile::tempdir().unwrap());
    let file = dir.path().join("keys.toml");
    fs::write(&file, format!("[tester2]\nhash = \"{}\"\nper_minute = 1\n", key.hash())).unwrap();
    let gateway = gateway().set("keys_file", file.to_str().unwrap()).start().await;
    let forward = || gateway.forward("oc_1").header("x-api-key", key.expose()).send();
    let limits = async || {
        let metrics = gateway.metrics().await;
        metrics.find("feishu_gateway_caller_budget_limit", &[("caller", "tester2")])
    };
    assert_eq!(limits().await, Some(1.0));
    forward().await.message_id();
    rate_limited(&forward().await, "60");
    written(&gateway, &file, &key, "per_minute = 2\n", 1).await;
    forward().await.message_id();
    rate_limited(&forward().await, "58");
    assert_eq!(limits().await, Some(2.0));
    written(&gateway, &file, &key, "", 2).await;
    forward().await.message_id();
    assert_eq!(limits().await, None);
}

#[actix_web::test]
async fn on_feishus_own_paths_a_budget_is_a_limit_of_feishus() {
    let path = "/open-apis/im/v1/messages/om_1/forward?receive_id_type=chat_id";
    let forward = async |gateway: &Gateway| {
        let request = gateway.http.post(format!("{}{path}", gateway.api)).bearer_auth(&gateway.key);
        Answer::of(request.body(json!({ "receive_id": "oc_1" }).to_string())).await
    };
    let gateway = per_minute(2).start().await;
    for _ in 0..2 {
        assert_eq!(forward(&gateway).await.json()["code"], 0);
    }
    let answer = forward(&gateway).await;
    assert_eq!((answer.status, &answer.json()["code"]), (429, &99_991_400.into()));
    assert_eq!(answer.header("x-gateway-problem"), Some("caller_rate_limited"));
    assert_eq!(answer.header("x-ogw-ratelimit-limit"), Some("2"));
    assert_eq!(answer.header("x-ogw-ratelimit-reset"), Some("60"));
    let gateway = per_month(1).start().await;
    assert_eq!(forward(&gateway).await.json()["code"], 0);
    let answer = forward(&gateway).await;
    assert_eq!((answer.status, &answer.json()["code"]), (500, &2200.into()));
    assert_eq!(answer.header("x-gateway-problem"), Some("caller_quota_exhausted"));
}
