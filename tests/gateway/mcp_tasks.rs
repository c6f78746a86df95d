//! Broadcasts as tasks, for clients that declare the protocol's extension for them.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use serde_json::{Value, json};

use crate::broadcasts::{held, with_store};
use crate::mcp::{error, legacy, modern, result, text};
use gateway_harness::{Forward, Gateway, code, gateway};

const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// A request of a client that declares the extension, which is not sent yet.
fn declared(gateway: &Gateway, method: &str, mut params: Value) -> Forward {
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "extensions": { EXTENSION: {} } });
    let request = modern(gateway, method, &params);
    match params["taskId"].as_str() {
        Some(id) => request.header("mcp-name", id),
        None => request,
    }
}

fn broadcast(gateway: &Gateway, receivers: &Value) -> Forward {
    let arguments = json!({ "message_id": "om_1", "receivers": receivers });
    let call = json!({ "name": "broadcast_message", "arguments": arguments });
    declared(gateway, "tools/call", call)
}

/// The task that a broadcast to these receivers became.
async fn task(gateway: &Gateway, receivers: &Value) -> Value {
    let task = result(&broadcast(gateway, receivers).send().await);
    assert_eq!(task["resultType"], "task", "{task:#}");
    task
}

fn about(gateway: &Gateway, method: &str, id: &Value) -> Forward {
    let mut params = json!({ "taskId": id });
    if method == "tasks/update" {
        params["inputResponses"] = json!({});
    }
    declared(gateway, method, params)
}

async fn get(gateway: &Gateway, id: &Value) -> Value {
    let task = result(&about(gateway, "tasks/get", id).send().await);
    assert_eq!(task["resultType"], "complete", "{task:#}");
    task
}

#[actix_web::test]
async fn a_broadcast_is_a_task_whose_result_tells_what_became_of_it() {
    let (gateway, _directory) = with_store(gateway().set("broadcasts.keep", "1d")).await;
    gateway.spoil_forward(code(230002));
    let found = result(&modern(&gateway, "server/discover", &json!({})).send().await);
    assert!(found["capabilities"]["extensions"][EXTENSION].is_object(), "{found:#}");
    let task = task(&gateway, &json!(["oc_1", "oc_2"])).await;
    let id = &task["taskId"];
    assert!(id.as_str().is_some_and(|it| it.starts_with("bc_")), "{task:#}");
    assert_eq!(task["status"], "working");
    // It may be delivered for a day, and is kept for another one.
    assert_eq!((&task["ttlMs"], &task["pollIntervalMs"]), (&json!(172_800_000), &json!(5000)));
    assert_eq!(task["createdAt"], "2026-01-01T00:00:00Z");
    let ended = loop {
        let now = get(&gateway, id).await;
        if now["status"] != "working" {
            break now;
        }
        gateway.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    };
    assert_eq!(ended["status"], "completed", "{ended:#}");
    let said = text(&ended["result"], false);
    assert!(said.contains("delivered: 1") && said.contains("Add the app's bot"), "{said}");
    let facts = &ended["result"]["structuredContent"];
    assert_eq!((&facts["broadcast_id"], &facts["counts"]["delivered"]), (id, &json!(1)));
    assert_eq!(gateway.deliveries().len(), 1);
    // What has ended is as it is, whoever cancels it.
    result(&about(&gateway, "tasks/cancel", id).send().await);
    assert_eq!(get(&gateway, id).await["status"], "completed");
}

#[actix_web::test]
async fn a_task_that_is_canceled_sends_nothing_more() {
    let (gateway, _directory) = held().await;
    let task = task(&gateway, &json!(["oc_1", "oc_2"])).await;
    let id = &task["taskId"];
    let again = self::task(&gateway, &json!(["oc_1", "oc_2"])).await;
    assert_eq!(again["taskId"], *id, "the same call is the same task");
    result(&about(&gateway, "tasks/update", id).send().await);
    assert_eq!(get(&gateway, id).await["status"], "working");
    for _ in 0..2 {
        let done = result(&about(&gateway, "tasks/cancel", id).send().await);
        assert_eq!(done, json!({ "resultType": "complete" }));
    }
    let canceled = get(&gateway, id).await;
    assert_eq!(canceled["status"], "cancelled");
    let said = canceled["statusMessage"].as_str().expect("words");
    assert!(said.contains("state: canceled"), "{said}");
    let tool = json!({ "name": "get_broadcast", "arguments": { "broadcast_id": id } });
    let told = result(&modern(&gateway, "tools/call", &tool).send().await);
    assert_eq!(told["structuredContent"]["state"], "canceled");
}

#[actix_web::test]
async fn what_is_not_accepted_is_no_task() {
    let (gateway, _directory) = with_store(gateway()).await;
    let refused = result(&broadcast(&gateway, &json!(["oc 1"])).send().await);
    assert!(text(&refused, true).contains("nobody gets the message"), "{refused:#}");
    let call = json!({ "name": "forward_message",
        "arguments": { "message_id": "om_1", "receive_id": "oc_1" } });
    let forwarded = result(&declared(&gateway, "tools/call", call).send().await);
    assert_eq!(forwarded["structuredContent"]["outcome"], "delivered");
}

#[actix_web::test]
async fn another_callers_task_is_as_one_that_there_is_not() {
    let other = ApiKey::generate();
    let (gateway, _directory) = with_store(gateway().second_app_of(&other)).await;
    let id = &task(&gateway, &json!(["oc_1"])).await["taskId"];
    let none = json!(format!("bc_{}", "0".repeat(32)));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let of_another = about(&gateway, method, id).header("x-api-key", other.expose());
        let answers = [
            of_another.send().await,
            about(&gateway, method, &none).send().await,
            about(&gateway, method, &json!("x")).send().await,
        ];
        for answer in answers {
            assert_eq!(answer.json()["error"]["code"], -32602, "{method}: {}", answer.text());
        }
    }
}

#[actix_web::test]
async fn who_does_not_declare_tasks_gets_none() {
    let (gateway, _directory) = held().await;
    let arguments = json!({ "message_id": "om_1", "receivers": ["oc_1"] });
    let call = json!({ "name": "broadcast_message", "arguments": arguments });
    for request in [modern(&gateway, "tools/call", &call), legacy(&gateway, "tools/call", &call)] {
        let accepted = result(&request.send().await);
        assert!(text(&accepted, false).contains("get_broadcast"), "{accepted:#}");
    }
    let get = modern(&gateway, "tasks/get", &json!({ "taskId": "bc_1" }));
    assert_eq!(error(&get.header("mcp-name", "bc_1").send().await, 400), -32021);
    let none = gateway_harness::gateway().start().await;
    let answer = about(&none, "tasks/get", &json!("bc_1")).send().await;
    assert_eq!(error(&answer, 404), -32601);
}
