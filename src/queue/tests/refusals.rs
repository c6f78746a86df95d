//! Feishu's refusals and those who wait.

use super::*;

const PAUSE: Duration = Duration::from_millis(500);

/// A millisecond less.
fn just_before(time: Duration) -> Duration {
    time.saturating_sub(MS)
}

#[tokio::test]
async fn an_accepted_probe_wakes_the_requests_that_wait_for_the_receiver() {
    let stage = Stage::new(&rules(5, AMPLE));
    stage.scheduler.receiver_refused(&receiver(1), false);
    assert_eq!(
        (stage.scheduler.cooling_down(), stage.scheduler.standing(&receiver(1)).remaining),
        (1, 0)
    );
    let probe = stage.comes("probe", 1).await;
    stage.advance(PAUSE).await;
    let (_, permit) = probe.await.unwrap();
    let waited = Waited { receiver: PAUSE, app: Duration::ZERO };
    assert_eq!(permit, Ok(Permit { waited, is_probe: true, hold: NOTHING }));
    let waiting: [_; 3] =
        [stage.comes("a", 1).await, stage.comes("b", 1).await, stage.comes("c", 1).await];
    stage.advance(MS).await;
    // One that left before the gate was closed opens nothing.
    stage.scheduler.receiver_accepted(&receiver(1), false);
    settle().await;
    assert_eq!(stage.served(), ["probe"]);
    stage.scheduler.receiver_accepted(&receiver(1), true);
    settle().await;
    assert_eq!(stage.served(), ["probe", "a", "b", "c"]);
    for task in waiting {
        let waited = Waited { receiver: MS, app: Duration::ZERO };
        assert_eq!(task.await.unwrap().1, Ok(Permit { waited, is_probe: false, hold: NOTHING }));
    }
    assert_eq!(stage.scheduler.cooling_down(), 0);
}

#[tokio::test]
async fn a_sleeping_request_does_not_go_to_a_receiver_that_was_refused_meanwhile() {
    let stage = Stage::new(&rules(1, AMPLE));
    assert_eq!(stage.comes_for(Duration::ZERO, 1).await, Ok(AT_ONCE));
    let waiting = stage.comes("waiting", 1).await;
    stage.advance(just_before(SECOND)).await;
    stage.scheduler.receiver_refused(&receiver(1), false);
    stage.advance(MS).await;
    assert!(!waiting.is_finished());
    stage.advance(just_before(PAUSE)).await;
    assert!(waiting.await.unwrap().1.unwrap().is_probe);
}

#[tokio::test]
async fn during_a_cooldown_one_goes_each_pause_in_the_order_of_the_queue() {
    let stage = Stage::new(&rules(5, AMPLE));
    stage.scheduler.receiver_refused(&receiver(1), false);
    let mut waiting = Vec::new();
    for name in ["a", "b", "c"] {
        waiting.push(stage.comes(name, 1).await);
    }
    for gone in 1..=3 {
        stage.advance(PAUSE).await;
        assert_eq!(stage.served(), ["a", "b", "c"][..gone]);
    }
}

#[tokio::test]
async fn a_refused_probe_that_is_repeated_is_the_next_probe() {
    let stage = Stage::new(&rules(5, AMPLE));
    stage.scheduler.receiver_refused(&receiver(1), false);
    let first = stage.comes("first", 1).await;
    let _second = stage.comes("second", 1).await;
    stage.advance(PAUSE).await;
    let first = ticket_of(first).await;
    stage.scheduler.receiver_refused(&receiver(1), true);
    let _again = stage.comes_with(first, "first again", 0, 1);
    settle().await;
    stage.advance(PAUSE).await;
    assert_eq!(stage.served(), ["first"], "the pause was doubled");
    stage.advance(PAUSE).await;
    assert_eq!(stage.served(), ["first", "first again"]);
}

#[tokio::test]
async fn a_receiver_that_is_refused_while_it_waits_in_the_apps_queue_delays_no_other() {
    let stage = Stage::new(&rules(5, 1));
    assert_eq!(stage.comes_for(Duration::ZERO, 0).await, Ok(AT_ONCE));
    let _waiting = [
        stage.comes("closed, first", 1).await,
        stage.comes("open", 2).await,
        stage.comes("closed, third", 3).await,
        stage.comes("open too", 4).await,
    ];
    stage.advance(just_before(app_period())).await;
    for (closed, probes) in [(1, 2), (3, 3)] {
        stage.scheduler.receiver_refused(&receiver(closed), false);
        (0..probes).for_each(|_| stage.scheduler.receiver_refused(&receiver(closed), true));
    }
    stage.advance(MS).await;
    assert_eq!(stage.served(), ["open"]);
    stage.advance(app_period()).await;
    assert_eq!(stage.served()[1..], ["open too"]);
    // Their pauses are two seconds and four.
    for _ in 0..3 {
        stage.advance(app_period()).await;
    }
    assert_eq!(stage.served()[2..], ["closed, first", "closed, third"]);
}

#[tokio::test]
async fn a_request_that_sees_a_cooldown_last_too_long_is_refused_at_once() {
    let stage = Stage::new(&rules(1, AMPLE));
    assert_eq!(stage.comes_for(Duration::ZERO, 1).await, Ok(AT_ONCE));
    let waiting = stage.clone();
    let waiting = tokio::spawn(async move { waiting.comes_for(SECOND + MS, 1).await });
    settle().await;
    stage.advance(just_before(SECOND)).await;
    stage.scheduler.receiver_refused(&receiver(1), false);
    stage.advance(MS).await;
    let late = QueueError::TooLate { scope: Scope::Receiver, retry_after: just_before(PAUSE) };
    assert_eq!(waiting.await.unwrap(), Err(late));
}

#[tokio::test]
async fn an_app_that_feishu_refused_waits_for_the_reset() {
    let stage = Stage::new(&rules(AMPLE, 50));
    stage.scheduler.app_refused(&stage.keys[0], SECOND * 3);
    assert!(
        stage.scheduler.is_app_paused(&stage.keys[0])
            && !stage.scheduler.is_app_paused(&stage.keys[1])
    );
    let late = QueueError::TooLate { scope: Scope::App, retry_after: SECOND * 3 };
    assert_eq!(stage.comes_for(SECOND * 2, 1).await, Err(late));
    let waiting = [stage.comes("a", 1).await, stage.comes("b", 2).await];
    // A later refusal finds them asleep.
    stage.advance(SECOND).await;
    stage.scheduler.app_refused(&stage.keys[0], SECOND * 3);
    stage.advance(SECOND * 2).await;
    assert_eq!(stage.served(), [""; 0]);
    stage.advance(SECOND).await;
    assert_eq!(stage.served(), ["a", "b"]);
    for task in waiting {
        let waited = Waited { receiver: Duration::ZERO, app: SECOND * 4 };
        assert_eq!(task.await.unwrap().1.unwrap().waited, waited);
    }
}

#[tokio::test]
async fn a_long_queue_of_a_receiver_that_cools_down_does_not_count_for_the_app() {
    let stage = Stage::new(&rules(5, 1));
    assert_eq!(stage.comes_for(Duration::ZERO, 0).await, Ok(AT_ONCE));
    stage.scheduler.receiver_refused(&receiver(1), false);
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(stage.comes("closed", 1).await);
    }
    for _ in 0..2 {
        waiting.push(stage.comes("open", 2).await);
    }
    // Before it are the two for its receiver, and nobody else who is sure to go.
    let wait = app_period() * 3;
    let third = tokio::spawn(async move { stage.comes_for(wait, 2).await });
    settle().await;
    assert!(!third.is_finished());
}
