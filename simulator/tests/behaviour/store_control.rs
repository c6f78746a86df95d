//! The part of the control API that is about store apps.

use reqwest::Method;
use serde_json::{Value, json};

use crate::control::call;
use crate::feishu::Feishu;
use crate::receiver::Receiver;
use crate::store::{STORE_APP, start};

async fn post(feishu: &Feishu, path: &str, body: &Value) -> (u16, Value) {
    let answer = call(feishu, Method::POST, path, &body.to_string()).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn tenants_change_and_are_shown() {
    let feishu = start().await;
    let tenant = json!({"app_id": STORE_APP, "tenant_key": "initech"});
    let (_, body) = post(&feishu, "/install", &tenant).await;
    assert_eq!(body, json!({"tenants": ["acme", "globex", "initech"]}));
    let (_, body) = post(&feishu, "/uninstall", &tenant).await;
    assert_eq!(body, json!({"tenants": ["acme", "globex"]}));
    let shown = call(&feishu, Method::GET, "/apps", "").await.json();
    let app = json!({
        "app_id": STORE_APP,
        "tenants": ["acme", "globex"],
        "push_url": null,
        "app_tickets": ["first"],
    });
    assert_eq!(shown, json!([app]));
}

#[tokio::test]
async fn everything_can_be_pushed_and_the_answer_is_the_receivers() {
    let (feishu, receiver) = (start().await, Receiver::start().await);
    let url = json!({"app_id": STORE_APP, "url": receiver.url});
    assert_eq!(post(&feishu, "/push_url", &url).await.0, 200);
    let event = json!({"event": {"event_type": "any", "tenant_key": "acme", "event": {"a": 1}}});
    for (push, is_accepted) in
        [(json!("app_ticket"), true), (json!("address_check"), false), (event, true)]
    {
        let (status, body) =
            post(&feishu, "/push", &json!({"app_id": STORE_APP, "push": push})).await;
        let answer = json!({"status": 200, "body": "{}", "is_accepted": is_accepted});
        assert_eq!((status, body), (200, json!({"answer": answer})), "{push}");
    }
    assert_eq!(receiver.last().json()["event"], json!({"a": 1}));
    assert_eq!(feishu.simulator.ledger().pushes.len(), 3);
}

#[tokio::test]
async fn due_pushes_are_sent_on_request() {
    let feishu = start().await;
    feishu.simulator.set_push_url(STORE_APP, "http://127.0.0.1:1");
    let (_, body) =
        post(&feishu, "/push", &json!({"app_id": STORE_APP, "push": "app_ticket"})).await;
    assert_eq!(body["answer"], json!(null));
    post(&feishu, "/clock", &json!({"advance_ms": 15_000})).await;
    assert_eq!(post(&feishu, "/push_due", &json!({})).await.1.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn mistakes_are_named() {
    let feishu = start().await;
    for (path, body, field) in [
        ("/install", json!({"app_id": "cli_none", "tenant_key": "t"}), "app_id"),
        ("/install", json!({"app_id": STORE_APP, "tenant_key": ""}), "tenant_key"),
        ("/push_url", json!({"app_id": STORE_APP, "url": "https://127.0.0.1"}), "url"),
        ("/push", json!({"app_id": "cli_none", "push": "app_ticket"}), "app_id"),
        ("/push", json!({"app_id": STORE_APP, "push": "app_ticket"}), "app_id"),
        ("/push", json!({"app_id": STORE_APP, "push": "other"}), "push"),
    ] {
        let (status, answer) = post(&feishu, path, &body).await;
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{path} {body}");
    }
}

#[tokio::test]
async fn a_reset_restores_tenants_and_tickets() {
    let feishu = start().await;
    feishu.simulator.uninstall(STORE_APP, "acme");
    feishu.simulator.push_ticket(STORE_APP).await.unwrap_err();
    call(&feishu, Method::POST, "/reset", "").await;
    let shown = call(&feishu, Method::GET, "/apps", "").await.json();
    assert_eq!(shown[0]["tenants"], json!(["acme", "globex"]));
    assert_eq!(shown[0]["app_tickets"], json!(["first"]));
}
