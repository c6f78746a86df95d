//! The tools for many receivers, which a gateway has that keeps broadcasts.

use std::time::Duration;

use feishu_simulator::FaultKind;
use serde_json::{Value, json};

use crate::broadcasts::{held, with_store};
use crate::mcp::{legacy, modern, result, text, tool};
use gateway_harness::{Answer, Gateway, Wire, code, gateway};

async fn broadcast(gateway: &Gateway, arguments: &Value) -> Value {
    result(&tool(gateway, "broadcast_message", arguments).send().await)
}

/// The broadcast once it has ended.
async fn ended(gateway: &Gateway, id: &Value) -> Value {
    loop {
        let arguments = json!({ "broadcast_id": id });
        let now = result(&tool(gateway, "get_broadcast", &arguments).send().await);
        if now["structuredContent"]["state"] == "completed" {
            return now;
        }
        gateway.step(Duration::from_millis(100)).await;
    }
}

/// The messages in a stream of events.
fn events(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{}", answer.text());
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|it| !it.is_empty()).map(|it| serde_json::from_str(it).expect("JSON")).collect()
}

/// The progress that an answer tells of before its result, which must be a broadcast to two that has ended.
fn progress(answer: &Answer) -> Vec<f64> {
    let messages = events(answer);
    let (last, progress) = messages.split_last().expect("messages");
    assert_eq!(last["result"]["structuredContent"]["counts"]["delivered"], 2, "{last:#}");
    let told = |message: &Value| {
        assert_eq!(message["method"], "notifications/progress", "{message:#}");
        let params = &message["params"];
        assert_eq!((&params["progressToken"], params["total"].as_f64()), (&json!("p"), Some(2.0)));
        params["progress"].as_f64().expect("a number")
    };
    let told: Vec<f64> = progress.iter().map(told).collect();
    assert!(told.is_sorted_by(|one, next| one < next) && told.last() == Some(&2.0), "{told:?}");
    told
}

