//! Tenants of a store app: which one a request is for, and what a caller may do there.

use feishu_forward_gateway::model::api_key::ApiKey;
use serde_json::{Value, json};

use gateway_harness::{Answer, Forward, Gateway, Setup, gateway, log};

use crate::events::store_app;

const TENANT: &str = "X-Tenant-Key";
const FORWARD: &str = "/open-apis/im/v1/messages/om_1/forward?receive_id_type=chat_id&dry_run=1";
const AUTH: &str = "/open-apis/auth/v3";

/// A gateway whose caller `tester` forwards with the store app `shop`, in these tenants.
fn shop(tenants: &str) -> Setup {
    store_app(gateway()).set("keys.tester.app", "shop").set("keys.tester.tenant_key", tenants)
}

fn forward(gateway: &Gateway, tenant: Option<&str>) -> Forward {
    let forward = gateway.forward("oc_1").query("dry_run=1");
    match tenant {
        Some(tenant) => forward.header(TENANT, tenant),
        None => forward,
    }
}

async fn get(gateway: &Gateway, path: &str) -> Answer {
    Answer::of(gateway.call("GET", path)).await
}

#[track_caller]
fn wrong(answer: &Answer) -> Vec<String> {
    answer.problem(400, "invalid_request", "not_delivered");
    answer.wrong_fields()
}

async fn token(gateway: &Gateway, path: &str, body: &Value) -> Value {
    let url = format!("{}{AUTH}/{path}", gateway.api);
    let answer = Answer::of(gateway.http.post(url).body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[actix_web::test]
async fn a_key_for_several_tenants_names_one_of_them_and_the_mistake_is_told_with_the_others() {
    let gateway = shop("a,b").start().await;
    assert_eq!(wrong(&forward(&gateway, None).send().await), [TENANT]);
    let answer = forward(&gateway, None).query("when=now").body("{}").send().await;
    let fields = wrong(&answer);
    for field in ["when", "receive_id", TENANT] {
        assert!(fields.iter().any(|it| it == field), "{field}: {fields:?}");
    }
    assert_eq!(wrong(&forward(&gateway, Some("a b")).send().await), [TENANT]);
    let answer = forward(&gateway, Some("c")).send().await;
    answer.problem(403, "tenant_not_allowed", "not_delivered");
    assert!(gateway.forwards().is_empty());
}

#[actix_web::test]
async fn a_key_for_one_tenant_needs_no_header_which_agrees_if_it_is_there() {
    let gateway = shop("a").start().await;
    let answer = forward(&gateway, Some("b")).send().await;
    answer.problem(403, "tenant_not_allowed", "not_delivered");
}

#[actix_web::test]
async fn a_key_of_a_self_built_app_has_no_tenant() {
    let gateway = gateway().start().await;
    assert_eq!(wrong(&forward(&gateway, Some("a")).send().await), [TENANT]);
    let merge = gateway.merge("oc_1", &["om_1"]).header(TENANT, "a").send().await;
    assert_eq!(wrong(&merge), [TENANT]);
    assert_eq!(forward(&gateway, None).send().await.status, 200);
}

#[actix_web::test]
async fn what_needs_no_tenant_does_not_ask_for_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("gateway.db");
    let gateway = shop("*").set("broadcasts.path", &path.display().to_string()).start().await;
    let listed = get(&gateway, "/v1/broadcasts").await;
    assert_eq!((listed.status, &listed.json()["broadcasts"]), (200, &json!([])));
    assert_eq!(wrong(&gateway.broadcast(["oc_1"]).send().await), [TENANT]);
}

#[actix_web::test]
async fn a_broadcast_and_its_retry_are_in_the_tenant_of_its_request() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("gateway.db");
    let gateway = shop("a,b").set("broadcasts.path", &path.display().to_string()).start().await;
    let accept = |tenant: &str| gateway.broadcast(["oc_1"]).header(TENANT, tenant).send();
    let accepted = accept("a").await;
    assert_eq!((accepted.status, &accepted.json()["tenant_key"]), (202, &"a".into()));
    assert_eq!(accept("a").await.json()["id"], accepted.json()["id"]);
    // The same receiver in another tenant is another one.
    accept("b").await.problem(422, "idempotency_key_reused", "not_delivered");
    let id = accepted.json()["id"].as_str().expect("an id").to_owned();
    let read = get(&gateway, &format!("/v1/broadcasts/{id}")).await;
    assert_eq!(read.json()["tenant_key"], "a");
    let retry = |tenant: &str| {
        let retry = gateway.call("POST", &format!("/v1/broadcasts/{id}/retry"));
        Answer::of(retry.header("Idempotency-Key", "two").header(TENANT, tenant))
    };
    assert_eq!(wrong(&retry("b").await), [TENANT]);
    retry("c").await.problem(403, "tenant_not_allowed", "not_delivered");
}

