//! No caller takes all of what callers share: places of requests in flight, and connections. What is free may be used.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;

use gateway_harness::{Answer, Gateway, Setup, Wire, gateway};

/// Not a time that anything else in the gateway sleeps for.
const BODY_TIMEOUT: Duration = Duration::from_secs(7);
const BODY: &str = "{\"receive_id\":\"oc_1\"}";
const TOKEN: &str = "/open-apis/auth/v3/tenant_access_token/internal";
/// Every route that reads a body of a caller whose key is in the head.
const ROUTES: [&str; 7] = [
    "/v1/messages/om_1/forward",
    "/v1/messages/merge_forward",
    "/v1/threads/omt_1/forward",
    "/open-apis/im/v1/messages/om_1/forward",
    "/open-apis/im/v1/messages/merge_forward",
    "/open-apis/im/v1/threads/omt_1/forward",
    "//open-apis/im/v1/messages/om_1/forward",
];

/// Ten places, of which `tester` and `other` want some.
fn ten_places(other: &ApiKey) -> Setup {
    let setup = gateway().set("server.body_timeout", "7s").set("server.max_in_flight", "10");
    setup.second_app_of(other)
}

/// A head that announces a body, to this path.
fn head(gateway: &Gateway, path: &str, more: &str) -> String {
    let head = gateway.head(&format!("Content-Length: {}\r\n{more}", BODY.len()));
    head.replace("/v1/messages/om_1/forward", path)
}

/// Sends a head over a connection of its own, and no body.
async fn begin(gateway: &Gateway, path: &str) -> Wire {
    let mut wire = Wire::to(&gateway.api).await;
    wire.send(head(gateway, path, "")).await;
    wire
}

/// Returns once so many bodies are waited for.
async fn bodies_are_awaited(gateway: &Gateway, count: usize) {
    let until = gateway.clock.now() + BODY_TIMEOUT;
    gateway.sleep(|all| all.iter().filter(|moment| **moment == until).count() == count).await;
}

/// Eight requests of `tester` whose bodies do not come.
async fn eight_slow_bodies(gateway: &Gateway) -> Vec<Wire> {
    let mut slow = Vec::new();
    for number in 0..8 {
        slow.push(begin(gateway, ROUTES[number % ROUTES.len()]).await);
    }
    bodies_are_awaited(gateway, 8).await;
    slow
}

async fn forward_of(gateway: &Gateway, key: &ApiKey) -> Answer {
    let forward = gateway.forward("oc_2").header("x-api-key", key.expose());
    forward.over_a_new_connection().send().await
}

#[actix_web::test]
async fn one_caller_has_four_fifths_of_the_places_and_leaves_the_rest_to_others() {
    let other = ApiKey::generate();
    let gateway = ten_places(&other).start().await;
    let slow = eight_slow_bodies(&gateway).await;
    for path in ROUTES {
        let answer = begin(&gateway, path).await.answer().await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
        assert!(answer.text().contains("This caller has 8 requests in flight"), "{path}");
    }
    let mut chinese = Wire::to(&gateway.api).await;
    chinese.send(head(&gateway, ROUTES[0], "Accept-Language: zh\r\n")).await;
    let answer = chinese.answer().await;
    let problem = answer.problem(503, "overloaded", "not_delivered");
    assert_eq!(problem["detail"], "该调用方已有 8 个请求正在处理；其余名额留给其他调用方。");
    forward_of(&gateway, &other).await.message_id();
    let labels = [("status", "503"), ("caller", "tester")];
    let refused = gateway.metrics().await.count("feishu_gateway_http_requests_total", &labels);
    assert_eq!(refused, 8);

    gateway.advance(BODY_TIMEOUT);
    for mut wire in slow {
        let answer = wire.answer().await;
        assert!(answer.text().contains("The body had not arrived 7 s after the head."));
    }
    gateway.in_flight_are(0).await;
    gateway.forward("oc_1").send().await.message_id();
    eight_slow_bodies(&gateway).await;
}

#[actix_web::test]
async fn one_that_hangs_up_gives_its_place_back() {
    let gateway = ten_places(&ApiKey::generate()).start().await;
    let mut slow = eight_slow_bodies(&gateway).await;
    begin(&gateway, ROUTES[0]).await.answer().await.problem(503, "overloaded", "not_delivered");
    drop(slow.pop());
    bodies_are_awaited(&gateway, 7).await;
    gateway.in_flight_are(7).await;
    gateway.forward("oc_1").send().await.message_id();
}

