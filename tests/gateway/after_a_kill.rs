//! A start right after another process with the same apps may have been killed.

use std::time::Duration;

use gateway_harness::{all, gateway};

const WINDOW: Duration = Duration::from_millis(1050);

#[actix_web::test]
async fn nothing_leaves_for_a_window_after_the_start_and_the_gateway_is_ready_all_the_while() {
    let gateway = gateway().after_another_process().start().await;
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 200);
    let waiting = gateway.queue_up(5, "oc_1").await;
    gateway.sleeps_until(WINDOW).await;
    gateway.advance_to_just_before(WINDOW);
    gateway.sleeps_until(WINDOW).await;
    assert!(gateway.forwards().is_empty());
    gateway.advance_to(WINDOW);
    all(waiting).await.iter().for_each(|answer| drop(answer.message_id()));
    let at: Vec<u64> = gateway.forwards().iter().map(|attempt| attempt.at_ns).collect();
    assert_eq!(at, [1_050_000_000; 5]);
}

#[actix_web::test]
async fn who_does_not_want_to_wait_for_that_window_is_told_when_it_ends() {
    let gateway = gateway().after_another_process().start().await;
    let answer = gateway.forward("oc_1").header("prefer", "wait=0").send().await;
    answer.problem(429, "receiver_rate_limited", "not_delivered");
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=0;t=2"));
    gateway.advance(WINDOW);
    gateway.forward("oc_1").header("prefer", "wait=0").send().await.message_id();
}
