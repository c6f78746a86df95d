//! The app token of a store app, and the ticket that it takes.

use secrecy::ExposeSecret;

use super::store::{Stage, settled, token};
use super::*;
use crate::feishu::token::{FileTicket, TicketStore};
use crate::sqlite::Database;

fn code(trouble: &TokenTrouble) -> String {
    trouble.error.code().into_owned()
}

#[tokio::test]
async fn a_ticket_that_is_known_is_not_asked_for() {
    let stage = Stage::new();
    stage.hear("one").await;
    assert_eq!(token(&stage.app).await.unwrap(), "Bearer a-0");
    assert_eq!(stage.feishu.calls(), [1, 0, 0]);
}

#[tokio::test]
async fn a_missing_ticket_is_asked_for_once_and_waited_for() {
    let stage = Stage::new();
    let waiting = tokio::spawn({
        let app = stage.app.clone();
        async move { token(&app).await }
    });
    stage.somebody_waits_for(Duration::from_millis(500)).await;
    assert_eq!(stage.feishu.calls(), [0, 0, 1]);
    assert!(!waiting.is_finished());
    stage.hand.advance(Duration::from_secs(4));
    stage.hear("one").await;
    assert_eq!(waiting.await.unwrap().unwrap(), "Bearer a-0");
    assert_eq!(stage.feishu.calls(), [1, 0, 1]);
}

#[tokio::test]
async fn a_push_that_is_heard_before_its_answer_counts() {
    let stage = Stage::new();
    stage.feishu.state().pushes = Some(stage.ticket("one", 0));
    assert_eq!(token(&stage.app).await.unwrap(), "Bearer a-0");
}

/// Asks for a token for which no ticket arrives.
async fn in_vain(stage: &Stage) -> TokenTrouble {
    let waiting = tokio::spawn({
        let app = stage.app.clone();
        async move { token(&app).await }
    });
    stage.somebody_waits_for(Duration::from_millis(500)).await;
    stage.hand.advance(Duration::from_secs(5));
    waiting.await.unwrap().expect_err("no ticket")
}

#[tokio::test]
async fn a_ticket_that_does_not_arrive_is_an_error_and_asked_for_again_after_a_pause() {
    let stage = Stage::new();
    let trouble = in_vain(&stage).await;
    assert_eq!(code(&trouble), "no_app_ticket");
    assert!(trouble.call_at <= stage.clock.now() + Duration::from_secs(1), "soon again");
    // Five seconds have passed, and the pause is ten.
    stage.hand.advance(Duration::from_secs(1));
    in_vain(&stage).await;
    assert_eq!(stage.feishu.calls(), [0, 0, 1]);
    stage.hand.advance(Duration::from_secs(1));
    in_vain(&stage).await;
    assert_eq!(stage.feishu.calls(), [0, 0, 2]);
}

#[tokio::test]
async fn a_ticket_that_arrives_ends_the_pause_after_failures() {
    let stage = Stage::new();
    let keeper = tokio::spawn({
        let app = stage.app.clone();
        async move { app.keep_fresh().await }
    });
    stage.somebody_waits_for(Duration::from_millis(500)).await;
    stage.hand.advance(Duration::from_secs(5));
    // The pause of a renewal that has failed.
    stage.somebody_waits_for(Duration::from_secs(1)).await;
    assert!(stage.app.blocked().is_some());
    stage.hear("one").await;
    settled().await;
    assert!(stage.app.usable().is_some());
    keeper.abort();
}

#[tokio::test]
async fn an_older_ticket_and_what_is_none_are_ignored() {
    let stage = Stage::new();
    stage.hear("one").await;
    for (text, seconds) in [("old", -1), ("", 1), ("two words", 1), ("票", 1)] {
        stage.tickets.heard(stage.ticket(text, seconds)).await.unwrap();
    }
    stage.tickets.heard(stage.ticket(&"x".repeat(1025), 1)).await.unwrap();
    assert!(token(&stage.app).await.is_ok());
    assert_eq!(stage.feishu.calls(), [1, 0, 0]);
}

#[tokio::test]
async fn a_ticket_from_the_future_does_not_shut_out_those_after_it() {
    let stage = Stage::new();
    stage.tickets.heard(stage.ticket("wrong", 1_000_000_000)).await.unwrap();
    stage.hand.advance(Duration::from_hours(1));
    stage.hear("one").await;
    assert!(token(&stage.app).await.is_ok());
    assert_eq!(stage.feishu.calls(), [1, 0, 0]);
}