#[actix_web::test]
async fn all_who_may_show_a_key_in_their_body_count_as_one() {
    let gateway = ten_places(&ApiKey::generate()).start().await;
    let mut strangers = Vec::new();
    for _ in 0..8 {
        strangers.push(begin(&gateway, TOKEN).await);
    }
    bodies_are_awaited(&gateway, 8).await;
    let answer = begin(&gateway, TOKEN).await.answer().await;
    assert_eq!(answer.header("x-gateway-problem"), Some("overloaded"), "{}", answer.text());
    assert!(answer.text().contains("8 requests of callers without a checked API key"));
    // Those whose key is known, and those that are answered at once, find a place.
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(gateway.ask("GET", "/openapi.json").await.status, 200);
    let wrong = gateway.forward("oc_1").header("x-api-key", "ffg_wrong");
    wrong.send().await.problem(401, "unauthorized", "not_delivered");
}

#[actix_web::test]
async fn a_caller_that_opens_all_connections_it_can_leaves_one_for_others() {
    let other = ApiKey::generate();
    let setup = ten_places(&other).set("server.max_connections", "10");
    let gateway = setup.set("server.max_in_flight", "1024").start().await;
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.count("feishu_gateway_http_requests_in_flight_limit", &[]), 10);
    let _slow = eight_slow_bodies(&gateway).await;
    let mut refused = Vec::new();
    for _ in 0..12 {
        let mut wire = begin(&gateway, ROUTES[0]).await;
        assert_eq!(wire.answer().await.status, 503);
        refused.push(wire);
    }
    for _ in 0..3 {
        forward_of(&gateway, &other).await.message_id();
    }
}

/// Sends a request with this key that is refused for its body, and so waits for no turn.
async fn use_connection(gateway: &Gateway, wire: &mut Wire, key: &str) {
    let body = BODY.replace("receive_id", "receive_ix");
    wire.send(head(gateway, ROUTES[0], "").replace(&gateway.key, key) + &body).await;
    wire.answer().await.problem(400, "invalid_request", "not_delivered");
}

/// An idle connection of the caller with this key.
async fn idle(gateway: &Gateway, key: &str) -> Wire {
    let mut wire = Wire::to(&gateway.api).await;
    use_connection(gateway, &mut wire, key).await;
    wire
}

#[actix_web::test]
async fn of_idle_connections_those_of_the_caller_with_the_most_leave_first() {
    let other = ApiKey::generate();
    let setup = gateway().second_app_of(&other).set("server.max_connections", "4");
    let gateway = setup.start().await;
    let (tester, other) = (gateway.key.as_str(), other.expose());
    // That of `other` is idle for the longest.
    let mut alone = idle(&gateway, other).await;
    let first = idle(&gateway, tester).await;
    let (mut second, third) = (idle(&gateway, tester).await, idle(&gateway, tester).await);
    let mut stranger = Wire::to(&gateway.api).await;
    stranger.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(stranger.answer().await.status, 307);
    first.ended().await;
    // A stranger leaves before any caller.
    let mut newcomer = idle(&gateway, other).await;
    stranger.ended().await;
    for (wire, key) in [(&mut alone, other), (&mut newcomer, other), (&mut second, tester)] {
        use_connection(&gateway, wire, key).await;
    }
    assert!(third.is_silent());
}

#[actix_web::test]
async fn connections_that_are_all_busy_are_passed_over() {
    let other = ApiKey::generate();
    let setup = gateway().second_app_of(&other).set("server.body_timeout", "7s");
    let gateway = setup.set("server.max_connections", "40").start().await;
    // More busy ones of one caller than are looked at before those of the next, which are idle.
    let mut busy = Vec::new();
    for _ in 0..30 {
        busy.push(begin(&gateway, ROUTES[0]).await);
    }
    bodies_are_awaited(&gateway, 30).await;
    let mut kept = Vec::new();
    for _ in 0..30 {
        kept.push(idle(&gateway, other.expose()).await);
    }
    assert!(busy.iter().all(Wire::is_silent));
    for wire in kept.drain(..20) {
        wire.ended().await;
    }
    assert!(kept.iter().all(Wire::is_silent));
}
