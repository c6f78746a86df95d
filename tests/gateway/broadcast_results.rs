//! Reading, cancelling and retrying broadcasts.

use std::time::Duration;

use feishu_simulator::FaultKind;
use serde_json::{Value, json};

use crate::broadcasts::{broadcast, finished, held, path, with_store};
use gateway_harness::{Answer, Gateway, code, gateway};

async fn get(gateway: &Gateway, path: &str) -> Answer {
    Answer::of(gateway.call("GET", path)).await
}

async fn post(gateway: &Gateway, path: &str) -> Answer {
    Answer::of(gateway.call("POST", path).header("idempotency-key", "again")).await
}

fn ids(page: &Value, list: &str, member: &str) -> Vec<String> {
    let items = page[list].as_array().expect("a list").iter();
    items.map(|it| it[member].as_str().expect("an id").to_owned()).collect()
}

#[actix_web::test]
async fn the_list_has_the_callers_broadcasts_newest_first_in_pages() {
    let (gateway, _directory) = held().await;
    let mut newest_first = Vec::new();
    for key in ["a", "b", "c"] {
        let answer = gateway.broadcast(["oc_1"]).header("idempotency-key", key).send().await;
        newest_first.insert(0, broadcast(&answer, 202)["id"].as_str().expect("an id").to_owned());
        gateway.advance(Duration::from_millis(2));
    }
    let page = get(&gateway, "/v1/broadcasts").await.json();
    assert_eq!(ids(&page, "broadcasts", "id"), newest_first);
    assert!(page.get("next_cursor").is_none(), "{page:#}");
    let page = get(&gateway, "/v1/broadcasts?limit=2").await.json();
    assert_eq!(ids(&page, "broadcasts", "id"), newest_first[..2]);
    let cursor = page["next_cursor"].as_str().expect("another page");
    let page = get(&gateway, &format!("/v1/broadcasts?limit=2&cursor={cursor}")).await.json();
    assert_eq!(ids(&page, "broadcasts", "id"), newest_first[2..]);
    assert!(page.get("next_cursor").is_none(), "{page:#}");
    let answer = get(&gateway, "/v1/broadcasts?limit=101&page=2").await;
    assert_eq!(answer.wrong_fields(), ["limit", "page"]);
}

#[actix_web::test]
async fn each_receivers_outcome_can_be_read_by_pages_and_by_outcome() {
    let (gateway, _directory) = with_store(gateway()).await;
    gateway.spoil_forward(code(230002));
    let accepted = broadcast(&gateway.broadcast(["oc_1", "oc_2", "oc_3"]).send().await, 202);
    let path = path(&accepted);
    let counts = finished(&gateway, &path).await["counts"].clone();
    assert_eq!((&counts["delivered"], &counts["not_delivered"]), (&json!(2), &json!(1)));

    let failed = Answer::of(
        gateway
            .call("GET", &format!("{path}/receivers?outcome=not_delivered,unknown"))
            .header("accept-language", "zh"),
    );
    let failed = failed.await;
    assert_eq!(failed.header("content-language"), Some("zh"));
    let failed = failed.json();
    assert_eq!(failed["receivers"].as_array().map(Vec::len), Some(1), "{failed:#}");
    let problem = &failed["receivers"][0]["problem"];
    assert_eq!(problem["code"], "bot_not_in_chat");
    assert_eq!(problem["type"], "/problems/bot_not_in_chat");
    assert_eq!(
        (&problem["feishu_code"], &problem["fix_by"]),
        (&json!(230002), &json!("chat_admin"))
    );
    assert!(problem["title"].as_str().is_some_and(|it| !it.is_ascii()), "{problem:#}");

    let page = get(&gateway, &format!("{path}/receivers?limit=2")).await.json();
    assert_eq!(ids(&page, "receivers", "receive_id"), ["oc_1", "oc_2"]);
    let cursor = page["next_cursor"].as_str().expect("another page");
    let page = get(&gateway, &format!("{path}/receivers?limit=2&cursor={cursor}")).await.json();
    assert_eq!(ids(&page, "receivers", "receive_id"), ["oc_3"]);
    assert!(page.get("next_cursor").is_none(), "{page:#}");

    let delivered = get(&gateway, &format!("{path}/receivers?outcome=delivered")).await.json();
    for receiver in delivered["receivers"].as_array().expect("receivers") {
        assert!(receiver["message_id"].as_str().is_some_and(|it| it.starts_with("om_")));
        assert!(receiver["ended_at"].is_string() && receiver["attempts"] == 1, "{receiver:#}");
        assert_eq!(receiver["receive_id_type"], "chat_id");
    }
    let answer = get(&gateway, &format!("{path}/receivers?outcome=sent&limit=0")).await;
    assert_eq!(answer.wrong_fields(), ["outcome", "limit"]);
}

