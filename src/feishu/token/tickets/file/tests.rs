use std::path::Path;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::*;

fn file(directory: &TempDir, app_id: &str, clock: &Clock) -> FileTicket {
    let path: &Path = &directory.path().join("gateway.db");
    let database = Database::open_without_sync(path).unwrap();
    FileTicket::new(Arc::new(database), app_id, clock.clone())
}

fn seal(secret: &str) -> Seal {
    Seal::new(&SecretString::from(secret))
}

/// A ticket that is sent so many seconds after the manual clock's beginning.
fn ticket(text: &str, clock: &Clock, seconds: i64) -> AppTicket {
    let sent_at = clock.wall() + SignedDuration::from_secs(seconds);
    AppTicket { ticket: text.into(), sent_at }
}

async fn found(file: &FileTicket, secret: &str) -> Option<String> {
    let ticket = file.load(&seal(secret)).await.unwrap()?;
    Some(ticket.ticket.expose_secret().to_owned())
}

#[tokio::test]
async fn a_ticket_outlives_the_process_for_those_who_know_the_secret() {
    let (directory, (clock, _hand)) = (tempfile::tempdir().unwrap(), Clock::manual());
    let before = file(&directory, "cli_1", &clock);
    assert_eq!(found(&before, "hush").await, None);
    let sent = ticket("one", &clock, 0);
    before.keep(&seal("hush"), &sent).await.unwrap();
    drop(before);
    let after = file(&directory, "cli_1", &clock);
    assert_eq!(found(&after, "hush").await.as_deref(), Some("one"));
    assert_eq!(after.load(&seal("hush")).await.unwrap().unwrap().sent_at, sent.sent_at);
    assert_eq!(found(&after, "changed").await, None);
    drop(after);
    let of_another_app = file(&directory, "cli_2", &clock);
    assert_eq!(found(&of_another_app, "hush").await, None);
}

#[tokio::test]
async fn only_a_later_ticket_replaces_one_and_only_an_earlier_one_is_forgotten() {
    let (directory, (clock, _hand)) = (tempfile::tempdir().unwrap(), Clock::manual());
    let file = file(&directory, "cli_1", &clock);
    let [early, middle, late] = [("early", 0), ("middle", 1), ("late", 2)]
        .map(|(text, seconds)| ticket(text, &clock, seconds));
    file.keep(&seal("hush"), &middle).await.unwrap();
    file.keep(&seal("hush"), &early).await.unwrap();
    assert_eq!(found(&file, "hush").await.as_deref(), Some("middle"));
    file.keep(&seal("hush"), &late).await.unwrap();
    file.forget(&middle).await.unwrap();
    assert_eq!(found(&file, "hush").await.as_deref(), Some("late"));
    file.forget(&late).await.unwrap();
    assert_eq!(found(&file, "hush").await, None);
}

#[tokio::test]
async fn a_ticket_of_half_a_day_ago_is_not_used() {
    let (directory, (clock, hand)) = (tempfile::tempdir().unwrap(), Clock::manual());
    let file = file(&directory, "cli_1", &clock);
    file.keep(&seal("hush"), &ticket("one", &clock, 0)).await.unwrap();
    hand.move_calendar(SignedDuration::from_hours(12) - SignedDuration::from_secs(1));
    assert_eq!(found(&file, "hush").await.as_deref(), Some("one"));
    hand.move_calendar(SignedDuration::from_secs(1));
    assert_eq!(found(&file, "hush").await, None);
}

#[tokio::test]
async fn the_file_does_not_show_the_ticket() {
    let (directory, (clock, _hand)) = (tempfile::tempdir().unwrap(), Clock::manual());
    let file = file(&directory, "cli_1", &clock);
    file.keep(&seal("hush"), &ticket("one", &clock, 0)).await.unwrap();
    let read = |it: &Connection| it.query_row("SELECT sealed FROM app_tickets", [], |it| it.get(0));
    let sealed: Vec<u8> = file.database.run(read).await.unwrap();
    assert!(!sealed.windows(3).any(|part| part == b"one"));
}

#[tokio::test]
async fn a_file_that_fails_is_an_error_without_the_ticket() {
    let (directory, (clock, _hand)) = (tempfile::tempdir().unwrap(), Clock::manual());
    let file = file(&directory, "cli_1", &clock);
    file.database.run(|it| it.pragma_update(None, "query_only", true)).await.unwrap();
    let failure = file.keep(&seal("hush"), &ticket("one", &clock, 0)).await.unwrap_err();
    assert_eq!(failure.to_string(), "the app ticket was not stored: the file is read-only");
}
