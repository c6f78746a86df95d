//! Waits in queues, and refusals at once where a wait would be in vain.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;

use gateway_harness::{Answer, Gateway, Setup, all, code, eventually, gateway, ms};

/// The receiver's window: a second, and the guard.
const WINDOW: Duration = Duration::from_millis(1050);

/// A gateway whose receivers may get one message in a window, so that order can be seen.
fn one_by_one() -> Setup {
    gateway().set("limits.receiver_per_second", "1")
}

/// Uses up what may go to a receiver at once.
async fn fill(gateway: &Gateway, receive_id: &str, turns: usize) {
    for _ in 0..turns {
        gateway.forward(receive_id).send().await.message_id();
    }
}

fn limited(answer: &Answer, code: &str, retry_after: &str) {
    let problem = answer.problem(429, code, "not_delivered");
    assert!(problem.get("feishu").is_none(), "it is our own limiter: {problem:#}");
    assert_eq!((&problem["retryable"], &problem["fix_by"]), (&true.into(), &"nobody".into()));
    assert!(problem["uuid"].is_string());
    assert_eq!(answer.header("retry-after"), Some(retry_after));
    assert!(answer.header("ratelimit").is_some() && answer.header("ratelimit-policy").is_some());
}

#[actix_web::test]
async fn five_go_at_once_and_the_sixth_goes_a_window_later_to_the_nanosecond() {
    let gateway = gateway().start().await;
    fill(&gateway, "oc_1", 5).await;
    let sixth = gateway.queue_up(1, "oc_1").await;
    gateway.sleeps_until(WINDOW).await;
    gateway.advance_to_just_before(WINDOW);
    gateway.sleeps_until(WINDOW).await;
    gateway.advance_to(WINDOW);
    all(sixth).await[0].message_id();
    let at: Vec<u64> = gateway.forwards().iter().map(|attempt| attempt.at_ns).collect();
    assert_eq!(at, [0, 0, 0, 0, 0, 1_050_000_000]);
}

#[actix_web::test]
async fn the_guard_and_the_limit_can_be_set() {
    let gateway =
        gateway().set("limits.guard", "0s").set("limits.receiver_per_second", "2").start().await;
    fill(&gateway, "oc_1", 2).await;
    let third = gateway.queue_up(1, "oc_1").await;
    gateway.sleeps_until(ms(1000)).await;
    gateway.advance_to(ms(1000));
    let answer = all(third).await.remove(0);
    answer.message_id();
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"receiver\";q=2;w=1, \"app\";q=1000;w=60")
    );
}

#[actix_web::test]
async fn twenty_who_wait_are_served_in_the_order_in_which_they_came() {
    let gateway =
        one_by_one().set("limits.max_wait", "1m").set("feishu.deadline", "2m").start().await;
    fill(&gateway, "oc_1", 1).await;
    let waiting = gateway.queue_up(20, "oc_1").await;
    for turn in 1..=20 {
        gateway.sleeps_until(WINDOW * turn).await;
        gateway.advance_to(WINDOW * turn);
        gateway.forwards_reach(1 + turn as usize).await;
        // The next window begins with the answer.
        eventually(|| waiting[turn as usize - 1].is_finished()).await;
    }
    all(waiting).await.iter().for_each(|answer| drop(answer.message_id()));
    let forwards = gateway.forwards();
    let served: Vec<_> = forwards[1..].iter().filter_map(|it| it.message_id.clone()).collect();
    let came: Vec<String> = (0..20).map(|number| format!("om_{number}")).collect();
    assert_eq!(served, came);
}

#[actix_web::test]
async fn who_does_not_want_to_wait_is_refused_at_once() {
    let gateway = gateway().start().await;
    fill(&gateway, "oc_1", 5).await;
    let answer = gateway.forward("oc_1").header("prefer", "wait=0").send().await;
    limited(&answer, "receiver_rate_limited", "2");
    assert_eq!(answer.header("preference-applied"), Some("wait=0"));
    assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=0;t=2"));
    assert_eq!(gateway.forwards().len(), 5);
    // It does not matter to a forward that need not wait.
    let answer = gateway.forward("oc_2").header("prefer", "wait=0").send().await;
    answer.message_id();
    assert_eq!(answer.header("preference-applied"), Some("wait=0"));
}

#[actix_web::test]
async fn a_wait_of_a_second_is_too_short_for_a_window_with_its_guard() {
    let gateway = gateway().start().await;
    fill(&gateway, "oc_1", 5).await;
    let answer = gateway.forward("oc_1").header("prefer", "wait=1").send().await;
    limited(&answer, "receiver_rate_limited", "2");
    gateway.advance(ms(50));
    let waiting = gateway.forward("oc_1").header("prefer", "Wait = \"1\"").spawn();
    gateway.sleeps_until(WINDOW).await;
    gateway.advance_to(WINDOW);
    let answer = all(vec![waiting]).await.remove(0);
    answer.message_id();
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));
}

#[actix_web::test]
async fn nobody_waits_longer_than_the_operator_allows() {
    let gateway = one_by_one().start().await;
    fill(&gateway, "oc_1", 1).await;
    // In five seconds there are four more turns.
    let waiting = gateway.queue_up(4, "oc_1").await;
    let answer = gateway.forward("oc_1").header("prefer", "wait=60").send().await;
    limited(&answer, "receiver_rate_limited", "6");
    assert_eq!(answer.header("preference-applied"), Some("wait=5"));
    limited(&gateway.forward("oc_1").send().await, "receiver_rate_limited", "6");
    for turn in 1..=4 {
        gateway.sleeps_until(WINDOW * turn).await;
        gateway.advance_to(WINDOW * turn);
        gateway.forwards_reach(1 + turn as usize).await;
        // The next window begins with the answer.
        eventually(|| waiting[turn as usize - 1].is_finished()).await;
    }
    all(waiting).await.iter().for_each(|answer| drop(answer.message_id()));
}