#[actix_web::test]
async fn as_csv_all_receivers_come_and_no_cell_is_a_formula() {
    let (gateway, _directory) = held().await;
    // More than are read at once.
    let mut ids: Vec<String> = (0..2500).map(|it| format!("oc_{it}")).collect();
    ids[1] = "=SUM(A1)\"".to_owned();
    let request = gateway.broadcast(ids.iter().map(String::as_str));
    let path = path(&broadcast(&request.send().await, 202));
    let csv = |query: &str| gateway.call("GET", &format!("{path}/receivers{query}"));
    let answer = Answer::of(csv("").header("accept", "text/csv")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let id = path.rsplit('/').next().unwrap_or_default();
    let name = format!("attachment; filename=\"{id}.csv\"");
    assert_eq!(answer.header("content-disposition"), Some(&*name));
    let text = answer.text();
    let rows: Vec<_> = text.split("\r\n").collect();
    assert_eq!((rows.len(), rows[2501]), (2502, ""));
    assert!(rows[0].starts_with("receive_id,receive_id_type,outcome,"), "{}", rows[0]);
    assert!(rows[1].starts_with("oc_0,chat_id,"), "{}", rows[1]);
    assert!(rows[2].starts_with("\"'=SUM(A1)\"\"\",chat_id,"), "{}", rows[2]);
    assert!(rows[2500].starts_with("oc_2499,"), "{}", rows[2500]);

    let answer = Answer::of(csv("?cursor=1").header("accept", "text/csv")).await;
    assert_eq!(answer.wrong_fields(), ["cursor"]);
    for accept in ["*/*", "application/json, text/csv;q=0.5"] {
        let answer = Answer::of(csv("").header("accept", accept)).await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accept}");
    }
    let head = Answer::of(gateway.call("HEAD", &format!("{path}/receivers"))).await;
    assert!(head.status == 200 && head.body.is_empty());
    gateway.in_flight_are(0).await;
}

#[actix_web::test]
async fn an_answer_that_the_caller_has_already_is_not_sent_again() {
    let (gateway, _directory) = with_store(gateway()).await;
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    finished(&gateway, &path).await;
    let tag = get(&gateway, &path).await.header("etag").expect("a tag").to_owned();
    let conditional = |tag: &str| gateway.call("GET", &path).header("if-none-match", tag);
    let answer = Answer::of(conditional(&tag)).await;
    assert_eq!((answer.status, answer.header("etag")), (304, Some(&*tag)));
    assert_eq!(Answer::of(conditional("*")).await.status, 304);
    assert_eq!(Answer::of(conditional("W/\"0\", \"x\"")).await.status, 200);
    // What has ended does not change, so nobody waits for it.
    let answer = Answer::of(gateway.call("GET", &path).header("prefer", "wait=9")).await;
    assert_eq!((answer.status, answer.header("preference-applied")), (200, Some("wait=9")));
}

#[actix_web::test]
async fn a_long_poll_ends_with_a_change_or_its_time() {
    let (gateway, _directory) = held().await;
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    gateway.forwards_reach(1).await;
    let now = get(&gateway, &path).await;
    let tag = now.header("etag").expect("a tag").to_owned();
    assert_eq!(broadcast(&now, 200)["counts"]["in_doubt"], 1);

    let poll = gateway.call("GET", &path).header("prefer", "wait=100000");
    let poll = actix_web::rt::spawn(Answer::of(poll.header("if-none-match", &tag)));
    gateway.in_flight_are(1).await;
    let canceled = post(&gateway, &format!("{path}/cancel")).await;
    assert_eq!(broadcast(&canceled, 200)["state"], "canceled");
    let answer = gateway_harness::guarded(poll).await.expect("an answer");
    assert_eq!(broadcast(&answer, 200)["state"], "canceled");
    assert_eq!(answer.header("preference-applied"), Some("wait=60"));
    // The caller knows an older state, so there is nothing to wait for.
    let poll = gateway.call("GET", &path).header("prefer", "wait=60");
    let answer = Answer::of(poll.header("if-none-match", &tag)).await;
    assert_eq!(broadcast(&answer, 200)["state"], "canceled");

    let tag = answer.header("etag").expect("a tag").to_owned();
    let until = gateway.clock.now() + Duration::from_secs(3);
    let poll = gateway.call("GET", &path).header("prefer", "wait=3");
    let poll = actix_web::rt::spawn(Answer::of(poll.header("if-none-match", &tag)));
    gateway.in_flight_are(1).await;
    while !poll.is_finished() {
        gateway.advance(Duration::from_millis(100));
        // Takes the time that the gateway needs: the attempt that is held must not time out meanwhile.
        gateway.ask("GET", "/problems").await;
    }
    assert_eq!(poll.await.expect("an answer").status, 304);
    assert!(gateway.clock.now() >= until);
    let answer = Answer::of(gateway.call("GET", &path).header("prefer", "wait=soon")).await;
    assert_eq!(answer.wrong_fields(), ["Prefer"]);
}

