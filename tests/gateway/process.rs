//! Starting, being ready, being full, and ending without dropping anybody.

use std::time::Duration;

use feishu_forward_gateway::app::SentBefore;
use feishu_forward_gateway::clock::Clock;
use feishu_forward_gateway::config;
use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::FaultKind;
use tokio::net::TcpListener;

use gateway_harness::{all, code, every_token, gateway, ms, refuses_connections, run};

const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_millis(1050);

#[actix_web::test]
async fn a_gateway_that_can_forward_is_alive_and_ready() {
    let gateway = gateway().start().await;
    for path in ["/livez", "/readyz"] {
        let answer = gateway.ask_admin("GET", path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    }
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.json()["status"], "ready");
}

#[actix_web::test]
async fn a_gateway_without_a_token_is_alive_but_not_ready_and_says_for_which_app() {
    let fault = every_token(code(10014));
    let gateway = gateway().app("second", "secret").fault(fault).cold().start().await;
    assert_eq!(gateway.ask_admin("GET", "/livez").await.status, 200);
    let answer = gateway.ask_admin("GET", "/readyz").await;
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/json")));
    let reasons = answer.json()["reasons"].to_string();
    assert!(reasons.contains("app main") && reasons.contains("app second"), "{reasons}");
}

#[actix_web::test]
async fn asking_for_health_or_metrics_never_calls_feishu() {
    let fault = every_token(code(10014));
    let gateway = gateway().fault(fault).cold().start().await;
    // The keeper's first try has failed; the next one is a second away, and time stands still.
    gateway.sleeps_until(SECOND).await;
    for path in ["/livez", "/readyz", "/metrics"] {
        gateway.ask_admin("GET", path).await;
    }
    assert_eq!(gateway.simulator.ledger().attempts.len(), 1);
}

#[actix_web::test]
async fn a_gateway_that_drains_is_not_ready_takes_nobody_in_and_lets_those_inside_finish() {
    // The drain time bounds how long this may really take; it is not what ends it.
    let mut gateway = gateway().set("server.drain_timeout", "1h").start().await;
    let fives = (0..5).map(|_| gateway.forward("oc_1").spawn()).collect();
    all(fives).await.iter().for_each(|answer| drop(answer.message_id()));
    let waiting = gateway.queue_up(2, "oc_1").await;
    gateway.spoil_forward(FaultKind::Held);
    let in_flight = gateway.forward("oc_2").spawn();
    gateway.forwards_reach(6).await;

    gateway.process.stop();
    refuses_connections(&gateway.api).await;
    let ready = gateway.ask_admin("GET", "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json()["reasons"][0].as_str().is_some_and(|it| it.contains("shutting down")));
    assert_eq!(gateway.ask_admin("GET", "/livez").await.status, 200);

    gateway.simulator.clear_faults();
    all(vec![in_flight]).await[0].message_id();
    gateway.sleeps_until(WINDOW).await;
    gateway.advance_to(WINDOW);
    all(waiting).await.iter().for_each(|answer| drop(answer.message_id()));
    gateway.process.ended().await;
    refuses_connections(&gateway.admin).await;
}

#[actix_web::test]
async fn a_forward_in_flight_outlives_the_worker_that_opened_its_connection_to_feishu() {
    let mut gateway = gateway().one_attempt().set("server.drain_timeout", "1h").start().await;
    // Connections are dealt out to the workers in turn. One worker loses the connection that the
    // token came over, the next one opens another, and the one after that, or the first again,
    // finds it idle and uses it while its worker, with nothing left to do, ends.
    gateway.spoil_forward(FaultKind::Cut);
    let cut = gateway.forward("oc_1").over_a_new_connection().send().await;
    cut.problem(502, "feishu_unreadable", "unknown");
    gateway.forward("oc_1").over_a_new_connection().send().await.message_id();
    gateway.spoil_forward(FaultKind::Held);
    let in_flight = gateway.forward("oc_1").over_a_new_connection().spawn();
    gateway.forwards_reach(3).await;
    gateway.process.stop();
    refuses_connections(&gateway.api).await;
    gateway.simulator.clear_faults();
    all(vec![in_flight]).await[0].message_id();
    gateway.process.ended().await;
}

#[actix_web::test]
async fn those_who_still_wait_at_the_end_of_the_drain_time_are_refused_and_not_sent() {
    // A turn takes longer than the drain.
    let setup = gateway().set("limits.receiver_per_second", "1").set("limits.guard", "10m");
    let setup = setup.set("limits.max_wait", "1h").set("feishu.deadline", "1h");
    let mut gateway = setup.set("server.drain_timeout", "1m").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let waiting = gateway.queue_up(3, "oc_1").await;
    gateway.process.stop();
    gateway.sleeps_until(SECOND * 60).await;
    gateway.advance_to(SECOND * 60);
    for answer in all(waiting).await {
        let problem = answer.problem(503, "draining", "not_delivered");
        assert_eq!(problem["retryable"], true);
        assert!(problem["uuid"].is_string());
    }
    gateway.process.ended().await;
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn one_that_is_at_feishu_at_the_end_of_the_drain_time_is_told_that_nobody_knows() {
    let setup = gateway().set("feishu.attempt_timeout", "1h").set("feishu.deadline", "1h");
    let mut gateway = setup.set("server.drain_timeout", "20s").start().await;
    gateway.spoil_forward(FaultKind::Silence);
    let in_flight = gateway.forward("oc_1").query("uuid=mine").spawn();
    gateway.forwards_reach(1).await;
    gateway.process.stop();
    gateway.sleeps_until(SECOND * 20).await;
    gateway.advance_to(SECOND * 20);
    let problem = all(vec![in_flight]).await[0].json();
    assert_eq!(problem["outcome"], "unknown", "{problem:#}");
    assert_eq!(problem["uuid"], "mine");
    gateway.process.ended().await;
}

#[actix_web::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let mut gateway = gateway().start().await;
    // The client keeps its connection open for the next request, which never comes.
    gateway.forward("oc_1").send().await.message_id();
    gateway.process.stop();
    // The drain time stands still with the clock: only what is in flight may be waited for.
    gateway.process.ended().await;
}

#[actix_web::test]
async fn a_gateway_that_is_full_refuses_the_next_one_at_once() {
    let other = ApiKey::generate();
    let gateway = gateway().one_attempt().second_app_of(&other).set("server.max_in_flight", "2");
    let gateway = gateway.start().await;
    gateway.spoil_every_forward(FaultKind::Silence);
    // Two callers: one alone leaves a place to others.
    let of_other = gateway.forward("oc_2").header("x-api-key", other.expose());
    let inside = vec![gateway.forward("oc_1").spawn(), of_other.spawn()];
    gateway.forwards_reach(2).await;
    for _ in 0..3 {
        let answer = gateway.forward("oc_3").send().await;
        let problem = answer.problem(503, "overloaded", "not_delivered");
        assert_eq!(problem["retryable"], true);
        gateway.ask("GET", "/docs/").await.problem(503, "overloaded", "not_delivered");
    }
    assert_eq!(gateway.forwards().len(), 2);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(gateway.ask_admin("GET", path).await.status, 200);
    }
    // Those inside leave, and there is room again.
    gateway.sleep(|all| all.iter().filter(|moment| **moment == SECOND * 5).count() == 2).await;
    gateway.simulator.clear_faults();
    gateway.advance(SECOND * 5);
    all(inside).await.iter().for_each(|it| drop(it.problem(504, "feishu_timeout", "unknown")));
    gateway.forward("oc_3").send().await.message_id();
}