#[actix_web::test]
async fn a_key_sees_the_tools_for_many_where_the_gateway_keeps_broadcasts() {
    let (gateway, _directory) = with_store(gateway()).await;
    let listed = result(&modern(&gateway, "tools/list", &json!({})).send().await);
    let tools = listed["tools"].as_array().expect("tools").iter();
    let names: Vec<&str> = tools.map(|it| it["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["forward_message", "check_forward", "broadcast_message", "get_broadcast"]);
}

#[actix_web::test]
async fn a_broadcast_is_accepted_once_delivered_and_told_of_with_its_failures() {
    let (gateway, _directory) = with_store(gateway()).await;
    gateway.spoil_forward(code(230002));
    let arguments = json!({ "message_id": "om_1",
        "receivers": ["oc_1", "oc_2", { "receive_id": "4b7c9d", "receive_id_type": "user_id" }] });
    let accepted = broadcast(&gateway, &arguments).await;
    assert!(text(&accepted, false).starts_with("Accepted."), "{accepted:#}");
    let facts = &accepted["structuredContent"];
    assert_eq!((&facts["total"], &facts["replayed"]), (&json!(3), &json!(false)));
    let id = &facts["broadcast_id"];

    let again = json!({ "message_id": "om_1",
        "receivers": [{ "receive_id": "oc_1" }, "oc_2", { "receive_id": "4b7c9d", "receive_id_type": "user_id" }] });
    let known = broadcast(&gateway, &again).await;
    assert_eq!(known["structuredContent"]["broadcast_id"], *id);
    assert_eq!(known["structuredContent"]["replayed"], true);

    let ended = ended(&gateway, id).await;
    let (said, facts) = (text(&ended, false), &ended["structuredContent"]);
    assert_eq!(
        (&facts["counts"]["delivered"], &facts["counts"]["not_delivered"]),
        (&json!(2), &json!(1))
    );
    let failures = facts["failures"].as_array().expect("failures");
    assert_eq!(failures.len(), 1, "{facts:#}");
    assert_eq!(
        (&failures[0]["code"], &failures[0]["count"]),
        (&json!("bot_not_in_chat"), &json!(1))
    );
    for words in ["state: completed", "delivered: 2", "1 × not_delivered (", "Add the app's bot"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn a_call_with_the_receivers_in_another_order_sends_nothing_twice() {
    let (gateway, _directory) = held().await;
    let accepted =
        broadcast(&gateway, &json!({ "message_id": "om_1", "receivers": ["oc_1", "oc_2"] })).await;
    text(&accepted, false);
    let turned = json!({ "message_id": "om_1", "receivers": ["oc_2", "oc_1"] });
    let said = text(&broadcast(&gateway, &turned).await, true);
    assert!(said.contains("idempotency_key_reused"), "{said}");
}

#[actix_web::test]
async fn every_mistake_in_a_broadcast_is_told_and_nobody_gets_anything() {
    let (gateway, _directory) =
        with_store(gateway().set("keys.tester.allow_receivers", "oc_*")).await;
    let arguments = json!({ "message_id": "om_1", "expires_in": "soon",
        "receivers": ["oc_1", "oc_1", { "receive_id": "oc 2" }] });
    let said = text(&broadcast(&gateway, &arguments).await, true);
    for words in [
        "nobody gets the message",
        "receivers[1].receive_id",
        "receivers[2].receive_id",
        "expires_in: must be",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let wrong_type = json!({ "message_id": "om_1",
        "receivers": ["oc_1", { "receive_id": "ou_1", "receive_id_type": "chat_id" }] });
    let said = text(&broadcast(&gateway, &wrong_type).await, true);
    assert!(said.contains("receivers[1].receive_id: is not of the type chat_id"), "{said}");
    let denied = json!({ "message_id": "om_1", "receivers": ["oc_1", "ou_2"] });
    let said = text(&broadcast(&gateway, &denied).await, true);
    assert!(
        said.contains("receiver_not_allowed") && said.contains("receivers[1].receive_id"),
        "{said}"
    );
    for id in [json!("bc_1"), json!(format!("bc_{}", "0".repeat(32)))] {
        let answer = tool(&gateway, "get_broadcast", &json!({ "broadcast_id": id })).send().await;
        let said = text(&result(&answer), true);
        assert!(said.contains("broadcast_not_found"), "{said}");
    }
    assert!(gateway.forwards().is_empty());
}

#[actix_web::test]
async fn who_waits_for_a_broadcast_is_told_of_its_progress_if_asked_for() {
    let (gateway, _directory) = held().await;
    let arguments = json!({ "message_id": "om_1", "receivers": ["oc_1", "oc_2"] });
    let accepted = broadcast(&gateway, &arguments).await;
    let id = accepted["structuredContent"]["broadcast_id"].clone();
    let call = json!({
        "name": "get_broadcast",
        "arguments": { "broadcast_id": id, "wait_seconds": 50 },
        "_meta": { "progressToken": "p" },
    });
    let waiting = modern(&gateway, "tools/call", &call).spawn();
    gateway.in_flight_are(1).await;
    gateway.simulator.clear_faults();
    while !waiting.is_finished() {
        gateway.step(Duration::from_millis(100)).await;
        // Takes the time that the gateway needs.
        gateway.ask("GET", "/problems").await;
    }
    assert_eq!(progress(&waiting.await.expect("an answer")).first(), Some(&0.0));
    // One that has ended is told of at once, in the other revisions too.
    let answer = legacy(&gateway, "tools/call", &call).send().await;
    assert_eq!(progress(&answer), [2.0]);
    // Without a token, or for a caller that reads no events, it is JSON.
    let arguments = json!({ "broadcast_id": id, "wait_seconds": 50 });
    result(&tool(&gateway, "get_broadcast", &arguments).send().await);
    let plain = modern(&gateway, "tools/call", &call).header("accept", "application/json");
    result(&plain.send().await);
}

#[actix_web::test]
async fn a_call_may_name_as_many_receivers_as_a_broadcast_may_have_and_be_no_longer_otherwise() {
    let (gateway, _directory) = with_store(gateway().set("broadcasts.max_receivers", "2000")).await;
    gateway.spoil_every_forward(FaultKind::Held);
    let mut receivers: Vec<Value> = (0..2000).map(|it| json!(format!("oc_{it:0>100}"))).collect();
    receivers[7] = json!({ "receive_id": "4b7c9d", "receive_id_type": "user_id" });
    let arguments = json!({ "message_id": "om_1", "receivers": receivers });
    for call in ["forward_message", "check_forward", "get_broadcast", "no_such_tool"] {
        let answer = tool(&gateway, call, &arguments).send().await;
        answer.problem(413, "body_too_large", "not_delivered");
    }
    for method in ["tools/list", "ping"] {
        let answer = legacy(&gateway, method, &json!({ "arguments": arguments })).send().await;
        answer.problem(413, "body_too_large", "not_delivered");
    }
    let accepted = broadcast(&gateway, &arguments).await;
    assert_eq!(accepted["structuredContent"]["total"], 2000, "{accepted:#}");
    let call = json!({ "name": "broadcast_message", "arguments": arguments });
    let again = result(&legacy(&gateway, "tools/call", &call).send().await);
    assert_eq!(again["structuredContent"]["replayed"], true, "{again:#}");

    let wrong = |change: fn(&mut Value)| {
        let mut arguments = arguments.clone();
        change(&mut arguments);
        tool(&gateway, "broadcast_message", &arguments)
    };
    let said = text(&result(&wrong(|it| it["receivers"][1999] = json!(3)).send().await), true);
    assert!(said.contains("receivers[1999]"), "{said}");
    let one_more = |it: &mut Value| it["receivers"].as_array_mut().expect("some").push(json!("oc"));
    let said = text(&result(&wrong(one_more).send().await), true);
    assert!(said.contains("at most 2000 receivers; there are 2001"), "{said}");
    let long = wrong(|it| it["expires_in"] = json!("x".repeat(70_000)));
    long.send().await.problem(413, "body_too_large", "not_delivered");
    let far_too_many = wrong(|it| it["receivers"] = json!("x".repeat(1_000_000)));
    far_too_many.send().await.problem(413, "body_too_large", "not_delivered");
}

#[actix_web::test]
async fn few_long_calls_are_in_memory_at_the_same_time() {
    let (gateway, _directory) = with_store(gateway()).await;
    let head =
        gateway.head("Content-Length: 100000\r\n").replace("v1/messages/om_1/forward", "mcp");
    let long = json!({ "receivers": "x".repeat(70_000) });
    let mut slow = Vec::new();
    loop {
        let answer = legacy(&gateway, "tools/call", &long).send().await;
        if answer.status != 413 {
            answer.problem(503, "overloaded", "not_delivered");
            break;
        }
        assert!(slow.len() < 8, "they have a bound");
        let mut wire = Wire::to(&gateway.api).await;
        wire.send(&head).await;
        slow.push(wire);
        gateway.in_flight_are(slow.len() as u64).await;
    }
    assert!(slow.len() > 1);
    result(&legacy(&gateway, "ping", &json!({})).send().await);
}
