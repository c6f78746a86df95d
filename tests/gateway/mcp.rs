//! The Model Context Protocol as its clients speak it: revisions, headers, and who may come in.

use feishu_forward_gateway::model::api_key::ApiKey;
use serde_json::{Value, json};

use gateway_harness::{Answer, Forward, Gateway, gateway};

/// The revision without `initialize`, and one with it.
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-06-18";

/// A message to `/mcp` by `tester`, which is not sent yet.
fn message(gateway: &Gateway, body: &Value) -> Forward {
    gateway
        .forward("")
        .path("/mcp")
        .header("accept", "application/json, text/event-stream")
        .body(body.to_string())
}

/// A request of the revisions with `initialize`, which is not sent yet.
pub(crate) fn legacy(gateway: &Gateway, method: &str, params: &Value) -> Forward {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let message = message(gateway, &body);
    if method == "initialize" { message } else { message.header("mcp-protocol-version", LEGACY) }
}

/// A request of the revision without `initialize`, which is not sent yet.
pub(crate) fn modern(gateway: &Gateway, method: &str, params: &Value) -> Forward {
    let mut params = params.clone();
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({ "name": "t", "version": "1" });
    let capabilities = &mut params["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    if capabilities.is_null() {
        *capabilities = json!({});
    }
    let body = json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params });
    let mut message =
        message(gateway, &body).header("mcp-protocol-version", MODERN).header("mcp-method", method);
    if let Some(name) = params["name"].as_str() {
        message = message.header("mcp-name", name);
    }
    message
}

/// A call of a tool, which is not sent yet.
pub(crate) fn tool(gateway: &Gateway, name: &str, arguments: &Value) -> Forward {
    modern(gateway, "tools/call", &json!({ "name": name, "arguments": arguments }))
}

/// The result in an answer.
#[track_caller]
pub(crate) fn result(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let message = answer.json();
    assert_eq!(message["jsonrpc"], "2.0");
    assert!(message["result"].is_object(), "{message:#}");
    message["result"].clone()
}

/// The text of a call's result, which must be a failure if `is_error`.
#[track_caller]
pub(crate) fn text(result: &Value, is_error: bool) -> String {
    assert_eq!(result["isError"].as_bool().unwrap_or_default(), is_error, "{result:#}");
    assert_eq!(result["content"][0]["type"], "text");
    result["content"][0]["text"].as_str().expect("a text").to_owned()
}

/// The code of the error in an answer with this status.
#[track_caller]
pub(crate) fn error(answer: &Answer, status: u16) -> i64 {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()["error"]["code"].as_i64().expect("a code")
}

fn names(result: &Value) -> Vec<&str> {
    let tools = result["tools"].as_array().expect("tools").iter();
    tools.map(|it| it["name"].as_str().expect("a name")).collect()
}

#[actix_web::test]
async fn a_client_that_begins_with_initialize_lists_the_tools_and_forwards() {
    let gateway = gateway().start().await;
    let hello = json!({
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": { "name": "t", "version": "1" },
    });
    let answer = legacy(&gateway, "initialize", &hello).send().await;
    assert_eq!(answer.header("mcp-session-id"), None);
    let welcome = result(&answer);
    assert_eq!(welcome["protocolVersion"], LEGACY);
    assert_eq!(welcome["serverInfo"]["name"], "feishu-forward-gateway");
    assert!(welcome["capabilities"]["tools"].is_object(), "{welcome:#}");

    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = message(&gateway, &ready).header("mcp-protocol-version", LEGACY).send().await;
    assert_eq!((answer.status, answer.text().as_str()), (202, ""));
    result(&legacy(&gateway, "ping", &json!({})).send().await);

    let listed = result(&legacy(&gateway, "tools/list", &json!({})).send().await);
    assert_eq!(names(&listed), ["forward_message", "check_forward"]);
    assert!(listed.get("resultType").is_none(), "{listed:#}");
    let call = json!({ "name": "forward_message",
        "arguments": { "message_id": "om_1", "receive_id": "oc_1" } });
    let called = result(&legacy(&gateway, "tools/call", &call).send().await);
    assert_eq!(called["structuredContent"]["outcome"], "delivered");
    assert_eq!(gateway.deliveries().len(), 1);
}

#[actix_web::test]
async fn a_client_of_the_stateless_revision_discovers_lists_the_tools_and_forwards() {
    let gateway = gateway().start().await;
    let found = result(&modern(&gateway, "server/discover", &json!({})).send().await);
    let versions = found["supportedVersions"].as_array().expect("versions");
    assert!(versions.contains(&MODERN.into()) && versions.contains(&LEGACY.into()), "{found:#}");
    assert_eq!(
        (&found["resultType"], &found["cacheScope"]),
        (&json!("complete"), &json!("private"))
    );

    let listed = result(&modern(&gateway, "tools/list", &json!({})).send().await);
    assert_eq!(names(&listed), ["forward_message", "check_forward"]);
    assert_eq!(listed["cacheScope"], "private");
    for tool in listed["tools"].as_array().expect("tools") {
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{tool:#}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool:#}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{tool:#}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{hint}: {tool:#}");
        }
        assert!(!tool.to_string().contains("\"default\""), "{tool:#}");
    }
    let arguments = json!({ "message_id": "om_1", "receive_id": "oc_1" });
    let called = result(&tool(&gateway, "forward_message", &arguments).send().await);
    assert_eq!(called["resultType"], "complete");
    assert_eq!(called["structuredContent"]["outcome"], "delivered");
}