#[actix_web::test]
async fn a_broadcast_is_canceled_as_often_as_asked_and_not_after_its_end() {
    let (gateway, _directory) = held().await;
    let ids: Vec<String> = (0..200).map(|it| format!("oc_{it}")).collect();
    let request = gateway.broadcast(ids.iter().map(String::as_str)).send().await;
    let path = path(&broadcast(&request, 202));
    for _ in 0..2 {
        let canceled = broadcast(&post(&gateway, &format!("{path}/cancel")).await, 200);
        assert_eq!(
            (&canceled["state"], &canceled["counts"]["pending"]),
            (&json!("canceled"), &json!(0))
        );
        assert!(canceled["counts"]["canceled"].as_u64() > Some(0), "{canceled:#}");
    }
    let body = gateway.call("POST", &format!("{path}/cancel")).body("{\"now\":true}");
    assert_eq!(Answer::of(body).await.wrong_fields(), ["now"]);

    gateway.simulator.clear_faults();
    let second = gateway.broadcast(["oc_1"]).header("idempotency-key", "b").send().await;
    let path = crate::broadcasts::path(&broadcast(&second, 202));
    finished(&gateway, &path).await;
    let answer = post(&gateway, &format!("{path}/cancel")).await;
    answer.problem(409, "broadcast_ended", "not_delivered");
}

#[actix_web::test]
async fn a_retry_is_a_new_broadcast_to_those_who_have_not_got_it() {
    let (gateway, _directory) = with_store(gateway()).await;
    gateway.spoil_forward(code(230002));
    let first = broadcast(&gateway.broadcast(["oc_1", "oc_2"]).send().await, 202);
    let path = path(&first);
    finished(&gateway, &path).await;
    let retry = format!("{path}/retry");
    let answer = Answer::of(gateway.call("POST", &retry)).await;
    answer.problem(400, "idempotency_key_missing", "not_delivered");
    let answer = post(&gateway, &retry).await;
    let second = broadcast(&answer, 202);
    assert_eq!((&second["retry_of"], &second["total"]), (&first["id"], &json!(1)));
    let second_path = crate::broadcasts::path(&second);
    assert_eq!(answer.header("location"), Some(&*format!("../../..{second_path}")));
    let replay = post(&gateway, &retry).await;
    assert_eq!(broadcast(&replay, 202)["id"], second["id"]);
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
    assert_eq!(finished(&gateway, &second_path).await["counts"]["delivered"], 1);
    // Now everybody has it.
    let nobody = gateway.call("POST", &format!("{second_path}/retry"));
    let nobody = Answer::of(nobody.header("idempotency-key", "c")).await;
    nobody.problem(409, "broadcast_ended", "not_delivered");
    let wrong = gateway.call("POST", &retry).body("{\"outcomes\":[\"delivered\"]}");
    let wrong = Answer::of(wrong.header("idempotency-key", "c")).await;
    assert_eq!(wrong.wrong_fields(), ["outcomes[0]"]);
}

#[actix_web::test]
async fn the_metrics_name_the_route_and_no_broadcast() {
    let (gateway, _directory) = with_store(gateway()).await;
    gateway.spoil_every_forward(FaultKind::Held);
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    get(&gateway, &path).await;
    let metrics = gateway.metrics().await;
    let requests = |route| {
        let labels = [("route", route), ("caller", "tester")];
        metrics.count("feishu_gateway_http_requests_total", &labels)
    };
    assert_eq!(requests("/v1/messages/{message_id}/broadcasts"), 1);
    assert_eq!(requests("/v1/broadcasts/{id}"), 1);
}
