//! What is attempted again, how often, and what is said of it.

use std::time::Duration;

use feishu_simulator::{Api, Duplicate, Fault, FaultKind, Phase};

use gateway_harness::{Gateway, all, code, foreign, gateway, ms};

const SECOND: Duration = Duration::from_secs(1);

/// What goes wrong so that it may go right a little later, with the reason in the metrics.
fn passing() -> Vec<(FaultKind, &'static str)> {
    let html = foreign(502, "text/html", "<html>");
    let mut all = vec![
        (FaultKind::Cut, "unreadable"),
        (FaultKind::CutInBody, "unreadable"),
        (html, "unreadable"),
        (foreign(500, "application/json", "{\"msg\":\"x\"}"), "unreadable"),
        (foreign(200, "application/json", "{"), "unreadable"),
        (code(230020), "receiver_limited"),
        (code(99991400), "app_limited"),
    ];
    all.extend([230049, 18121].map(|number| (code(number), "in_progress")));
    let internal = [2200, 1500, 1663, 5000, 55001];
    all.extend(internal.map(|number| (code(number), "feishu_internal")));
    all
}

fn spoil(gateway: &Gateway, kind: FaultKind, phase: Phase, times: Option<u32>) {
    let fault = Fault { api: Some(Api::Forward), phase, times, ..Fault::once(kind) };
    gateway.simulator.add_fault(fault);
}

fn same_uuid(gateway: &Gateway) -> String {
    let mut uuids: Vec<_> = gateway.forwards().into_iter().filter_map(|it| it.uuid).collect();
    uuids.dedup();
    assert_eq!(uuids.len(), 1, "one uuid for all attempts");
    uuids.remove(0)
}

#[actix_web::test]
async fn what_passes_is_attempted_until_it_has_passed_with_one_uuid() {
    for (kind, reason) in passing() {
        for times in [1, 3] {
            // Over a connection that was kept, the first one that is cut is tried again at once.
            let gateway = gateway().feishu(|it| it.keep_alive = false).start().await;
            spoil(&gateway, kind.clone(), Phase::BeforeCommit, Some(times));
            let answer = gateway.see_through(gateway.forward("oc_1")).await;
            let message_id = answer.message_id();
            let attempts = times as usize + 1;
            assert_eq!(gateway.forwards().len(), attempts, "{kind:?}");
            same_uuid(&gateway);
            let deliveries = gateway.deliveries();
            assert_eq!(deliveries.len(), 1, "{kind:?}");
            assert_eq!(deliveries[0].new_message_id, message_id);
            let timing = answer.header("server-timing").expect("Server-Timing");
            assert!(timing.ends_with(&format!("attempts;desc=\"{attempts}\"")), "{timing}");
            let name = "feishu_gateway_upstream_retries_total";
            let retries = gateway.metrics().await.count(name, &[("reason", reason)]);
            assert_eq!(retries, u64::from(times), "{kind:?}");
        }
    }
}

#[actix_web::test]
async fn what_does_not_pass_is_answered_after_five_attempts() {
    for kind in [FaultKind::Cut, foreign(502, "text/html", "<html>"), code(2200), code(230049)] {
        let gateway = gateway().start().await;
        gateway.spoil_every_forward(kind.clone());
        let answer = gateway.see_through(gateway.forward("oc_1")).await;
        assert_eq!(answer.json()["outcome"], "unknown");
        assert_eq!(gateway.forwards().len(), 5, "{kind:?}");
        assert_eq!(answer.json()["uuid"], same_uuid(&gateway));
    }
}

#[actix_web::test]
async fn the_operator_sets_how_often() {
    for (attempts, count) in [("1", 1), ("2", 2), ("7", 7)] {
        let gateway = gateway().set("feishu.max_attempts", attempts).start().await;
        gateway.spoil_every_forward(FaultKind::Cut);
        let answer = gateway.see_through(gateway.forward("oc_1").header("prefer", "wait=5")).await;
        answer.problem(502, "feishu_unreadable", "unknown");
        assert_eq!(gateway.forwards().len(), count);
    }
}

#[actix_web::test]
async fn pauses_grow_and_are_random() {
    let mut pauses: Vec<Vec<u64>> = Vec::new();
    for _ in 0..12 {
        let gateway = gateway().start().await;
        gateway.spoil_every_forward(code(2200));
        gateway.see_through(gateway.forward("oc_1")).await;
        let at: Vec<u64> = gateway.forwards().iter().map(|it| it.at_ns / 1_000_000).collect();
        pauses.push(at.windows(2).map(|pair| pair[1] - pair[0]).collect());
    }
    for (number, longest) in [200, 400, 800, 1600].into_iter().enumerate() {
        let at: Vec<u64> = pauses.iter().map(|it| it[number]).collect();
        assert!(at.iter().all(|pause| *pause <= longest), "{at:?}");
        assert!(at.iter().any(|pause| *pause != at[0]), "{at:?}");
    }
}

#[actix_web::test]
async fn after_the_message_went_out_a_repetition_finds_it_and_delivers_nothing() {
    for kind in [FaultKind::Cut, FaultKind::CutInBody, foreign(502, "text/html", "<html>")] {
        for duplicate in [Duplicate::OriginalId, Duplicate::AnotherId] {
            let gateway = gateway().feishu(|it| it.duplicate = duplicate).start().await;
            spoil(&gateway, kind.clone(), Phase::AfterCommit, Some(1));
            gateway.see_through(gateway.forward("oc_1")).await.message_id();
            assert_eq!((gateway.forwards().len(), gateway.deliveries().len()), (2, 1));
        }
        let gateway = gateway().feishu(|it| it.duplicate = Duplicate::InProgress).start().await;
        spoil(&gateway, kind.clone(), Phase::AfterCommit, Some(1));
        let answer = gateway.see_through(gateway.forward("oc_1")).await;
        let problem = answer.problem(409, "message_in_progress", "unknown");
        assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
        assert_eq!(gateway.deliveries().len(), 1);
    }
}

