//! `mcp`: the protocol on standard input and output, for clients that start programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc;

use feishu_simulator::FaultKind;
use serde_json::{Value, json};

use gateway_harness::{Gateway, gateway, run_program_on, run_program_on_parts};

/// The messages that the bridge writes for these lines, by their ids as JSON. Nothing else may stand on its output.
async fn bridged(
    gateway: &Gateway,
    arguments: &[&str],
    key: Option<&str>,
    lines: &[String],
) -> BTreeMap<String, Value> {
    answered(gateway, arguments, key, lines.to_vec()).await
}

/// The same for lines that come one by one, to their end.
async fn answered(
    gateway: &Gateway,
    arguments: &[&str],
    key: Option<&str>,
    lines: impl IntoIterator<Item = String, IntoIter: Send> + Send + 'static,
) -> BTreeMap<String, Value> {
    let url = format!("{}/", gateway.api);
    let arguments: Vec<String> =
        ["mcp", "--url", &url].iter().chain(arguments).map(ToString::to_string).collect();
    let key = key.map(str::to_owned);
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let key: Vec<(&str, &str)> = key.iter().map(|it| ("GATEWAY_API_KEY", &**it)).collect();
        run_program_on_parts(&arguments, &key, lines.into_iter().map(|line| line + "\n"))
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let message = |line: &str| {
        let message: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        (message["id"].to_string(), message)
    };
    text.lines().map(message).collect()
}

fn request(id: u32, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// The parameters of a request of the stateless revision.
fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

/// The parameters of a call of `forward_message`, of the stateless revision.
fn forward() -> Value {
    let arguments = json!({ "message_id": "om_1", "receive_id": "oc_1" });
    modern(json!({ "name": "forward_message", "arguments": arguments }))
}

#[actix_web::test]
async fn requests_of_both_eras_are_passed_on_and_the_bridge_ends_with_its_input() {
    let gateway = gateway().start().await;
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "t", "version": "1" } });
    let lines = [
        request(1, "initialize", &hello),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string(),
        String::new(),
        request(2, "tools/list", &json!({})),
        request(3, "tools/call", &forward()),
        request(4, "server/discover", &modern(json!({}))),
        request(5, "no/such", &modern(json!({}))),
        "{".to_owned(),
    ];
    let answers = bridged(&gateway, &[], Some(&gateway.key), &lines).await;
    assert_eq!(answers.len(), 6, "{answers:#?}");
    assert_eq!(answers["1"]["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(answers["2"]["result"]["tools"][0]["name"], "forward_message");
    assert_eq!(answers["3"]["result"]["structuredContent"]["outcome"], "delivered");
    assert!(answers["4"]["result"]["supportedVersions"].is_array());
    assert_eq!(answers["5"]["error"]["code"], -32601);
    assert_eq!(answers["null"]["error"]["code"], -32700);
    assert_eq!(gateway.deliveries().len(), 1);
}

#[actix_web::test]
async fn many_requests_are_under_way_at_the_same_time_and_each_is_answered() {
    let gateway = gateway().start().await;
    let lines: Vec<String> = (0..100).map(|id| request(id, "ping", &json!({}))).collect();
    let answers = bridged(&gateway, &[], Some(&gateway.key), &lines).await;
    assert_eq!(answers.len(), 100);
    assert!(answers.values().all(|it| it["result"].is_object()), "{answers:#?}");
}

#[actix_web::test]
async fn the_key_comes_from_a_file_or_a_variable_and_from_no_argument() {
    let gateway = gateway().start().await;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    write!(file, "\u{feff}{}\r\n", gateway.key).expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let ping = [request(1, "ping", &json!({}))];
    let answers = bridged(&gateway, &["--key-file", path], Some("wrong"), &ping).await;
    assert!(answers["1"]["result"].is_object(), "{answers:#?}");

    for (arguments, variables, words) in [
        (&["mcp", "--url", "http://localhost"][..], &[][..], "GATEWAY_API_KEY"),
        (&["mcp", "--url", "http://localhost"], &[("GATEWAY_API_KEY", " ")], "empty"),
        (&["mcp", "--url", "ftp://localhost"], &[("GATEWAY_API_KEY", "a")], "https://"),
        (&["mcp", "--url", "http://localhost", "--key-file", "/nowhere"], &[], "--key-file"),
        (&["mcp", "--url", "http://localhost", "--key", "a"], &[], "--key"),
    ] {
        let output = run_program_on(arguments, variables, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(why.contains(words), "{arguments:?}: {why}");
    }
}

#[actix_web::test]
async fn what_goes_wrong_on_the_way_is_told_to_whoever_waits_for_an_answer() {
    let mut gateway = gateway().start().await;
    let lines = [
        request(1, "ping", &json!({})),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string(),
    ];
    let answers = bridged(&gateway, &[], Some("wrong"), &lines).await;
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let error = &answers["1"]["error"];
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32000), &json!("unauthorized")));
    assert!(error["message"].as_str().is_some_and(|it| it.contains("API key")), "{error:#}");
    assert!(!error.to_string().contains("wrong"), "{error:#}");

    gateway.process.stop();
    gateway.process.ended().await;
    let answers = bridged(&gateway, &[], Some(&gateway.key), &lines).await;
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let why = answers["1"]["error"]["message"].as_str().expect("a message");
    assert!(why.starts_with("The gateway does not answer"), "{why}");
}

#[actix_web::test]
async fn a_request_that_its_client_withdraws_is_given_up_and_not_answered() {
    let gateway = gateway().start().await;
    gateway.spoil_every_forward(FaultKind::Held);
    let (lines, input) = mpsc::channel();
    let client = async {
        lines.send(request(1, "tools/call", &forward())).expect("it reads");
        gateway.forwards_reach(1).await;
        let withdrawn = json!({ "requestId": 1, "reason": "the person has changed their mind" });
        let withdrawn =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": withdrawn });
        lines.send(withdrawn.to_string()).expect("it reads");
        gateway.in_flight_are(0).await;
        lines.send(request(2, "ping", &json!({}))).expect("it reads");
        drop(lines);
    };
    let (answers, ()) = tokio::join!(answered(&gateway, &[], Some(&gateway.key), input), client);
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["2"], "{answers:#?}");
    assert!(answers["2"]["result"].is_object(), "{answers:#?}");
}

#[actix_web::test]
async fn what_is_under_way_when_the_input_ends_is_still_answered() {
    let gateway = gateway().start().await;
    gateway.spoil_every_forward(FaultKind::Held);
    let (lines, input) = mpsc::channel();
    let client = async {
        lines.send(request(1, "tools/call", &forward())).expect("it reads");
        gateway.forwards_reach(1).await;
        drop(lines);
        // Takes the time in which a bridge that does not wait would have ended.
        for _ in 0..50 {
            gateway.ask("GET", "/problems").await;
        }
        gateway.in_flight_are(1).await;
        gateway.simulator.clear_faults();
    };
    let (answers, ()) = tokio::join!(answered(&gateway, &[], Some(&gateway.key), input), client);
    assert_eq!(answers["1"]["result"]["structuredContent"]["outcome"], "delivered");
    assert_eq!(gateway.deliveries().len(), 1);
}