#[tokio::test]
async fn a_refused_ticket_is_replaced_by_a_push_and_the_call_made_again() {
    let stage = Stage::new();
    stage.hear("expired").await;
    stage.feishu.state().pushes = Some(stage.ticket("one", 1));
    assert_eq!(token(&stage.app).await.unwrap(), "Bearer a-0");
    assert_eq!(stage.feishu.calls(), [2, 0, 1]);
}

#[tokio::test]
async fn a_refused_ticket_that_is_pushed_once_more_is_not_used_again() {
    let stage = Stage::new();
    let expired = stage.ticket("expired", 0);
    stage.tickets.heard(expired.clone()).await.unwrap();
    stage.feishu.state().pushes = Some(expired);
    assert_eq!(code(&in_vain(&stage).await), "no_app_ticket");
    assert_eq!(stage.feishu.calls(), [1, 0, 1]);
}

#[tokio::test]
async fn a_second_ticket_that_is_refused_too_is_the_end_of_the_call() {
    let stage = Stage::new();
    stage.hear("expired").await;
    stage.feishu.state().pushes = Some(stage.ticket("expired-too", 1));
    assert_eq!(code(&token(&stage.app).await.unwrap_err()), "10012");
    assert_eq!(stage.feishu.calls(), [2, 0, 1]);
}

#[tokio::test]
async fn another_secret_is_used_from_the_next_call_on() {
    let stage = Stage::new();
    stage.hear("one").await;
    stage.app.replace_secret("changed".into());
    assert!(token(&stage.app).await.is_ok());
    assert!(stage.feishu.was_called_with("changed") && !stage.feishu.was_called_with("hush"));
}

/// A gateway whose tickets are in a file, on a clock that goes on.
fn with_file(directory: &tempfile::TempDir) -> Stage {
    Stage::with_store(|clock| {
        let path = directory.path().join("gateway.db");
        let database = Arc::new(Database::open_without_sync(&path).unwrap());
        TicketStore::File(FileTicket::new(database, "cli_1", clock.clone()))
    })
}

#[tokio::test]
async fn a_restart_needs_no_push_where_there_is_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let before = with_file(&directory);
    before.hear("one").await;
    drop(before);
    let after = with_file(&directory);
    assert_eq!(token(&after.app).await.unwrap(), "Bearer a-0");
    assert_eq!(after.feishu.calls(), [1, 0, 0]);
}

#[tokio::test]
async fn a_refused_ticket_is_gone_from_the_file_too() {
    let directory = tempfile::tempdir().unwrap();
    let before = with_file(&directory);
    before.hear("expired").await;
    before.feishu.state().pushes = Some(before.ticket("expired-too", 1));
    assert_eq!(code(&token(&before.app).await.unwrap_err()), "10012");
    drop(before);
    let after = with_file(&directory);
    after.feishu.state().pushes = Some(after.ticket("one", 0));
    assert!(token(&after.app).await.is_ok());
    assert_eq!(after.feishu.calls(), [1, 0, 1]);
}

#[tokio::test]
async fn a_ticket_that_cannot_be_stored_is_an_error_and_used_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::with_store(|clock| {
        let path = directory.path().join("gateway.db");
        let database = Arc::new(Database::open_without_sync(&path).unwrap());
        database.begin(|it| it.pragma_update(None, "query_only", true), |done| done.unwrap());
        TicketStore::File(FileTicket::new(database, "cli_1", clock.clone()))
    });
    let ticket = stage.ticket("one", 0);
    assert!(stage.tickets.heard(ticket.clone()).await.is_err());
    // It is pushed again, with the same success.
    assert!(stage.tickets.heard(ticket).await.is_err());
    assert!(token(&stage.app).await.is_ok());
}

#[tokio::test]
async fn a_ticket_is_not_printed() {
    let stage = Stage::new();
    let ticket = stage.ticket("a-ticket-of-ours", 0);
    assert_eq!(ticket.ticket.expose_secret(), "a-ticket-of-ours");
    let printed = format!("{ticket:?}");
    stage.tickets.heard(ticket).await.unwrap();
    let printed = format!("{printed} {:?} {:?}", stage.tickets, stage.app);
    assert!(!printed.contains("a-ticket-of-ours") && !printed.contains("hush"), "{printed}");
}
