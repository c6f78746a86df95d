//! Asking for broadcasts: what is accepted, and every mistake at once.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::FaultKind;
use serde_json::{Value, json};
use tempfile::TempDir;

use gateway_harness::{Answer, Gateway, Setup, gateway};

/// A gateway that keeps broadcasts, and where it keeps them.
pub(crate) async fn with_store(setup: Setup) -> (Gateway, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("broadcasts.db");
    let gateway = setup.set("broadcasts.path", file.to_str().expect("UTF-8")).start().await;
    (gateway, directory)
}

/// A gateway that keeps broadcasts, and whose Feishu answers no forward before its faults are cleared.
pub(crate) async fn held() -> (Gateway, TempDir) {
    let (gateway, directory) = with_store(gateway()).await;
    gateway.spoil_every_forward(FaultKind::Held);
    (gateway, directory)
}

/// The broadcast in an answer with this status.
#[track_caller]
pub(crate) fn broadcast(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    let broadcast = answer.json();
    let counts = broadcast["counts"].as_object().expect("counts");
    let sum: u64 = counts.values().map(|it| it.as_u64().expect("a count")).sum();
    assert_eq!((counts.len(), broadcast["total"].as_u64()), (7, Some(sum)), "{broadcast:#}");
    broadcast
}

/// The path of the broadcast in an answer.
#[track_caller]
pub(crate) fn path(broadcast: &Value) -> String {
    format!("/v1/broadcasts/{}", broadcast["id"].as_str().expect("an id"))
}

/// The broadcast once each of its receivers has a final outcome.
pub(crate) async fn finished(gateway: &Gateway, path: &str) -> Value {
    loop {
        let answer = Answer::of(gateway.call("GET", path)).await;
        let now = broadcast(&answer, 200);
        if now.get("finished_at").is_some() {
            return now;
        }
        gateway.step(Duration::from_millis(100)).await;
    }
}

#[actix_web::test]
async fn a_broadcast_is_accepted_and_delivered_to_each_receiver_once() {
    let (gateway, _directory) = with_store(gateway()).await;
    let answer = gateway.broadcast(["oc_1", "ou_2", "somebody@example.com"]).send().await;
    let accepted = broadcast(&answer, 202);
    assert_eq!(accepted["message_id"], "om_1");
    assert_eq!(accepted["total"], 3);
    assert_eq!(accepted["created_at"], "2026-01-01T00:00:00Z");
    assert_eq!(accepted["expires_at"], "2026-01-02T00:00:00Z");
    assert!(answer.header("etag").is_some_and(|it| it.starts_with("W/\"")), "{answer:?}");
    assert_eq!(answer.header("idempotency-replayed"), None);
    let path = path(&accepted);
    assert_eq!(answer.header("location"), Some(&*format!("../../..{path}")));

    let finished = finished(&gateway, &path).await;
    assert_eq!(
        (&finished["state"], &finished["counts"]["delivered"]),
        (&json!("completed"), &json!(3))
    );
    assert!(finished.get("estimated_finish_at").is_none(), "{finished:#}");
    let mut receivers: Vec<_> = gateway.deliveries().into_iter().map(|it| it.receive_id).collect();
    receivers.sort();
    assert_eq!(receivers, ["oc_1", "ou_2", "somebody@example.com"]);
}

#[actix_web::test]
async fn the_same_request_with_the_same_key_is_the_same_broadcast() {
    let (gateway, _directory) = held().await;
    let first = broadcast(&gateway.broadcast(["oc_1", "oc_2"]).send().await, 202);
    let again = gateway.broadcast(["oc_1", "oc_2"]).send().await;
    assert_eq!(broadcast(&again, 202)["id"], first["id"]);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert!(again.header("location").is_some_and(|it| it.ends_with(&path(&first))));
    let other = gateway.broadcast(["oc_1", "oc_3"]).send().await;
    other.problem(422, "idempotency_key_reused", "not_delivered");
    let other = gateway.broadcast(["oc_1", "oc_2"]).header("idempotency-key", "b").send().await;
    assert_ne!(broadcast(&other, 202)["id"], first["id"]);
}

#[actix_web::test]
async fn a_location_begins_with_the_public_url_where_there_is_one() {
    let setup = gateway().set("server.public_url", "https://apps.example.com/feishu");
    let (gateway, _directory) = with_store(setup).await;
    let answer = gateway.broadcast(["oc_1"]).send().await;
    let path = path(&broadcast(&answer, 202));
    let location = format!("https://apps.example.com/feishu{path}");
    assert_eq!(answer.header("location"), Some(&*location));
    finished(&gateway, &path).await;
}

