//! What tests of store apps share: a simulator with one, and its token calls.

use std::sync::Arc;
use std::time::Duration;

use feishu_simulator::{App, Options, Settings, Simulator, StoreApp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::feishu::{FORWARD, Feishu, Reply, reply};

pub(crate) const STORE_APP: &str = "cli_store";
pub(crate) const STORE_SECRET: &str = "store-secret";
pub(crate) const APP_TOKEN: &str = "/open-apis/auth/v3/app_access_token";
pub(crate) const TENANT_TOKEN: &str = "/open-apis/auth/v3/tenant_access_token";
pub(crate) const RESEND: &str = "/open-apis/auth/v3/app_ticket/resend";

/// A simulator with a store app in the tenants `acme` and `globex`, whose ticket is `first`, and with the self-built app.
pub(crate) async fn start() -> Feishu {
    start_with(Settings::default(), None, None).await
}

pub(crate) async fn start_with(
    settings: Settings,
    encrypt_key: Option<&str>,
    push_url: Option<&str>,
) -> Feishu {
    let store = StoreApp {
        verification_token: "verification".into(),
        encrypt_key: encrypt_key.map(str::to_owned),
        tenants: vec!["acme".into(), "globex".into()],
        push_url: push_url.map(str::to_owned),
        app_ticket: Some("first".into()),
    };
    let options = Options {
        apps: vec![App::default(), App::store(STORE_APP, STORE_SECRET, store)],
        clock: Arc::new(|| Duration::ZERO),
        settings,
        ..Options::default()
    };
    Feishu::of(Simulator::start(options).await.unwrap())
}

/// The body of a call of the store app.
pub(crate) fn credentials() -> Value {
    json!({"app_id": STORE_APP, "app_secret": STORE_SECRET})
}

/// Asks for the token of the app.
pub(crate) async fn ask_app_token(feishu: &Feishu, ticket: &str) -> Reply {
    let mut body = credentials();
    body["app_ticket"] = json!(ticket);
    feishu.post(APP_TOKEN, &body).await
}

/// Asks for the token of a tenant, with the app's newest ticket.
pub(crate) async fn ask_tenant_token(feishu: &Feishu, tenant_key: &str) -> Reply {
    let ticket = feishu.simulator.app_ticket(STORE_APP).unwrap();
    let app_token = ask_app_token(feishu, &ticket).await.json()["app_access_token"].clone();
    feishu
        .post(TENANT_TOKEN, &json!({"app_access_token": app_token, "tenant_key": tenant_key}))
        .await
}

pub(crate) async fn tenant_token(feishu: &Feishu, tenant_key: &str) -> String {
    let body = ask_tenant_token(feishu, tenant_key).await.json();
    body["tenant_access_token"].as_str().unwrap().to_owned()
}

/// Forwards `om_1` to a chat with this token.
pub(crate) async fn forward_with(feishu: &Feishu, token: &str, chat_id: &str) -> Reply {
    let request = feishu.request(Method::POST, FORWARD).bearer_auth(token);
    reply(request.json(&json!({"receive_id": chat_id}))).await
}
