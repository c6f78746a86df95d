//! The token APIs of store apps, and what their tokens are good for.

use std::time::Duration;

use feishu_simulator::{Api, Settings};
use serde_json::json;

use crate::feishu::{APP, FORWARD, SECRET};
use crate::store::{
    APP_TOKEN, RESEND, STORE_APP, STORE_SECRET, TENANT_TOKEN, ask_app_token, ask_tenant_token,
    credentials, forward_with, start, start_with, tenant_token,
};

#[tokio::test]
async fn a_ticket_gets_an_app_token_and_that_gets_the_token_of_a_tenant() {
    let feishu = start().await;
    let body = ask_app_token(&feishu, "first").await.json();
    assert_eq!(
        (&body["code"], &body["msg"], &body["expire"]),
        (&json!(0), &json!("ok"), &json!(7200))
    );
    assert!(body["app_access_token"].as_str().unwrap().starts_with("a-"));
    assert!(body.get("tenant_access_token").is_none());
    let body = ask_tenant_token(&feishu, "acme").await.json();
    assert_eq!((&body["code"], &body["expire"]), (&json!(0), &json!(7200)));
    let token = body["tenant_access_token"].as_str().unwrap();
    assert!(token.starts_with("t-"));
    let message = forward_with(&feishu, token, "oc_1").await.message();
    assert_eq!(message["sender"]["id"], json!(STORE_APP));
    assert_eq!(message["sender"]["tenant_key"], json!("acme"));
}

#[tokio::test]
async fn a_slash_at_the_end_and_unknown_members_do_not_matter() {
    let feishu = start().await;
    let mut body = credentials();
    body["app_ticket"] = json!("first");
    body["more"] = json!(1);
    let answer = feishu.post(&format!("{APP_TOKEN}/"), &body).await;
    assert_eq!(answer.verdict(), (200, 0));
    let body = json!({"app_access_token": answer.json()["app_access_token"], "tenant_key": "acme"});
    assert_eq!(feishu.post(&format!("{TENANT_TOKEN}/"), &body).await.verdict(), (200, 0));
    assert_eq!(feishu.post(&format!("{RESEND}/"), &credentials()).await.verdict(), (200, 0));
}

#[tokio::test]
async fn a_wrong_ticket_and_none_are_refused_with_10012() {
    let feishu = start().await;
    for ticket in ["wrong", ""] {
        assert_eq!(ask_app_token(&feishu, ticket).await.verdict(), (200, 10_012));
    }
    assert_eq!(feishu.post(APP_TOKEN, &credentials()).await.verdict(), (200, 10_012));
}

#[tokio::test]
async fn a_ticket_is_valid_until_the_next_but_one_or_as_the_setting_says() {
    let feishu = start().await;
    feishu.simulator.push_ticket(STORE_APP).await.unwrap_err();
    assert_eq!(ask_app_token(&feishu, "first").await.code(), 0);
    feishu.simulator.change_settings(|settings| settings.valid_tickets = 1);
    assert_eq!(ask_app_token(&feishu, "first").await.code(), 10_012);
    feishu.simulator.change_settings(|settings| settings.valid_tickets = 2);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap_err();
    assert_eq!(ask_app_token(&feishu, "first").await.code(), 10_012);
    let newest = feishu.simulator.app_ticket(STORE_APP).unwrap();
    assert_eq!(ask_app_token(&feishu, &newest).await.code(), 0);
}

#[tokio::test]
async fn each_kind_of_app_is_refused_by_the_token_apis_of_the_other() {
    let feishu = start().await;
    for path in [crate::feishu::TENANT_TOKEN, "/open-apis/auth/v3/app_access_token/internal"] {
        assert_eq!(feishu.post(path, &credentials()).await.verdict(), (200, 10_005));
    }
    let self_built = json!({"app_id": APP, "app_secret": SECRET, "app_ticket": "first"});
    assert_eq!(feishu.post(APP_TOKEN, &self_built).await.verdict(), (200, 10_005));
    assert_eq!(feishu.post(RESEND, &self_built).await.verdict(), (200, 10_016));
    feishu.simulator.change_settings(|settings| settings.wrong_app_type_code = 10_003);
    assert_eq!(feishu.post(APP_TOKEN, &self_built).await.verdict(), (200, 10_003));
}

#[tokio::test]
async fn wrong_credentials_are_refused_by_each_api() {
    let feishu = start().await;
    for path in [APP_TOKEN, RESEND] {
        for (body, code) in [
            (json!({"app_id": "cli_none", "app_secret": STORE_SECRET}), 10_014),
            (json!({"app_id": STORE_APP, "app_secret": "wrong"}), 10_014),
            (json!({"app_id": STORE_APP}), 10_003),
        ] {
            assert_eq!(feishu.post(path, &body).await.verdict(), (200, code), "{path} {body}");
        }
    }
    for (body, code) in [
        (json!({"app_access_token": "a-wrong", "tenant_key": "acme"}), 99_991_664),
        (json!({"tenant_key": "acme"}), 10_003),
        (json!({"app_access_token": "a-wrong"}), 10_003),
    ] {
        assert_eq!(feishu.post(TENANT_TOKEN, &body).await.verdict(), (200, code), "{body}");
    }
}

