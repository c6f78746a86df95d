//! Calls of tools in the logs: as any other request and forward, and no words of a model's or of its client's.

use feishu_forward_gateway::telemetry::audit::{AuditIds, IdForm};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::traces::trace_of;
use gateway_harness::log::{answered, capture, lines, lines_of};
use gateway_harness::{APP_SECRET, Answer, Gateway, code, gateway};

async fn call(gateway: &Gateway, id: &str, name: &str, arguments: &Value) -> Answer {
    let params = json!({ "name": name, "arguments": arguments });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let request = gateway.forward("").path("/mcp").header("x-request-id", id);
    request.header("mcp-protocol-version", "2025-06-18").body(body.to_string()).send().await
}

#[actix_web::test]
async fn a_call_has_a_line_of_its_own_and_its_forward_is_audited() {
    capture();
    let gateway = gateway().start().await;
    let arguments = json!({ "message_id": "om_mcp", "receive_id": "oc_mcp" });
    call(&gateway, "mcp-delivered", "forward_message", &arguments).await;
    let line = answered("mcp-delivered");
    assert_eq!((&line["route"], &line["status"]), (&json!("/mcp"), &json!(200)));
    assert_eq!((&line["caller"], &line["attempts"]), (&json!("tester"), &json!(1)));
    assert!(line["feishu_log_id"].is_string() && line["total_ms"].is_number(), "{line:#}");
    let audit = |line: &Value| line["target"] == "audit" && line["request_id"] == "mcp-delivered";
    let lines = lines().into_iter().filter_map(|line| serde_json::from_str(&line).ok());
    let audited: Vec<Value> = lines.filter(audit).collect();
    assert_eq!(audited.len(), 1, "{audited:#?}");
    let ids = AuditIds::new(IdForm::Hashed, &SecretString::from(APP_SECRET));
    assert_eq!(audited[0]["receive_id"], ids.show("oc_mcp").into_owned());

    gateway.spoil_forward(code(230002));
    let arguments = json!({ "message_id": "om_mcp", "receive_id": "oc_mcp_2" });
    call(&gateway, "mcp-refused", "forward_message", &arguments).await;
    let line = answered("mcp-refused");
    assert_eq!((&line["status"], &line["problem"]), (&json!(200), &json!("bot_not_in_chat")));
    assert_eq!(line["detail"], "Feishu answered 230002.");
}

#[actix_web::test]
async fn a_call_belongs_to_the_trace_that_it_names_itself_else_to_that_of_its_request() {
    capture();
    let gateway = gateway().start().await;
    let (of_call, of_request) = ("a".repeat(32), "b".repeat(32));
    let traceparent = |trace: &str| format!("00-{trace}-b7ad6b7169203331-01");
    let not_one = traceparent(&"0".repeat(32));
    for (id, meta, expected) in [
        ("mcp-trace-1", json!({ "traceparent": traceparent(&of_call) }), &of_call),
        ("mcp-trace-2", json!({ "traceparent": not_one }), &of_request),
        ("mcp-trace-3", json!({ "traceparent": [] }), &of_request),
        ("mcp-trace-4", json!({}), &of_request),
    ] {
        let params = json!({ "name": "forward_message", "_meta": meta,
            "arguments": { "message_id": "om_mcp", "receive_id": id.replace("mcp-", "oc_") } });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let request = gateway.forward("").path("/mcp").header("x-request-id", id);
        let request = request.header("traceparent", &traceparent(&of_request));
        let request = request.header("mcp-protocol-version", "2025-06-18");
        let answer = request.body(body.to_string()).send().await;
        assert_eq!(answer.json()["result"]["structuredContent"]["outcome"], "delivered");
        assert_eq!(trace_of(id), *expected, "{id}");
        assert!(lines_of(id).iter().any(|it| it["target"] == "audit"), "{id}");
    }
}

#[actix_web::test]
async fn no_line_at_any_level_holds_the_words_of_a_call() {
    capture();
    let gateway = gateway().start().await;
    let words = "aWordThatNoLogMayHold";
    let arguments = json!({ "message_id": words, "receive_id": words, words: words });
    call(&gateway, "mcp-words-1", "forward_message", &arguments).await;
    let arguments = json!({ "message_id": "om_1", "receive_id": format!("oc_{words}") });
    call(&gateway, "mcp-words-2", "check_forward", &arguments).await;
    call(&gateway, "mcp-words-3", words, &json!({})).await;
    let hostile = gateway.forward("").path("/mcp").header("x-request-id", "mcp-words-4");
    let hostile = hostile.header("mcp-protocol-version", words).header("mcp-method", words);
    let body = json!({ "jsonrpc": "2.0", "id": words, "method": words, "params": { "_meta": { words: words } } });
    hostile.body(body.to_string()).send().await;
    let hostile = gateway.forward("").path("/mcp").header("x-request-id", "mcp-words-5");
    hostile.header("origin", words).body("{}").send().await;
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "reason": words } });
    gateway.forward("").path("/mcp").body(notification.to_string()).send().await;
    answered("mcp-words-5");
    let said: Vec<String> = lines().into_iter().filter(|line| line.contains(words)).collect();
    assert!(said.is_empty(), "{said:#?}");
}
