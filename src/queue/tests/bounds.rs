//! Who is refused, and that it is told at once.

use super::*;

fn late(scope: Scope, retry_after: Duration) -> Result<Permit, QueueError> {
    Err(QueueError::TooLate { scope, retry_after })
}

#[tokio::test]
async fn a_full_queue_refuses_newcomers_and_no_retry() {
    let bounds = Bounds { per_receiver: 3, ..NO_BOUNDS };
    let stage = Stage::bounded(&rules(1, AMPLE), bounds);
    let first = ticket_of(stage.comes("first", 1).await).await;
    let _waiting = [stage.comes("second", 1).await, stage.comes("third", 1).await];
    assert_eq!(stage.comes_for(PATIENCE, 1).await, late(Scope::Receiver, SECOND * 3));
    assert_eq!(stage.comes_for(PATIENCE, 2).await, Ok(AT_ONCE));
    let _again = stage.comes_with(first, "first again", 0, 1);
    settle().await;
    assert_eq!(stage.scheduler.waiting(), 3);
    stage.advance(SECOND).await;
    assert_eq!(stage.served()[1..], ["first again"]);
}

#[tokio::test]
async fn when_as_many_wait_in_all_as_may_a_newcomer_gets_only_a_permit_that_is_free() {
    let bounds = Bounds { in_all: 3, ..NO_BOUNDS };
    let stage = Stage::bounded(&rules(1, AMPLE), bounds);
    let first = ticket_of(stage.comes("first", 1).await).await;
    let _others = [stage.comes("other", 2).await, stage.comes("other", 3).await];
    let waiting = [stage.comes("second", 1).await, stage.comes("for 2", 2).await];
    assert_eq!(stage.comes_for(PATIENCE, 3).await, Err(QueueError::Full));
    assert_eq!(stage.comes_for(PATIENCE, 4).await, Ok(AT_ONCE));
    let _again = stage.comes_with(first, "first again", 0, 1);
    settle().await;
    assert_eq!(stage.scheduler.waiting(), 3);
    waiting.iter().for_each(JoinHandle::abort);
    settle().await;
    assert_eq!(stage.scheduler.waiting(), 1);
    let _third = stage.comes("third", 3).await;
    assert_eq!(stage.scheduler.waiting(), 2);
}

#[tokio::test]
async fn who_cannot_make_it_because_of_the_app_is_told_at_once_and_all_others_make_it() {
    let stage = Stage::new(&rules(AMPLE, 1));
    let wait = app_period() * 20;
    assert_eq!(stage.comes_for(wait, 0).await, Ok(AT_ONCE));
    let mut waiting = Vec::new();
    for number in 0..100 {
        let stage = stage.clone();
        waiting.push(tokio::spawn(async move { stage.comes_for(wait, number % 10).await }));
        settle().await;
    }
    let (told, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(JoinHandle::is_finished);
    assert_eq!((told.len(), waiting.len(), stage.scheduler.waiting()), (80, 20, 20));
    for task in told {
        assert_eq!(task.await.unwrap(), late(Scope::App, app_period() * 21));
    }
    for _ in 0..20 {
        stage.advance(app_period()).await;
    }
    for task in waiting {
        assert!(task.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_request_in_an_empty_queue_has_one_call_of_each_waiting_receiver_before_it() {
    let stage = Stage::new(&rules(AMPLE, 1));
    assert_eq!(stage.comes_for(Duration::ZERO, 0).await, Ok(AT_ONCE));
    let mut waiting = Vec::new();
    for to in (0..4).flat_map(|to| [to; 5]) {
        waiting.push(stage.comes("busy", to).await);
    }
    assert_eq!(stage.comes_for(app_period() * 4, 9).await, late(Scope::App, app_period() * 5));
    let in_time = tokio::spawn({
        let stage = stage.clone();
        async move { stage.comes_for(app_period() * 5, 9).await }
    });
    settle().await;
    for _ in 0..5 {
        assert!(!in_time.is_finished());
        stage.advance(app_period()).await;
    }
    assert_eq!(in_time.await.unwrap().unwrap().waited.app, app_period() * 5);
}

#[tokio::test]
async fn the_queue_of_another_app_is_not_in_the_way() {
    let stage = Stage::new(&rules(AMPLE, 1));
    let mut waiting = Vec::new();
    for to in 0..10 {
        waiting.push(stage.comes_with(Ticket::draw(&stage.scheduler), "by the other", 1, to));
    }
    settle().await;
    assert_eq!(stage.comes_for(Duration::ZERO, 10).await, Ok(AT_ONCE));
    assert_eq!(
        stage.comes_for(Duration::ZERO, 10).await,
        late(Scope::App, app_period()),
        "the nine who wait with the other app are not before it"
    );
}

#[tokio::test]
async fn who_runs_out_of_time_is_told_when_a_newcomer_could_go() {
    let stage = Stage::new(&rules(1, AMPLE));
    assert_eq!(stage.comes_for(Duration::ZERO, 1).await, Ok(AT_ONCE));
    let waiting = stage.clone();
    let waiting = tokio::spawn(async move { waiting.comes_for(SECOND, 1).await });
    settle().await;
    // It would have been its permit, but one who began earlier comes back.
    let older = Ticket { number: 0, is_back: true };
    let _older = stage.comes_with(older, "older", 0, 1);
    settle().await;
    stage.advance(SECOND).await;
    assert_eq!(waiting.await.unwrap(), late(Scope::Receiver, SECOND));
    assert_eq!(stage.served(), ["older"]);
}
