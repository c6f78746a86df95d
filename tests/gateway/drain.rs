//! The drain as callers meet it: on connections that are new, kept alive, half used or idle.

use std::time::Duration;

use feishu_simulator::FaultKind;

use gateway_harness::{Gateway, Setup, Wire, gateway, refuses_connections};

/// Not a time that anything else in the gateway sleeps for.
const DELAY: Duration = Duration::from_secs(3);
const BODY_TIMEOUT: Duration = Duration::from_secs(7);
const BODY: &str = "{\"receive_id\":\"oc_1\"}";

fn with_delay() -> Setup {
    gateway().set("server.drain_delay", "3s").set("server.drain_timeout", "1h")
}

/// A forward as it goes over the wire.
fn forward(gateway: &Gateway) -> String {
    gateway.head(&format!("Content-Length: {}\r\n", BODY.len())) + BODY
}

async fn begins_to_drain(gateway: &mut Gateway) {
    gateway.process.stop();
    gateway.sleeps_until(DELAY).await;
}

#[actix_web::test]
async fn until_the_delay_is_over_everybody_is_answered_and_sent_away() {
    let mut gateway = with_delay().start().await;
    let mut kept_alive = Wire::to(&gateway.api).await;
    kept_alive.send(forward(&gateway)).await;
    let answer = kept_alive.answer().await;
    answer.message_id();
    assert_eq!(answer.header("connection"), None);

    begins_to_drain(&mut gateway).await;
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 503);
    gateway.advance_to_just_before(DELAY);
    for mut wire in [kept_alive, Wire::to(&gateway.api).await] {
        wire.send(forward(&gateway)).await;
        let answer = wire.answer().await;
        answer.message_id();
        assert_eq!(answer.header("connection"), Some("close"));
        wire.ended().await;
    }
    let refused = gateway.ask("GET", "/nope").await;
    refused.problem(404, "route_not_found", "not_delivered");
    assert_eq!(refused.header("connection"), Some("close"));

    gateway.advance_to(DELAY);
    refuses_connections(&gateway.api).await;
    gateway.process.ended().await;
}

#[actix_web::test]
async fn a_request_behind_an_answer_that_was_the_last_is_not_sent() {
    let mut gateway = with_delay().start().await;
    begins_to_drain(&mut gateway).await;
    // A caller that reads that the connection ends with the first request repeats the second elsewhere.
    let mut wire = Wire::to(&gateway.api).await;
    wire.send(forward(&gateway) + &forward(&gateway)).await;
    let first = wire.answer().await;
    first.message_id();
    assert_eq!(first.header("connection"), Some("close"));
    wire.answer().await.problem(503, "draining", "not_delivered");
    wire.ended().await;
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn a_delay_that_is_longer_than_the_drain_is_cut_to_it() {
    let setup = gateway().set("server.drain_delay", "1h").set("server.drain_timeout", "3s");
    let mut gateway = setup.start().await;
    begins_to_drain(&mut gateway).await;
    gateway.forward("oc_1").send().await.message_id();
    gateway.advance_to(DELAY);
    gateway.process.ended().await;
}

#[actix_web::test]
async fn a_body_that_is_still_coming_in_when_the_listener_closes_is_waited_for() {
    let setup = with_delay().set("server.drain_delay", "0s").set("server.body_timeout", "7s");
    let mut gateway = setup.start().await;
    let mut wire = Wire::to(&gateway.api).await;
    wire.send(gateway.head(&format!("Content-Length: {}\r\n", BODY.len())) + &BODY[..9]).await;
    gateway.sleeps_until(BODY_TIMEOUT).await;
    gateway.process.stop();
    refuses_connections(&gateway.api).await;
    wire.send(&BODY[9..]).await;
    let answer = wire.answer().await;
    answer.message_id();
    assert_eq!(answer.header("connection"), Some("close"));
    wire.ended().await;
    gateway.process.ended().await;
}

#[actix_web::test]
async fn a_request_that_waits_behind_another_when_the_listener_closes_is_not_sent() {
    let mut gateway = with_delay().set("server.drain_delay", "0s").start().await;
    gateway.spoil_forward(FaultKind::Held);
    let mut wire = Wire::to(&gateway.api).await;
    wire.send(forward(&gateway) + &forward(&gateway)).await;
    gateway.forwards_reach(1).await;
    gateway.process.stop();
    refuses_connections(&gateway.api).await;
    gateway.simulator.clear_faults();
    let first = wire.answer().await;
    first.message_id();
    assert_eq!(first.header("connection"), Some("close"));
    // It is dropped with the connection, or refused if it was read before.
    if let Some(second) = wire.answer_or_end().await {
        second.problem(503, "draining", "not_delivered");
        wire.ended().await;
    }
    gateway.process.ended().await;
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn a_call_whose_caller_has_hung_up_is_answered_before_the_process_ends() {
    let mut gateway = with_delay().set("server.drain_delay", "0s").start().await;
    gateway.spoil_forward(FaultKind::Held);
    let forward = gateway.forward("oc_1").spawn();
    gateway.forwards_reach(1).await;
    gateway.hang_up(forward).await;
    gateway.process.stop();
    refuses_connections(&gateway.api).await;
    gateway.simulator.clear_faults();
    gateway.process.ended().await;
    assert_eq!(gateway.forwards()[0].status, Some(200));
    assert_eq!(gateway.deliveries().len(), 1);
}

#[actix_web::test]
async fn a_connection_without_a_whole_head_is_closed_with_the_listener_and_not_before() {
    let mut gateway = with_delay().start().await;
    let (mut idle, mut half) = (Wire::to(&gateway.api).await, Wire::to(&gateway.api).await);
    for wire in [&mut idle, &mut half] {
        wire.send(forward(&gateway)).await;
        wire.answer().await.message_id();
    }
    half.send("POST /v1/mess").await;
    begins_to_drain(&mut gateway).await;
    gateway.forward("oc_1").send().await.message_id();
    assert!(idle.is_silent() && half.is_silent());
    gateway.advance_to(DELAY);
    idle.ended().await;
    half.ended().await;
    gateway.process.ended().await;
}