#[actix_web::test]
async fn nothing_is_accepted_where_there_is_a_mistake_and_all_of_them_are_told() {
    let (gateway, _directory) = with_store(gateway()).await;
    let body = r#"{"receivers":[{"receive_id":"oc_1"},{"receive_id":"oc 2"},{"receive_id":"oc_1"}],"expires_in":"1s"}"#;
    let answer = gateway.broadcast([]).query("uuid=1").body(body).send().await;
    let fields = ["uuid", "receivers[1].receive_id", "receivers[2].receive_id", "expires_in"];
    assert_eq!(answer.wrong_fields(), fields);
    let answer = gateway.broadcast(["oc_1"]).without("idempotency-key").send().await;
    answer.problem(400, "idempotency_key_missing", "not_delivered");
    let answer = gateway.broadcast(["oc_1"]).header("x-idempotency-key", "b").send().await;
    assert_eq!(answer.wrong_fields(), ["X-Idempotency-Key"]);
    let list = Answer::of(gateway.call("GET", "/v1/broadcasts")).await;
    assert_eq!(list.json(), json!({ "broadcasts": [] }));
}

#[actix_web::test]
async fn each_receiver_that_the_key_may_not_forward_to_is_named_by_its_place() {
    let setup = gateway().set("keys.tester.allow_receivers", "oc_*");
    let (gateway, _directory) = with_store(setup).await;
    for query in ["", "dry_run"] {
        let answer = gateway.broadcast(["oc_1", "ou_2", "oc_3", "ou_4"]).query(query).send().await;
        let problem = answer.problem(403, "receiver_not_allowed", "not_delivered");
        let places = problem["errors"].as_array().expect("errors").iter().map(|it| &it["field"]);
        let places: Vec<_> = places.collect();
        assert_eq!(places, ["receivers[1].receive_id", "receivers[3].receive_id"]);
    }
    assert!(gateway.forwards().is_empty());
}

#[actix_web::test]
async fn a_dry_run_counts_by_type_foresees_the_end_and_accepts_nothing() {
    let (gateway, _directory) = with_store(gateway()).await;
    let dry_run = gateway.broadcast(["oc_1", "oc_2", "a@example.com"]).query("dry_run=true");
    let answer = dry_run.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["total"], 3);
    assert_eq!(answer["by_type"], json!({ "chat_id": 2, "email": 1 }));
    let end = answer["estimated_finish_at"].as_str().expect("a time");
    assert!(end.starts_with("2026-01-01T00:00:0"), "{end}");
    let list = Answer::of(gateway.call("GET", "/v1/broadcasts")).await;
    assert_eq!(list.json()["broadcasts"], json!([]));
    assert!(gateway.forwards().is_empty());
}

#[actix_web::test]
async fn a_body_may_be_as_large_as_the_receivers_need_and_no_larger() {
    let (gateway, _directory) = with_store(gateway().set("broadcasts.max_receivers", "2000")).await;
    gateway.spoil_every_forward(FaultKind::Held);
    let ids: Vec<String> = (0..2000).map(|it| format!("oc_{it:0>100}")).collect();
    let answer = gateway.broadcast(ids.iter().map(String::as_str)).send().await;
    assert_eq!(broadcast(&answer, 202)["total"], 2000);
    let ids: Vec<String> = (0..2001).map(|it| format!("oc_{it}")).collect();
    let many = gateway.broadcast(ids.iter().map(String::as_str)).header("idempotency-key", "b");
    assert_eq!(many.send().await.wrong_fields(), ["receivers"]);
    let answer = gateway.broadcast([]).body(" ".repeat(1_000_000)).send().await;
    answer.problem(413, "body_too_large", "not_delivered");
    let path = "/v1/broadcasts/bc_00000000000000000000000000000000/cancel";
    let answer = gateway.broadcast([]).path(path).body(" ".repeat(100_000)).send().await;
    answer.problem(413, "body_too_large", "not_delivered");
}

#[actix_web::test]
async fn a_key_has_a_bound_on_its_active_broadcasts() {
    let (gateway, _directory) =
        with_store(gateway().set("broadcasts.max_active_per_key", "1")).await;
    gateway.spoil_every_forward(FaultKind::Held);
    let first = broadcast(&gateway.broadcast(["oc_1"]).send().await, 202);
    for query in ["", "dry_run"] {
        let second = gateway.broadcast(["oc_2"]).header("idempotency-key", "b").query(query);
        second.send().await.problem(429, "too_many_broadcasts", "not_delivered");
    }
    Answer::of(gateway.call("POST", &format!("{}/cancel", path(&first)))).await;
    let second = gateway.broadcast(["oc_2"]).header("idempotency-key", "b").send().await;
    broadcast(&second, 202);
}