#[actix_web::test]
async fn without_waiting_the_sixth_is_refused_at_once() {
    let gateway = gateway().set("limits.max_wait", "0s").start().await;
    fill(&gateway, "oc_1", 5).await;
    let answer = gateway.forward("oc_1").send().await;
    limited(&answer, "receiver_rate_limited", "2");
    gateway.advance_to(WINDOW);
    gateway.forward("oc_1").send().await.message_id();
}

#[actix_web::test]
async fn the_deadline_of_the_whole_forward_bounds_waiting_too() {
    let gateway = one_by_one()
        .set("feishu.deadline", "1s")
        .set("feishu.attempt_timeout", "1s")
        .set("feishu.connect_timeout", "500ms")
        .start()
        .await;
    fill(&gateway, "oc_1", 1).await;
    limited(&gateway.forward("oc_1").send().await, "receiver_rate_limited", "2");
}

#[actix_web::test]
async fn receivers_do_not_wait_for_one_another() {
    let gateway = gateway().start().await;
    fill(&gateway, "oc_1", 5).await;
    let waiting = gateway.queue_up(20, "oc_1").await;
    fill(&gateway, "oc_2", 5).await;
    let at: Vec<u64> = gateway.forwards().iter().map(|attempt| attempt.at_ns).collect();
    assert_eq!(at, [0; 10]);
    drop(waiting);
}

#[actix_web::test]
async fn the_same_id_of_another_type_is_another_receiver() {
    let gateway = gateway().set("limits.max_wait", "0s").start().await;
    fill(&gateway, "x", 5).await;
    gateway.forward("x").query("receive_id_type=user_id").send().await.message_id();
    limited(&gateway.forward("x").send().await, "receiver_rate_limited", "2");
}

#[actix_web::test]
async fn who_hangs_up_gives_the_place_to_the_next_and_is_never_sent() {
    let gateway = one_by_one().start().await;
    fill(&gateway, "oc_1", 1).await;
    let mut waiting = gateway.queue_up(3, "oc_1").await;
    // The first hangs up, and the last: from the front of the line and from the middle.
    waiting[0].abort();
    gateway.so_many_wait(2).await;
    waiting[2].abort();
    gateway.so_many_wait(1).await;
    let after = gateway.queue_up(1, "oc_1").await;

    gateway.sleeps_until(WINDOW).await;
    gateway.advance_to(WINDOW);
    // The next window begins with its answer.
    all(vec![waiting.remove(1)]).await[0].message_id();
    gateway.sleeps_until(WINDOW * 2).await;
    gateway.advance_to(WINDOW * 2);
    all(after).await[0].message_id();
    let forwards = gateway.forwards();
    let served: Vec<_> = forwards[1..].iter().filter_map(|it| it.message_id.as_deref()).collect();
    assert_eq!(served, ["om_1", "om_0"]);
    let labels = [("status", "499"), ("method", "POST")];
    let hung_up = gateway.metrics().await.count("feishu_gateway_http_requests_total", &labels);
    assert_eq!(hung_up, 2);
}

#[actix_web::test]
async fn the_second_attempt_after_a_rejected_token_takes_a_turn_too() {
    let gateway = gateway().start().await;
    fill(&gateway, "oc_1", 4).await;
    gateway.spoil_forward(code(99991663));
    let forward = gateway.forward("oc_1").spawn();
    gateway.sleeps_until(WINDOW).await;
    assert_eq!(gateway.forwards().len(), 5);
    gateway.advance_to(WINDOW);
    all(vec![forward]).await[0].message_id();
    assert_eq!(gateway.forwards()[5].at_ns, 1_050_000_000);
}

#[actix_web::test]
async fn a_second_attempt_that_finds_no_turn_in_time_is_not_made() {
    let gateway = gateway().start().await;
    fill(&gateway, "oc_1", 4).await;
    gateway.spoil_forward(code(99991663));
    let answer = gateway.forward("oc_1").header("prefer", "wait=0").send().await;
    limited(&answer, "receiver_rate_limited", "2");
    assert_eq!(gateway.forwards().len(), 5);
}

#[actix_web::test]
async fn two_apps_share_the_limit_of_a_receiver() {
    let other = ApiKey::generate();
    let gateway = gateway().second_app_of(&other).start().await;
    fill(&gateway, "oc_1", 5).await;
    let by_the_other = gateway.forward("oc_1").header("x-api-key", other.expose());
    limited(&by_the_other.header("prefer", "wait=0").send().await, "receiver_rate_limited", "2");
    assert_eq!(gateway.forwards().len(), 5);
}

#[actix_web::test]
async fn who_does_not_want_to_wait_gets_a_turn_that_is_free_however_many_come_at_once() {
    let gateway = gateway().no_app_limits().start().await;
    for round in 0..20 {
        let receiver = |number: usize| format!("oc_{round}_{}", number / 5);
        let forward = |number| gateway.forward(&receiver(number)).header("prefer", "wait=0");
        for answer in all((0..40).map(|number| forward(number).spawn()).collect()).await {
            answer.message_id();
        }
    }
}