#[actix_web::test]
async fn one_who_hangs_up_makes_room_for_the_next() {
    let gateway = gateway().set("server.max_in_flight", "1").start().await;
    gateway.spoil_forward(FaultKind::Silence);
    let inside = gateway.forward("oc_1").spawn();
    gateway.forwards_reach(1).await;
    gateway.sleeps_until(SECOND * 5).await;
    gateway.hang_up(inside).await;
    gateway.forward("oc_2").send().await.message_id();
}

#[actix_web::test]
async fn a_port_that_is_taken_stops_the_start_with_its_address() {
    for key in ["LISTEN", "ADMIN_LISTEN"] {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut settings = vec![
            ("GATEWAY__SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("GATEWAY__SERVER__ADMIN_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("GATEWAY__APPS__MAIN__APP_ID".to_owned(), "cli_1".to_owned()),
            ("GATEWAY__APPS__MAIN__APP_SECRET".to_owned(), "secret".to_owned()),
            ("GATEWAY__FEISHU__BASE_URL".to_owned(), "http://127.0.0.1:1".to_owned()),
        ];
        let variable = format!("GATEWAY__SERVER__{key}");
        settings.retain(|(name, _)| *name != variable);
        settings.push((variable, address.clone()));
        let config = config::load(None, settings).unwrap();
        let error = run(config, Clock::manual().0, SentBefore::Nothing)
            .await
            .err()
            .expect("the port is taken");
        assert!(error.to_string().contains(&address), "{error}");
    }
}

#[actix_web::test]
async fn two_gateways_live_in_one_process_without_knowing_of_each_other() {
    let (one, other) = (gateway().start().await, gateway().start().await);
    one.forward("oc_1").send().await.message_id();
    let name = "feishu_gateway_http_requests_total";
    assert_eq!(one.metrics().await.count(name, &[]), 1);
    assert_eq!(other.metrics().await.count(name, &[]), 0);
    let stranger = other.forward("oc_1").header("x-api-key", &one.key).send().await;
    stranger.problem(401, "unauthorized", "not_delivered");
    other.advance(ms(1));
    assert_eq!(one.clock.now(), Duration::ZERO);
}