#[actix_web::test]
async fn headers_that_contradict_the_body_and_unknown_revisions_are_refused() {
    let gateway = gateway().start().await;
    let list = || modern(&gateway, "tools/list", &json!({}));
    for wrong in [
        list().header("mcp-method", "tools/call"),
        list().without("mcp-method"),
        list().header("mcp-protocol-version", LEGACY),
        list().without("mcp-protocol-version"),
    ] {
        assert_eq!(error(&wrong.send().await, 400), -32020);
    }
    let arguments = json!({ "message_id": "om_1", "receive_id": "oc_1" });
    let call = tool(&gateway, "forward_message", &arguments).header("mcp-name", "check_forward");
    assert_eq!(error(&call.send().await, 400), -32020);

    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
    } } });
    let answer = message(&gateway, &body)
        .header("mcp-protocol-version", "2099-01-01")
        .header("mcp-method", "tools/list")
        .send()
        .await;
    assert_eq!(error(&answer, 400), -32022);
    assert_eq!(answer.json()["error"]["data"]["requested"], "2099-01-01");
    let unknown = legacy(&gateway, "tools/list", &json!({})).header("mcp-protocol-version", "1999");
    let answer = unknown.send().await;
    assert_eq!((error(&answer, 400), &answer.json()["id"]), (-32600, &json!(7)));
    assert_eq!(error(&modern(&gateway, "no/such", &json!({})).send().await, 404), -32601);
    assert!(gateway.forwards().is_empty());
}

#[actix_web::test]
async fn what_is_no_message_of_the_protocol_is_refused_as_such() {
    let gateway = gateway().start().await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let in_arguments = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"forward_message","arguments":{{"message_id":{deep}}}}}}}"#
    );
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("\u{feff}{}", -32700),
        (&deep, -32700),
        (&in_arguments, -32700),
        ("{}", -32600),
        ("[]", -32600),
        ("1", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
    ] {
        let answer = message(&gateway, &json!({})).body(body).send().await;
        assert_eq!(error(&answer, 400), code, "{}", &body[..body.len().min(50)]);
    }
    for (method, params, code) in [
        ("no/such\n", json!({}), -32601),
        (&"x".repeat(60_000), json!({}), -32601),
        ("tools/call", json!({ "name": 7 }), -32602),
        ("tools/call", json!({ "name": "forward_message", "arguments": [] }), -32602),
        ("initialize", json!({}), -32601),
    ] {
        let answer = legacy(&gateway, method, &params).send().await;
        assert_eq!(error(&answer, 200), code, "{}", answer.text());
        assert!(answer.body.len() < 500 && !answer.text().contains("\\n"), "{}", answer.text());
    }
    let large = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "a": "b".repeat(70_000) } });
    message(&gateway, &large).send().await.problem(413, "body_too_large", "not_delivered");
    let other = message(&gateway, &json!({})).header("content-type", "text/plain");
    other.send().await.problem(415, "unsupported_media_type", "not_delivered");
    for method in ["GET", "DELETE", "PUT"] {
        let answer = gateway.ask(method, "/mcp").await;
        answer.problem(405, "method_not_allowed", "not_delivered");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

#[actix_web::test]
async fn nobody_comes_in_without_a_key() {
    let gateway = gateway().start().await;
    let list = || legacy(&gateway, "tools/list", &json!({}));
    let answer = list().without("x-api-key").send().await;
    answer.problem(401, "unauthorized", "not_delivered");
    assert!(answer.header("www-authenticate").is_some_and(|it| it.starts_with("Bearer")));
    let stranger = ApiKey::generate();
    let answer = list().header("x-api-key", stranger.expose()).send().await;
    answer.problem(401, "unauthorized", "not_delivered");
    let bearer = format!("Bearer {}", gateway.key);
    result(&list().without("x-api-key").header("authorization", &bearer).send().await);
}

#[actix_web::test]
async fn web_pages_come_in_only_from_the_origins_that_the_operator_names() {
    let closed = gateway().start().await;
    let own = closed.api.clone();
    for origin in ["https://evil.example.com", "null", "", own.as_str()] {
        let answer = legacy(&closed, "ping", &json!({})).header("origin", origin).send().await;
        answer.problem(403, "origin_not_allowed", "not_delivered");
    }
    let open = gateway()
        .set("server.mcp_origins", "https://assistant.example.com, http://localhost:6274")
        .start()
        .await;
    for (origin, is_allowed) in [
        ("https://assistant.example.com", true),
        ("http://localhost:6274", true),
        ("http://localhost", false),
        ("https://assistant.example.com.evil", false),
    ] {
        let answer = legacy(&open, "ping", &json!({})).header("origin", origin).send().await;
        assert_eq!(answer.status == 200, is_allowed, "{origin}: {}", answer.text());
    }
}

#[actix_web::test]
async fn the_protocol_is_served_by_the_names_that_the_operator_names() {
    let gateway = gateway().set("server.mcp_hosts", "gateway.example.com").start().await;
    let ping = || legacy(&gateway, "ping", &json!({}));
    ping().send().await.problem(403, "origin_not_allowed", "not_delivered");
    result(&ping().header("host", "gateway.example.com:8080").send().await);
}
