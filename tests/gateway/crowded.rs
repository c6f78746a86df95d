//! More connections than there are places: idle ones make room, and callers that forward do not notice.

use std::time::Duration;

use feishu_simulator::FaultKind;

use gateway_harness::{Gateway, Wire, gateway, guarded};

const BODY: &str = "{\"receive_id\":\"oc_1\"}";
const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn forward(gateway: &Gateway) -> String {
    gateway.head(&format!("Content-Length: {}\r\n", BODY.len())) + BODY
}

/// A connection on which a request without a key was answered.
async fn stranger(url: &str) -> Wire {
    let mut wire = Wire::to(url).await;
    wire.send(GET).await;
    wire.answer().await;
    wire
}

async fn connections_reach(gateway: &Gateway, count: u64) {
    let labels = [("listener", "public")];
    let now = async || gateway.metrics().await.count("feishu_gateway_connections", &labels);
    guarded(async { while now().await < count {} }).await;
}

#[actix_web::test]
async fn a_newcomer_gets_the_place_of_the_connection_that_was_idle_the_longest() {
    let gateway = gateway().set("server.max_connections", "2").start().await;
    let mut used_since = stranger(&gateway.api).await;
    let idle = stranger(&gateway.api).await;
    used_since.send(GET).await;
    used_since.answer().await;
    let mut newcomer = stranger(&gateway.api).await;
    idle.ended().await;
    for wire in [&mut used_since, &mut newcomer] {
        wire.send(GET).await;
        wire.answer().await;
    }
    let labels = [("listener", "public"), ("reason", "room_needed")];
    let closed = gateway.metrics().await.count("feishu_gateway_connections_closed_total", &labels);
    assert_eq!(closed, 1);
}

#[actix_web::test]
async fn a_connection_with_half_a_head_is_idle() {
    let gateway = gateway().set("server.max_connections", "1").start().await;
    let mut half = Wire::to(&gateway.api).await;
    half.send("POST /v1/mess").await;
    connections_reach(&gateway, 1).await;
    stranger(&gateway.api).await;
    half.ended().await;
}

#[actix_web::test]
async fn strangers_leave_before_those_who_have_shown_a_key() {
    let gateway = gateway().set("server.max_connections", "2").start().await;
    let mut caller = Wire::to(&gateway.api).await;
    caller.send(forward(&gateway)).await;
    caller.answer().await.message_id();
    for _ in 0..3 {
        let idle = stranger(&gateway.api).await;
        stranger(&gateway.api).await.send("GET /").await;
        drop(idle);
    }
    caller.send(forward(&gateway)).await;
    caller.answer().await.message_id();
}

#[actix_web::test]
async fn thousands_without_a_key_do_not_keep_a_caller_waiting() {
    let gateway = gateway().set("server.max_connections", "64").start().await;
    let mut crowd = Vec::new();
    for _ in 0..200 {
        let mut wire = Wire::to(&gateway.api).await;
        wire.send("GET / HTTP/1.1\r\n").await;
        crowd.push(wire);
    }
    for _ in 0..3 {
        gateway.forward("oc_1").over_a_new_connection().send().await.message_id();
    }
}

#[actix_web::test]
async fn who_is_worked_on_stays_and_leaves_with_the_answer_when_somebody_waits() {
    let gateway = gateway().one_attempt().set("server.max_connections", "1").start().await;
    gateway.spoil_forward(FaultKind::Silence);
    let mut inside = Wire::to(&gateway.api).await;
    inside.send(forward(&gateway)).await;
    gateway.forwards_reach(1).await;
    gateway.sleeps_until(Duration::from_secs(5)).await;
    let mut waiting = Wire::to(&gateway.api).await;
    waiting.send(GET).await;
    connections_reach(&gateway, 2).await;
    assert!(waiting.is_silent());
    gateway.advance(Duration::from_secs(5));
    let answer = inside.answer().await;
    answer.problem(504, "feishu_timeout", "unknown");
    assert_eq!(answer.header("connection"), Some("close"));
    inside.ended().await;
    assert_eq!(waiting.answer().await.status, 307);
    // Now no connection waits, and the one that has the place keeps it.
    waiting.send(GET).await;
    assert_eq!(waiting.answer().await.header("connection"), None);
}

#[actix_web::test]
async fn slow_connections_do_not_keep_health_and_metrics_from_being_asked() {
    let gateway = gateway().start().await;
    let mut crowd = Vec::new();
    for _ in 0..300 {
        let mut wire = Wire::to(&gateway.admin).await;
        wire.send("GET /livez HTTP/1.1\r\n").await;
        crowd.push(wire);
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(gateway.ask_admin("GET", path).await.status, 200);
    }
}