#[actix_web::test]
async fn a_program_of_a_store_app_gets_a_token_for_each_tenant() {
    let gateway = shop("a,b").start().await;
    for end in ["", "/"] {
        for app_id in ["tester", "cli_xxx"] {
            let app = json!({ "app_id": app_id, "app_secret": gateway.key, "app_ticket": "any" });
            let resent = token(&gateway, &format!("app_ticket/resend{end}"), &app).await;
            assert_eq!(resent, json!({ "code": 0, "msg": "success" }));
            let app = token(&gateway, &format!("app_access_token{end}"), &app).await;
            assert_eq!((&app["code"], &app["expire"]), (&0.into(), &1800.into()), "{app}");
            assert!(app.get("tenant_access_token").is_none());
            let asked = json!({ "app_access_token": app["app_access_token"], "tenant_key": "b" });
            let tenant = token(&gateway, &format!("tenant_access_token{end}"), &asked).await;
            assert_eq!((&tenant["code"], &tenant["expire"]), (&0.into(), &1800.into()));
            let bearer = tenant["tenant_access_token"].as_str().expect("a token");
            assert!(bearer.starts_with("t-") && tenant.get("app_access_token").is_none());
            // The token is for its tenant alone.
            let request = gateway.http.post(format!("{}{FORWARD}", gateway.api));
            let request = request.bearer_auth(bearer).header(TENANT, "a");
            let answer = Answer::of(request.body(r#"{"receive_id":"oc_1"}"#)).await;
            assert_eq!((answer.status, &answer.json()["code"]), (400, &230_027.into()));
            assert_eq!(answer.header("x-gateway-problem"), Some("tenant_not_allowed"));
        }
    }
}

#[actix_web::test]
async fn a_wrong_token_call_of_a_store_app_is_refused_as_feishu_refuses_it() {
    let own = ApiKey::generate();
    let gateway = shop("a,b")
        .set("keys.own.app", "main")
        .set("keys.own.hash", &own.hash().to_string())
        .start()
        .await;
    let app = json!({ "app_id": "cli_xxx", "app_secret": gateway.key });
    let app_token = token(&gateway, "app_access_token", &app).await["app_access_token"].clone();
    let in_tenant =
        |token: &Value, tenant: &str| json!({ "app_access_token": token, "tenant_key": tenant });
    let tenant = token(&gateway, "tenant_access_token", &in_tenant(&app_token, "a")).await;
    let own = json!({ "app_id": "own", "app_secret": own.expose() });
    for (path, body, code) in [
        ("app_access_token", json!({ "app_id": "cli_xxx" }), 10003),
        ("app_access_token", json!({ "app_id": "cli_xxx", "app_secret": "no" }), 10014),
        ("app_access_token", json!({ "app_id": "cli_main", "app_secret": gateway.key }), 10014),
        ("app_access_token", own.clone(), 10012),
        ("app_ticket/resend", own, 10016),
        ("app_ticket/resend", json!({ "app_id": "tester", "app_secret": "no" }), 10014),
        ("tenant_access_token", json!({ "app_access_token": app_token }), 10003),
        ("tenant_access_token", in_tenant(&app_token, "c"), 10013),
        ("tenant_access_token", in_tenant(&app_token, "a b"), 10013),
        ("tenant_access_token", in_tenant(&"t-00".into(), "a"), 99_991_664),
        ("tenant_access_token", in_tenant(&tenant["tenant_access_token"], "a"), 99_991_664),
        // It does not say for which of its tenants.
        ("tenant_access_token/internal", app.clone(), 10013),
        ("app_access_token/internal", app, 10013),
    ] {
        let answer = token(&gateway, path, &body).await;
        assert_eq!(answer["code"], code, "{path} {body}");
        assert!(answer.get("app_access_token").is_none(), "{path} {body}");
        assert!(answer.get("tenant_access_token").is_none(), "{path} {body}");
    }
}

#[actix_web::test]
async fn a_program_of_a_self_built_app_may_use_a_key_for_one_tenant() {
    let gateway = shop("a").start().await;
    let app = json!({ "app_id": "tester", "app_secret": gateway.key });
    for path in ["tenant_access_token/internal", "app_access_token/internal"] {
        let answer = token(&gateway, path, &app).await;
        assert_eq!(answer["code"], 0, "{answer}");
        let bearer = answer["tenant_access_token"].as_str().expect("a token");
        // It holds the tenant, so it is longer than others.
        assert_eq!(bearer.len(), 2 + 2 * (32 + 1));
    }
}

#[actix_web::test]
async fn a_tool_that_forwards_needs_the_tenant_and_one_that_does_not_has_no_use_for_it() {
    let gateway = shop("a,b").start().await;
    let call = |method: &str, params: Value, tenant: Option<&str>| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = gateway.call("POST", "/mcp").header("Accept", "application/json");
        let request = request.header("MCP-Protocol-Version", "2025-06-18");
        let request = match tenant {
            Some(tenant) => request.header(TENANT, tenant),
            None => request,
        };
        Answer::of(request.header("Content-Type", "application/json").body(body.to_string()))
    };
    let listed = call("tools/list", json!({}), None).await.json();
    assert!(listed["result"]["tools"].is_array(), "{listed}");
    let arguments = json!({ "name": "forward_message",
        "arguments": { "message_id": "om_1", "receive_id": "oc_1" } });
    let said = call("tools/call", arguments.clone(), None).await.text();
    assert!(said.contains("invalid_request") && said.contains(TENANT), "{said}");
    let answer = call("tools/call", arguments, Some("c")).await;
    answer.problem(403, "tenant_not_allowed", "not_delivered");
}

#[actix_web::test]
async fn the_audit_line_of_a_self_built_app_has_no_tenant() {
    log::capture();
    let gateway = gateway().start().await;
    let answer = gateway.forward("oc_1").header("X-Request-Id", "no-tenant").send().await;
    assert_eq!(answer.status, 200);
    drop(gateway);
    let lines = log::lines_of("no-tenant");
    assert!(lines.iter().all(|line| line.get("tenant_key").is_none()), "{lines:?}");
}
