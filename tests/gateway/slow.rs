//! Callers that are slow, large or many: each is bounded, and costs the others nothing.

use std::time::Duration;

use feishu_simulator::FaultKind;

use gateway_harness::{Gateway, Setup, Wire, gateway, ms};

/// Not a time that anything else in the gateway sleeps for.
const BODY_TIMEOUT: Duration = Duration::from_secs(7);
const BODY: &str = "{\"receive_id\":\"oc_1\"}";
const GET: &str = "GET /docs HTTP/1.1\r\nHost: x\r\n\r\n";

fn impatient() -> Setup {
    gateway().set("server.body_timeout", "7s")
}

/// A head that announces the body.
fn head(gateway: &Gateway) -> String {
    gateway.head(&format!("Content-Length: {}\r\n", BODY.len()))
}

async fn too_slow(mut wire: Wire) {
    let answer = wire.answer().await;
    let problem = answer.problem(408, "request_timeout", "not_delivered");
    assert_eq!((&problem["retryable"], &problem["fix_by"]), (&true.into(), &"caller".into()));
    assert_eq!(answer.header("connection"), Some("close"));
    wire.ended().await;
}

#[actix_web::test]
async fn a_body_that_does_not_come_in_time_is_refused_and_its_place_is_free() {
    let gateway = impatient().set("server.max_in_flight", "1").start().await;
    let mut wire = Wire::to(&gateway.api).await;
    wire.send(head(&gateway) + &BODY[..9]).await;
    gateway.sleeps_until(BODY_TIMEOUT).await;
    let answer = gateway.forward("oc_1").send().await;
    answer.problem(503, "overloaded", "not_delivered");
    gateway.advance_to_just_before(BODY_TIMEOUT);
    gateway.sleeps_until(BODY_TIMEOUT).await;
    gateway.advance_to(BODY_TIMEOUT);
    too_slow(wire).await;
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn a_body_that_trickles_in_has_no_more_time_than_any_other() {
    let gateway = impatient().start().await;
    let mut with_length = Wire::to(&gateway.api).await;
    with_length.send(head(&gateway)).await;
    let mut without = Wire::to(&gateway.api).await;
    without.send(gateway.head("Transfer-Encoding: chunked\r\n")).await;
    let both = |all: &Vec<_>| all.iter().filter(|moment| **moment == BODY_TIMEOUT).count() == 2;
    gateway.sleep(both).await;
    for byte in BODY[..7].chars() {
        with_length.send(byte.to_string()).await;
        without.send(format!("1\r\n{byte}\r\n")).await;
        gateway.advance(ms(1000));
    }
    too_slow(with_length).await;
    too_slow(without).await;
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn a_body_that_is_slow_but_in_time_is_taken() {
    let gateway = impatient().start().await;
    let mut wire = Wire::to(&gateway.api).await;
    wire.send(head(&gateway) + &BODY[..9]).await;
    gateway.sleeps_until(BODY_TIMEOUT).await;
    gateway.advance_to_just_before(BODY_TIMEOUT);
    wire.send(&BODY[9..]).await;
    wire.answer().await.message_id();
    // The connection stays good for the next one.
    wire.send(head(&gateway) + BODY).await;
    wire.answer().await.message_id();
}

#[actix_web::test]
async fn whoever_shows_no_key_is_refused_before_the_body_comes() {
    let gateway = gateway().start().await;
    for body in ["Content-Length: 20\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut wire = Wire::to(&gateway.api).await;
        wire.send(gateway.head(body).replace(&gateway.key, "ffg_wrong")).await;
        wire.answer().await.problem(401, "unauthorized", "not_delivered");
    }
}

#[actix_web::test]
async fn a_body_that_is_too_large_or_of_another_kind_is_refused_before_it_comes() {
    let gateway = gateway().start().await;
    for (headers, status, code) in [
        ("Content-Length: 65537\r\n", 413, "body_too_large"),
        ("Content-Length: 20\r\nContent-Type: text/plain\r\n", 415, "unsupported_media_type"),
        ("Content-Length: 20\r\nContent-Encoding: gzip\r\n", 415, "unsupported_media_type"),
    ] {
        let mut wire = Wire::to(&gateway.api).await;
        wire.send(gateway.head(headers)).await;
        let answer = wire.answer().await;
        answer.problem(status, code, "not_delivered");
        // The gateway does not read the rest, so it cannot take it for a request.
        assert_eq!(answer.header("connection"), Some("close"), "{headers}");
    }
}

#[actix_web::test]
async fn a_full_gateway_refuses_before_it_reads_a_key_or_a_body() {
    let gateway = gateway().set("server.max_in_flight", "1").start().await;
    gateway.spoil_forward(FaultKind::Silence);
    let inside = gateway.forward("oc_1").spawn();
    gateway.forwards_reach(1).await;
    let mut wire = Wire::to(&gateway.api).await;
    for _ in 0..3 {
        wire.send(GET).await;
        let answer = wire.answer().await;
        answer.problem(503, "overloaded", "not_delivered");
        assert_eq!(answer.header("connection"), None, "the connection stays good");
    }
    wire.send(head(&gateway).replace(&gateway.key, "ffg_wrong")).await;
    let answer = wire.answer().await;
    answer.problem(503, "overloaded", "not_delivered");
    assert_eq!(answer.header("connection"), Some("close"), "a body would have to be read first");
    wire.ended().await;
    inside.abort();
}

#[actix_web::test]
async fn what_is_refused_with_its_body_unread_is_closed_without_a_reset() {
    let gateway = gateway().set("server.max_body", "1KiB").start().await;
    let mut wire = Wire::to(&gateway.api).await;
    let body = " ".repeat(60_000);
    wire.send(gateway.head(&format!("Content-Length: {}\r\n", body.len())) + &body).await;
    wire.answer().await.problem(413, "body_too_large", "not_delivered");
    wire.ended().await;
}

#[actix_web::test]
async fn a_head_that_is_no_request_is_refused_without_a_word_and_its_connection_closed() {
    let gateway = gateway().start().await;
    let many = "X: y\r\n".repeat(97);
    for (head, status) in [
        (format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(131_072 - 28)), 431),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("HELLO\r\n\r\n".to_owned(), 400),
    ] {
        for url in [&gateway.api, &gateway.admin] {
            let mut wire = Wire::to(url).await;
            wire.send(&head).await;
            let answer = wire.answer().await;
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
            assert_eq!(answer.body, b"");
            wire.ended().await;
        }
    }
}