#[tokio::test]
async fn each_tenant_has_a_token_that_stays_the_same_while_30_minutes_are_left() {
    let feishu = start().await;
    let (acme, globex) =
        (tenant_token(&feishu, "acme").await, tenant_token(&feishu, "globex").await);
    assert_ne!(acme, globex);
    feishu.pass(Duration::from_mins(90));
    let body = ask_tenant_token(&feishu, "acme").await.json();
    assert_eq!((&body["tenant_access_token"], &body["expire"]), (&json!(acme), &json!(1800)));
    feishu.pass(Duration::from_secs(1));
    assert_ne!(tenant_token(&feishu, "acme").await, acme);
    assert_eq!(forward_with(&feishu, &acme, "oc_1").await.code(), 0);
}

#[tokio::test]
async fn an_uninstalled_tenant_gets_no_token_and_its_token_is_refused_and_others_do_not_notice() {
    let feishu = start().await;
    let (acme, globex) =
        (tenant_token(&feishu, "acme").await, tenant_token(&feishu, "globex").await);
    feishu.simulator.uninstall(STORE_APP, "acme");
    assert_eq!(ask_tenant_token(&feishu, "acme").await.verdict(), (200, 99_991_673));
    assert_eq!(forward_with(&feishu, &acme, "oc_1").await.verdict(), (400, 99_991_673));
    assert_eq!(forward_with(&feishu, &globex, "oc_1").await.code(), 0);
    feishu.simulator.change_settings(|settings| settings.uninstalled_tenant_code = 10_013);
    assert_eq!(ask_tenant_token(&feishu, "unknown").await.verdict(), (200, 10_013));
    feishu.simulator.install(STORE_APP, "acme");
    assert_eq!(ask_tenant_token(&feishu, "acme").await.code(), 0);
}

#[tokio::test]
async fn revoked_tokens_are_refused_and_so_is_the_app_token() {
    let feishu = start().await;
    let app_token = ask_app_token(&feishu, "first").await.json()["app_access_token"].clone();
    feishu.simulator.revoke_tokens();
    let body = json!({"app_access_token": app_token, "tenant_key": "acme"});
    assert_eq!(feishu.post(TENANT_TOKEN, &body).await.code(), 99_991_664);
}

#[tokio::test]
async fn each_tenant_has_limits_of_its_own() {
    let settings = Settings { app_per_second: 3, receiver_per_second: 1, ..Settings::default() };
    let feishu = start_with(settings, None, None).await;
    for tenant_key in ["acme", "globex"] {
        let token = tenant_token(&feishu, tenant_key).await;
        assert_eq!(forward_with(&feishu, &token, "oc_1").await.code(), 0);
        assert_eq!(forward_with(&feishu, &token, "oc_1").await.code(), 230_020);
        assert_eq!(forward_with(&feishu, &token, "oc_2").await.code(), 0);
        assert_eq!(forward_with(&feishu, &token, "oc_3").await.code(), 99_991_400);
    }
}

#[tokio::test]
async fn a_uuid_is_new_to_another_tenant() {
    let feishu = start().await;
    let path = format!("{FORWARD}&uuid=order-1");
    let mut messages = Vec::new();
    for tenant_key in ["acme", "globex", "acme"] {
        let token = tenant_token(&feishu, tenant_key).await;
        let request = feishu.request(reqwest::Method::POST, &path).bearer_auth(token);
        let answer = crate::feishu::reply(request.json(&json!({"receive_id": "oc_1"}))).await;
        messages.push(answer.message_id());
    }
    assert_ne!(messages[0], messages[1]);
    assert_eq!(messages[0], messages[2]);
}

#[tokio::test]
async fn the_ledger_names_app_and_tenant() {
    let feishu = start().await;
    forward_with(&feishu, &tenant_token(&feishu, "acme").await, "oc_1").await;
    feishu.forward("oc_1").await;
    let ledger = feishu.simulator.ledger();
    let of = |api| {
        let named = ledger.of(api).map(|it| (it.app_id.as_deref(), it.tenant_key.as_deref()));
        named.collect::<Vec<_>>()
    };
    assert_eq!(of(Api::StoreAppAccessToken), [(Some(STORE_APP), None)]);
    assert_eq!(of(Api::StoreTenantAccessToken), [(Some(STORE_APP), Some("acme"))]);
    let own = "736588c9260f175e";
    assert_eq!(of(Api::Forward), [(Some(STORE_APP), Some("acme")), (Some(APP), Some(own))]);
    let tenants: Vec<_> = ledger.deliveries.iter().map(|it| it.tenant_key.as_str()).collect();
    assert_eq!(tenants, ["acme", own]);
}
