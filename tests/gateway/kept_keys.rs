//! `Idempotency-Key` where there is a file: neither an answer nor a doubt is forgotten with the process.

use std::fs;
use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Phase};
use jiff::SignedDuration;
use tempfile::TempDir;

use gateway_harness::{Answer, Forward, Gateway, Setup, code, gateway};

const MINUTE: Duration = Duration::from_mins(1);
/// What a problem adds that does not know all that was sent.
const NOT_ALL_IS_KNOWN: &str = "The gateway knows forwards with this uuid only since";

/// A gateway with a file, which goes with the directory.
fn with_file() -> (Setup, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gateway.db");
    let path = path.to_str().expect("a path of text");
    (gateway().one_attempt().set("broadcasts.path", path), directory)
}

fn keyed(gateway: &Gateway, key: &str) -> Forward {
    gateway.forward("oc_1").header("idempotency-key", key)
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

/// A forward that was delivered, though its answer did not come back.
async fn unknown(gateway: &Gateway, key: &str) {
    let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
    keyed(gateway, key).send().await.problem(502, "feishu_unreadable", "unknown");
}

async fn goes_on(gateway: &mut Gateway, is_killed: bool) {
    if is_killed { gateway.kill().await } else { gateway.restart().await }
}

#[actix_web::test]
async fn an_answer_is_given_again_after_a_restart_and_after_a_kill() {
    for is_killed in [false, true] {
        let (setup, _directory) = with_file();
        let mut gateway = setup.start().await;
        let first = keyed(&gateway, "k-1").send().await;
        first.message_id();
        for _ in 0..2 {
            goes_on(&mut gateway, is_killed).await;
            let again = keyed(&gateway, "k-1").send().await;
            assert!(is_replayed(&again));
            assert_eq!(again.body, first.body);
            assert_eq!(again.header("x-feishu-log-id"), first.header("x-feishu-log-id"));
        }
        assert_eq!(gateway.forwards().len(), 1);
    }
}

#[actix_web::test]
async fn a_refusal_is_given_again_after_a_restart_and_after_a_kill() {
    for is_killed in [false, true] {
        let (setup, _directory) = with_file();
        let mut gateway = setup.start().await;
        gateway.spoil_forward(code(230002));
        keyed(&gateway, "k-1").send().await.problem(403, "bot_not_in_chat", "not_delivered");
        goes_on(&mut gateway, is_killed).await;
        let again = keyed(&gateway, "k-1").send().await;
        assert!(is_replayed(&again));
        let problem = again.problem(403, "bot_not_in_chat", "not_delivered");
        assert_eq!(problem["feishu"]["code"], 230002);
        assert_eq!(gateway.forwards().len(), 1);
    }
}

#[actix_web::test]
async fn what_was_under_way_when_the_process_was_killed_is_in_doubt_until_it_gets_through() {
    let (setup, _directory) = with_file();
    let mut gateway = setup.start().await;
    gateway.spoil_forward(FaultKind::Held);
    let lost = keyed(&gateway, "k-1").spawn();
    gateway.forwards_reach(1).await;
    gateway.kill().await;
    gateway.spoil_forward(code(230002));
    let answer = keyed(&gateway, "k-1").send().await;
    let problem = answer.problem(403, "bot_not_in_chat", "unknown");
    assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
    let message_id = keyed(&gateway, "k-1").send().await.message_id();
    gateway.simulator.clear_faults();
    gateway_harness::guarded(lost).await.expect("the first process ends too");
    let uuids: Vec<_> = gateway.forwards().into_iter().map(|it| it.uuid).collect();
    assert_eq!((uuids.len(), &uuids[1], &uuids[2]), (3, &uuids[0], &uuids[0]));
    assert_eq!(gateway.deliveries().len(), 1);
    assert_eq!(gateway.deliveries()[0].new_message_id, message_id);
    gateway.kill().await;
    assert!(is_replayed(&keyed(&gateway, "k-1").send().await));
}

#[actix_web::test]
async fn a_doubt_survives_and_is_counted_from_the_first_attempt() {
    for is_killed in [false, true] {
        let (setup, _directory) = with_file();
        let mut gateway = setup.start().await;
        unknown(&gateway, "k-1").await;
        for _ in 0..2 {
            gateway.advance(MINUTE * 10);
            goes_on(&mut gateway, is_killed).await;
            gateway.spoil_forward(code(230002));
            let answer = keyed(&gateway, "k-1").send().await;
            let problem = answer.problem(403, "bot_not_in_chat", "unknown");
            assert_eq!(problem["safe_retry_until"], "2026-01-01T00:55:00Z");
        }
        let message_id = keyed(&gateway, "k-1").send().await.message_id();
        assert_eq!(gateway.deliveries().len(), 1);
        assert_eq!(gateway.deliveries()[0].new_message_id, message_id);
    }
}

#[actix_web::test]
async fn a_doubt_of_an_earlier_process_is_not_repeated_when_feishu_may_have_forgotten_it() {
    for is_killed in [false, true] {
        let (setup, _directory) = with_file();
        let mut gateway = setup.start().await;
        unknown(&gateway, "k-1").await;
        for minutes in [56, 120, 23 * 60] {
            gateway.advance_to(MINUTE * minutes);
            goes_on(&mut gateway, is_killed).await;
            let answer = keyed(&gateway, "k-1").send().await;
            answer.problem(409, "too_late_to_repeat", "unknown");
        }
        assert_eq!(gateway.forwards().len(), 1);
    }
}

#[actix_web::test]
async fn a_wall_clock_that_was_set_back_makes_no_doubt_younger() {
    for is_killed in [false, true] {
        let (setup, _directory) = with_file();
        let mut gateway = setup.start().await;
        gateway.advance(MINUTE);
        unknown(&gateway, "k-1").await;
        gateway.hand.move_calendar(SignedDuration::from_mins(-30));
        goes_on(&mut gateway, is_killed).await;
        // Nobody knows how long the clock of the process before had stood still.
        let answer = keyed(&gateway, "k-1").send().await;
        answer.problem(409, "too_late_to_repeat", "unknown");
        assert_eq!(gateway.forwards().len(), 1);
    }
}

#[actix_web::test]
async fn the_end_of_a_process_tells_the_next_one_the_time() {
    let (setup, _directory) = with_file();
    let mut gateway = setup.start().await;
    unknown(&gateway, "k-1").await;
    gateway.advance(MINUTE * 50);
    gateway.hand.move_calendar(SignedDuration::from_mins(-30));
    gateway.restart().await;
    keyed(&gateway, "k-1").send().await.problem(409, "too_late_to_repeat", "unknown");
}

#[actix_web::test]
async fn a_key_stays_that_of_its_forward() {
    let (setup, _directory) = with_file();
    let mut gateway = setup.start().await;
    keyed(&gateway, "k-1").send().await.message_id();
    unknown(&gateway, "k-2").await;
    gateway.restart().await;
    for key in ["k-1", "k-2"] {
        let answer = keyed(&gateway, key).message("om_2").send().await;
        answer.problem(422, "idempotency_key_reused", "not_delivered");
    }
    assert_eq!(gateway.forwards().len(), 2);
}

#[actix_web::test]
async fn a_key_lives_an_hour_across_a_restart() {
    let (setup, _directory) = with_file();
    let mut gateway = setup.start().await;
    for key in ["k-1", "k-2"] {
        keyed(&gateway, key).send().await.message_id();
    }
    gateway.advance(MINUTE * 59);
    gateway.restart().await;
    assert!(is_replayed(&keyed(&gateway, "k-1").send().await));
    gateway.advance_to(MINUTE * 60);
    let answer = keyed(&gateway, "k-2").send().await;
    assert!(!is_replayed(&answer));
    answer.message_id();
    assert_eq!(gateway.forwards().len(), 3);
}

#[actix_web::test]
async fn what_never_left_its_queue_leaves_nothing() {
    let (setup, _directory) = with_file();
    let mut gateway = setup.set("limits.receiver_per_second", "1").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let waiting = keyed(&gateway, "k-1").spawn();
    gateway.so_many_wait(1).await;
    gateway.hang_up(waiting).await;
    gateway.restart().await;
    keyed(&gateway, "k-1").message("om_2").send().await.message_id();
}

#[actix_web::test]
async fn a_restart_with_the_file_knows_what_was_sent_before_and_one_without_it_does_not() {
    let (setup, _directory) = with_file();
    for (setup, is_known) in [(setup, true), (gateway().one_attempt(), false)] {
        let mut gateway = setup.start().await;
        gateway.restart().await;
        gateway.spoil_forward(code(230002));
        let answer = keyed(&gateway, "k-1").send().await;
        let problem = answer.problem(403, "bot_not_in_chat", "not_delivered");
        let detail = problem["detail"].as_str().expect("text");
        assert_eq!(detail.contains(NOT_ALL_IS_KNOWN), !is_known, "{detail}");
    }
}

#[actix_web::test]
async fn a_file_that_is_new_does_not_know_what_was_sent_before_for_an_hour_and_over_restarts() {
    let (setup, _directory) = with_file();
    let mut gateway = setup.after_another_process().start().await;
    gateway.advance(MINUTE);
    // A key needs the file, so it is open before the process ends.
    keyed(&gateway, "k").send().await.message_id();
    for (number, minutes) in [1, 30, 59, 61].into_iter().enumerate() {
        gateway.advance_to(MINUTE * minutes);
        gateway.restart().await;
        gateway.spoil_forward(code(230002));
        let answer = keyed(&gateway, &format!("k-{number}")).send().await;
        let problem = answer.problem(403, "bot_not_in_chat", "not_delivered");
        let detail = problem["detail"].as_str().expect("text");
        let since = format!("{NOT_ALL_IS_KNOWN} 2026-01-01T00:00:00Z");
        assert_eq!(detail.contains(&since), minutes < 60, "{detail}");
    }
}

#[actix_web::test]
async fn a_dry_run_says_what_the_file_knows() {
    let (setup, _directory) = with_file();
    let mut gateway = setup.start().await;
    keyed(&gateway, "k-1").send().await.message_id();
    gateway.restart().await;
    let dry = |message: &str| keyed(&gateway, "k-1").message(message).query("dry_run=true");
    assert_eq!(dry("om_1").send().await.json()["would"], "replay");
    dry("om_2").send().await.problem(422, "idempotency_key_reused", "not_delivered");
}

#[actix_web::test]
async fn the_file_shows_neither_who_got_what_nor_what_feishu_answered() {
    let (setup, directory) = with_file();
    let mut gateway = setup.start().await;
    let name = |part: &str| format!("{part}_kept_elsewhere");
    let (receiver, message, key) = (name("oc"), name("om"), name("key"));
    let forward = || gateway.forward(&receiver).message(&message).header("idempotency-key", &key);
    let answer = forward().send().await;
    let message_id = answer.message_id();
    gateway.spoil_forward(code(230002));
    let refused = forward().header("idempotency-key", "other").send().await;
    let refusal = refused.problem(403, "bot_not_in_chat", "not_delivered");
    let words = refusal["feishu"]["msg"].as_str().expect("Feishu's words").to_owned();
    gateway.restart().await;
    let uuid = gateway.forwards()[0].uuid.clone().expect("a uuid");
    let log_id = answer.header("x-feishu-log-id").expect("a log id").to_owned();
    let mut bytes = Vec::new();
    for file in fs::read_dir(directory.path()).expect("the directory") {
        bytes.extend(fs::read(file.expect("a file").path()).expect("its bytes"));
    }
    let shows = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(shows("idempotency_keys"), "it is not what is looked at");
    for text in [receiver, message, key, message_id, words, uuid, log_id, "tester".to_owned()] {
        assert!(!shows(&text), "{text}");
    }
}