#[actix_web::test]
async fn a_time_out_is_attempted_again_while_there_is_time_for_an_answer() {
    let gateway = gateway().start().await;
    gateway.spoil_every_forward(FaultKind::Silence);
    let forward = gateway.forward("oc_1").spawn();
    gateway.forwards_reach(1).await;
    gateway.sleeps_until(SECOND * 5).await;
    gateway.advance(SECOND * 5);
    // A pause of at most 200 ms, and the second attempt ends five seconds later. By then less than
    // five of the fifteen seconds are left.
    gateway.sleep(|all| all.iter().any(|it| *it > SECOND * 5 && *it <= ms(5200))).await;
    gateway.advance(ms(200));
    gateway.forwards_reach(2).await;
    gateway.sleeps_until(ms(10_200)).await;
    gateway.advance(SECOND * 5);
    let answer = all(vec![forward]).await.remove(0);
    answer.problem(504, "feishu_timeout", "unknown");
    assert_eq!(gateway.forwards().len(), 2);
    same_uuid(&gateway);
}

#[actix_web::test]
async fn once_it_is_unknown_only_a_success_settles_it() {
    let refusals = [
        (code(230002), 403, "bot_not_in_chat"),
        (code(230020), 429, "receiver_rate_limited"),
        (code(99991400), 429, "app_rate_limited"),
    ];
    for (second, status, name) in refusals {
        let gateway = gateway().set("feishu.max_attempts", "2").start().await;
        spoil(&gateway, FaultKind::Cut, Phase::AfterCommit, Some(1));
        gateway.spoil_forward(second);
        let answer = gateway.see_through(gateway.forward("oc_1")).await;
        let problem = answer.problem(status, name, "unknown");
        assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
        assert_eq!(gateway.deliveries().len(), 1, "and it was delivered");
    }
}

#[actix_web::test]
async fn a_problem_that_is_certain_has_no_time_to_repeat_it() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(code(230002));
    let answer = gateway.forward("oc_1").send().await;
    assert!(
        answer.problem(403, "bot_not_in_chat", "not_delivered").get("safe_retry_until").is_none()
    );
}

#[actix_web::test]
async fn each_attempt_takes_a_turn() {
    let gateway = gateway().set("limits.receiver_per_second", "1").start().await;
    spoil(&gateway, FaultKind::Cut, Phase::BeforeCommit, Some(2));
    gateway.see_through(gateway.forward("oc_1")).await.message_id();
    let at: Vec<u64> = gateway.forwards().iter().map(|it| it.at_ns / 1_000_000).collect();
    assert_eq!(at, [0, 1050, 2100]);
}

#[actix_web::test]
async fn who_does_not_want_to_wait_is_told_what_feishu_said_not_that_there_is_no_turn() {
    let gateway = gateway().set("limits.receiver_per_second", "1").start().await;
    gateway.spoil_forward(FaultKind::Cut);
    let answer = gateway.see_through(gateway.forward("oc_1").header("prefer", "wait=0")).await;
    answer.problem(502, "feishu_unreadable", "unknown");
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn who_hangs_up_during_a_pause_is_not_attempted_again() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(code(2200));
    let forward = gateway.forward("oc_1").spawn();
    gateway.sleep(|all| all.iter().any(|it| *it <= ms(200))).await;
    forward.abort();
    gateway.sleep(|all| all.iter().all(|it| *it > ms(200))).await;
    gateway.advance(ms(500));
    gateway.forward("oc_2").send().await.message_id();
    assert_eq!(gateway.forwards().len(), 2);
}

#[actix_web::test]
async fn a_token_that_cannot_be_had_is_asked_for_again() {
    for kind in [FaultKind::Cut, foreign(502, "text/html", "<html>"), code(10013)] {
        let gateway = gateway().start().await;
        gateway.simulator.revoke_tokens();
        let fault =
            Fault { api: Some(Api::TenantAccessToken), times: Some(2), ..Fault::once(kind) };
        gateway.simulator.add_fault(fault);
        gateway.see_through(gateway.forward("oc_1")).await.message_id();
        assert_eq!(gateway.deliveries().len(), 1);
    }
}

const FORWARDS: usize = 40;

#[actix_web::test]
async fn an_outage_is_not_called_more_often_than_the_budget_allows() {
    let gateway = gateway().no_app_limits().start().await;
    gateway.spoil_every_forward(code(2200));
    for number in 0..FORWARDS {
        gateway.see_through(gateway.forward(&format!("ou_{number}"))).await;
    }
    let retries = gateway.forwards().len() - FORWARDS;
    let seconds = gateway.clock.now().as_millis().div_ceil(1000) as usize;
    // Fifty saved, one a second, one for five forwards; four for each would be 160.
    assert!((50..=50 + seconds + FORWARDS / 5).contains(&retries), "{retries} in {seconds} s");
    let name = "feishu_gateway_upstream_retries_refused_total";
    assert!(gateway.metrics().await.count(name, &[("app", "main")]) > 0);
    // Those that are refused by Feishu's limits or for their token do not take part.
    gateway.simulator.clear_faults();
    gateway.simulator.revoke_tokens();
    gateway.forward("oc_1").send().await.message_id();
}