#[actix_web::test]
async fn another_callers_broadcast_is_as_one_that_there_is_not() {
    let other = ApiKey::generate();
    let (gateway, _directory) = with_store(gateway().second_app_of(&other)).await;
    gateway.spoil_every_forward(FaultKind::Held);
    let known = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    let unknown = "/v1/broadcasts/bc_00000000000000000000000000000000";
    for (path, key) in [
        (&*known, other.expose()),
        (unknown, &*gateway.key),
        ("/v1/broadcasts/nope", &*gateway.key),
    ] {
        for (method, action) in [
            ("GET", ""),
            ("GET", "/receivers"),
            ("GET", "/events"),
            ("POST", "/cancel"),
            ("POST", "/retry"),
        ] {
            let url = format!("{}{path}{action}", gateway.api);
            let method = method.parse::<reqwest::Method>().expect("a method");
            let request = gateway.http.request(method, url).header("x-api-key", key);
            let answer = Answer::of(request.header("idempotency-key", "a")).await;
            answer.problem(404, "broadcast_not_found", "not_delivered");
        }
    }
    let list = gateway.http.get(format!("{}/v1/broadcasts", gateway.api));
    let list = Answer::of(list.header("x-api-key", other.expose())).await;
    assert_eq!(list.json()["broadcasts"], json!([]));
}

#[actix_web::test]
async fn without_a_store_every_route_says_so() {
    let gateway = gateway().start().await;
    let answer = gateway.broadcast(["oc_1"]).send().await;
    answer.problem(501, "broadcasts_not_configured", "not_delivered");
    let id = "bc_00000000000000000000000000000000";
    for (method, path) in [
        ("GET", "/v1/broadcasts".to_owned()),
        ("GET", format!("/v1/broadcasts/{id}")),
        ("GET", format!("/v1/broadcasts/{id}/receivers")),
        ("GET", format!("/v1/broadcasts/{id}/events")),
        ("POST", format!("/v1/broadcasts/{id}/cancel")),
        ("POST", format!("/v1/broadcasts/{id}/retry")),
    ] {
        let answer = Answer::of(gateway.call(method, &path)).await;
        answer.problem(501, "broadcasts_not_configured", "not_delivered");
        gateway.ask(method, &path).await.problem(401, "unauthorized", "not_delivered");
    }
    // A preference that cannot be met is ignored.
    gateway.forward("oc_1").header("prefer", "respond-async").send().await.message_id();
}

#[actix_web::test]
async fn a_forward_that_may_be_answered_before_it_is_done_is_a_broadcast_to_one() {
    let setup = gateway().set("keys.tester.allow_receivers", "oc_*");
    let (gateway, _directory) = with_store(setup).await;
    let forward = |id: &str| gateway.forward(id).header("prefer", "respond-async, wait=3");
    let answer = forward("oc_1").send().await;
    answer.problem(400, "idempotency_key_missing", "not_delivered");
    let answer = forward("oc_1").header("idempotency-key", "a").query("uuid=1").send().await;
    assert_eq!(answer.wrong_fields(), ["uuid"]);
    let answer = forward("ou_1").header("idempotency-key", "a").send().await;
    let problem = answer.problem(403, "receiver_not_allowed", "not_delivered");
    assert_eq!(problem["errors"][0]["field"], "receive_id");
    let dry_run = forward("oc_1").query("dry_run&uuid=1").send().await;
    assert_eq!((dry_run.status, &dry_run.json()["would"]), (200, &json!("send")));

    let answer = forward("oc_1").header("idempotency-key", "a").send().await;
    let accepted = broadcast(&answer, 202);
    assert_eq!(answer.header("preference-applied"), Some("respond-async"));
    assert!(answer.header("location").is_some_and(|it| it.ends_with(&path(&accepted))));
    let finished = finished(&gateway, &path(&accepted)).await;
    assert_eq!(finished["counts"]["delivered"], 1);

    let merge = gateway.merge("oc_1", &["om_1"]).header("prefer", "respond-async");
    merge.send().await.merged_id();
    let thread = gateway.forward_thread("omt_1", "oc_1").header("prefer", "respond-async");
    thread.send().await.message_id();
}
