//! The token APIs.

use std::time::Duration;

use feishu_simulator::{App, Options, Settings, Simulator};
use reqwest::Method;
use serde_json::json;

use crate::feishu::{APP, FORWARD, Feishu, SECRET, TENANT_TOKEN, reply};

const APP_TOKEN: &str = "/open-apis/auth/v3/app_access_token/internal";

#[tokio::test]
async fn a_token_answer_holds_its_results_at_the_top_level() {
    let feishu = Feishu::start().await;
    let answer = feishu.post(TENANT_TOKEN, &json!({"app_id": APP, "app_secret": SECRET})).await;
    let body = answer.json();
    assert_eq!(answer.verdict(), (200, 0));
    assert_eq!((&body["msg"], &body["expire"]), (&json!("ok"), &json!(7200)));
    assert!(body["tenant_access_token"].as_str().unwrap().starts_with("t-"));
    assert!(body.get("data").is_none());
    assert!(answer.header("x-tt-logid").is_some());
}

#[tokio::test]
async fn an_app_token_call_gives_both_tokens() {
    let feishu = Feishu::start().await;
    let body = feishu.post(APP_TOKEN, &json!({"app_id": APP, "app_secret": SECRET})).await.json();
    assert_eq!(body["app_access_token"], body["tenant_access_token"]);
    assert_eq!(body["tenant_access_token"], json!(feishu.token().await.0));
}

#[tokio::test]
async fn a_token_call_needs_no_content_type_and_ignores_unknown_members_and_a_slash_at_the_end() {
    let feishu = Feishu::start().await;
    let body = json!({"app_id": APP, "app_secret": SECRET, "more": 1}).to_string();
    let answer = reply(feishu.request(Method::POST, &format!("{TENANT_TOKEN}/")).body(body)).await;
    assert_eq!(answer.verdict(), (200, 0));
}

#[tokio::test]
async fn with_30_minutes_left_a_token_call_returns_the_current_token_and_its_remaining_seconds() {
    let feishu = Feishu::start().await;
    let (first, _) = feishu.token().await;
    feishu.pass(Duration::from_mins(90));
    assert_eq!(feishu.token().await, (first, 1800));
}

#[tokio::test]
async fn with_less_than_30_minutes_left_a_token_call_returns_a_new_token_and_both_are_valid() {
    let feishu = Feishu::start().await;
    let (first, _) = feishu.token().await;
    feishu.pass(Duration::from_mins(90) + Duration::from_nanos(1));
    let (second, expire) = feishu.token().await;
    assert_ne!(first, second);
    assert_eq!(expire, 7200);
    for token in [&first, &second] {
        assert_eq!(forward_with(&feishu, token).await, (200, 0));
    }
}

#[tokio::test]
async fn a_token_is_valid_until_its_lifetime_is_over() {
    let feishu = Feishu::start().await;
    let (token, _) = feishu.token().await;
    feishu.pass(Duration::from_hours(2) - Duration::from_nanos(1));
    assert_eq!(forward_with(&feishu, &token).await, (200, 0));
    feishu.pass(Duration::from_nanos(1));
    assert_eq!(forward_with(&feishu, &token).await, (400, 99_991_663));
}

#[tokio::test]
async fn the_lifetime_of_new_tokens_can_be_changed() {
    let settings = Settings { token_lifetime: Duration::from_hours(1), ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    assert_eq!(feishu.token().await.1, 3600);
}

#[tokio::test]
async fn after_a_revocation_the_old_token_is_rejected_and_a_token_call_returns_a_new_one() {
    let feishu = Feishu::start().await;
    let (old, _) = feishu.token().await;
    feishu.simulator.revoke_tokens();
    assert_eq!(forward_with(&feishu, &old).await, (400, 99_991_663));
    let (new, _) = feishu.token().await;
    assert_ne!(old, new);
    assert_eq!(forward_with(&feishu, &new).await, (200, 0));
}

#[tokio::test]
async fn a_token_of_another_simulator_is_rejected() {
    let (one, other) = (Feishu::start().await, Feishu::start().await);
    let (token, _) = one.token().await;
    other.token().await;
    assert_eq!(forward_with(&other, &token).await, (400, 99_991_663));
}

#[tokio::test]
async fn each_app_has_its_own_token() {
    let app = |app_id: &str| App::new(app_id, "s");
    let options = Options { apps: vec![app("cli_a"), app("cli_b")], ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let client = crate::feishu::client();
    let mut tokens = Vec::new();
    for app_id in ["cli_a", "cli_b"] {
        let request = client.post(format!("{}{TENANT_TOKEN}", simulator.url()));
        let body = reply(request.json(&json!({"app_id": app_id, "app_secret": "s"}))).await.json();
        tokens.push(body["tenant_access_token"].clone());
    }
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_http_200() {
    let feishu = Feishu::start().await;
    for (body, code, msg) in [
        (json!({"app_id": "cli_other", "app_secret": SECRET}), 10_014, "app id not exists"),
        (json!({"app_id": APP, "app_secret": "wrong"}), 10_014, "app secret invalid"),
        (json!({"app_id": APP}), 10_003, "invalid param"),
        (json!({"app_id": "", "app_secret": SECRET}), 10_003, "invalid param"),
        (json!({"app_id": 7, "app_secret": SECRET}), 10_003, "invalid param"),
        (json!([]), 10_003, "invalid param"),
    ] {
        let answer = feishu.post(TENANT_TOKEN, &body).await;
        assert_eq!((answer.verdict(), answer.msg()), ((200, code), msg.to_owned()), "{body}");
        assert!(answer.header("x-tt-logid").is_some());
    }
    let answer = reply(feishu.request(Method::POST, TENANT_TOKEN).body("{")).await;
    assert_eq!(answer.verdict(), (200, 10_003));
}

/// Forwards with this token, and returns the status and the code.
async fn forward_with(feishu: &Feishu, token: &str) -> (u16, i64) {
    let request = feishu.request(Method::POST, FORWARD).bearer_auth(token);
    reply(request.json(&json!({"receive_id": "oc_1"}))).await.verdict()
}
