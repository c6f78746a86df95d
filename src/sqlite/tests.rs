use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Database, DatabaseError, OpenError};

/// A file of a test's own. The second is its path.
fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.db");
    (directory, path)
}

fn open(path: &std::path::Path) -> Result<Database, OpenError> {
    Database::open(path, Duration::ZERO)
}

/// A database with a table of texts.
async fn with_texts(path: &std::path::Path) -> Database {
    let database = open(path).unwrap();
    let create = "CREATE TABLE texts (text TEXT PRIMARY KEY) STRICT";
    database.run(|it| it.execute_batch(create)).await.unwrap();
    database
}

fn write(text: &'static str) -> impl FnOnce(&Connection) -> rusqlite::Result<()> + Send {
    move |it| it.execute("INSERT INTO texts VALUES (?1)", [text]).map(drop)
}

async fn texts(database: &Database) -> Vec<String> {
    let read = |it: &Connection| {
        let mut select = it.prepare("SELECT text FROM texts ORDER BY text")?;
        select.query_map([], |row| row.get(0))?.collect()
    };
    database.run(read).await.unwrap()
}

fn reason<T: std::fmt::Debug>(refused: Result<T, impl ToString>) -> String {
    refused.expect_err("refused").to_string()
}

#[tokio::test]
async fn what_was_answered_is_there_when_the_file_is_opened_again() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    database.run(write("a")).await.unwrap();
    drop(database);
    assert!(!path.with_extension("db-wal").exists(), "the log is moved into the file");
    assert_eq!(texts(&open(&path).unwrap()).await, ["a"]);
}

#[test]
fn only_the_owner_can_read_a_file_that_was_created() {
    let (_directory, path) = file();
    let _database = open(&path).unwrap();
    for path in [path.clone(), path.with_extension("db-wal")] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_closed_the_file() {
    let (_directory, path) = file();
    let first = open(&path).unwrap();
    assert_eq!(reason(open(&path)), "is in use by another process");
    drop(first);
    assert!(open(&path).is_ok());
}

#[test]
fn an_empty_file_is_taken_over() {
    let (_directory, path) = file();
    fs::write(&path, "").unwrap();
    drop(open(&path).unwrap());
    let version: i64 = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 2);
}

#[tokio::test]
async fn a_file_of_the_first_version_is_taken_over_with_what_it_holds() {
    let (_directory, path) = file();
    let before = Connection::open(&path).unwrap();
    before.execute_batch(include_str!("migrations/1.sql")).unwrap();
    before.execute("INSERT INTO forgotten VALUES (1, 7)", []).unwrap();
    before.pragma_update(None, "application_id", 0x4646_4757).unwrap();
    before.pragma_update(None, "user_version", 1).unwrap();
    drop(before);
    let database = open(&path).unwrap();
    let read = |sql| move |it: &Connection| it.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(database.run(read("SELECT receivers FROM forgotten")).await, Ok(7));
    assert_eq!(database.run(read("SELECT count(*) FROM app_tickets")).await, Ok(0));
    assert_eq!(database.run(read("PRAGMA user_version")).await, Ok(2));
}

#[test]
fn a_broadcast_of_the_first_version_is_in_no_tenant() {
    let (_directory, path) = file();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("migrations/1.sql")).unwrap();
    old.pragma_update(None, "application_id", 0x4646_4757).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    let broadcast = "INSERT INTO broadcasts (id, caller, app, message, key, content, state, total, pending, created_at, \
                     expires_at) VALUES ('bc_1', 'alice', 'main', 'om_1', x'00', x'00', 0, 1, 1, 0, 0)";
    old.execute_batch(broadcast).unwrap();
    drop(old);
    drop(open(&path).unwrap());
    let read = "SELECT id, tenant FROM broadcasts";
    let row: (String, Option<String>) = Connection::open(&path)
        .unwrap()
        .query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(row, ("bc_1".to_owned(), None));
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_stays_as_it_is() {
    let (_directory, path) = file();
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = fs::read(&path).unwrap();
    let words = "was written by a newer version of the gateway (version 7); this one knows up to 2";
    assert_eq!(reason(open(&path)), words);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_another_program_is_refused_and_stays_as_it_is() {
    let (_directory, path) = file();
    fs::write(&path, "words, and enough of them that it is no header of SQLite's".repeat(20))
        .unwrap();
    assert_eq!(reason(open(&path)), "is not a file of the gateway");
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(reason(open(&path)), "is not a file of the gateway");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_place_that_cannot_be_written_to_is_refused_without_its_path() {
    let (directory, path) = file();
    for path in [directory.path().to_owned(), path.join("missing.db"), "/dev/full".into()] {
        let reason = reason(open(&path));
        assert!(reason.starts_with("cannot be opened for writing: "), "{reason}");
        assert!(!reason.contains("gateway.db"), "{reason}");
    }
}

/// Runs a job that returns once `others` are queued behind it, so that one commit has them all.
async fn together<A, B>(
    database: &Database,
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> (Result<(), DatabaseError>, A, B) {
    let (queued, are_queued) = mpsc::channel::<()>();
    let first = database.run(move |it| {
        are_queued.recv().ok();
        it.execute("INSERT INTO texts VALUES ('first')", []).map(drop)
    });
    let all_queued = async { queued.send(()).ok() };
    let (first, one, other, _) = tokio::join!(biased; first, one, other, all_queued);
    (first, one, other)
}

#[tokio::test]
async fn jobs_that_wait_together_are_committed_together() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    // A broken reference that is looked at only when the transaction is committed.
    let schema = "CREATE TABLE refers (text TEXT REFERENCES texts DEFERRABLE INITIALLY DEFERRED)";
    database.run(|it| it.execute_batch(schema)).await.unwrap();
    let one = database.run(write("a"));
    let other = database.run(|it| it.execute("INSERT INTO refers VALUES ('nothing')", []));
    let (first, one, other) = together(&database, one, other).await;
    for reason in [reason(first), reason(one), reason(other)] {
        assert_eq!(reason, "FOREIGN KEY constraint failed");
    }
    assert!(texts(&database).await.is_empty());
    database.run(write("b")).await.unwrap();
    assert_eq!(texts(&database).await, ["b"]);
}

#[tokio::test]
async fn a_job_that_fails_does_not_disturb_the_others_of_its_commit() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    let one = database.run(|it| {
        write("undone")(it)?;
        write("first")(it)
    });
    let (first, one, other) = together(&database, one, database.run(write("a"))).await;
    assert_eq!((first, other), (Ok(()), Ok(())));
    assert!(reason(one).starts_with("UNIQUE constraint failed"));
    assert_eq!(texts(&database).await, ["a", "first"]);
}

#[tokio::test]
async fn a_job_that_panics_is_undone_and_the_thread_goes_on() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    let one = database.run(|it| -> rusqlite::Result<()> {
        write("undone")(it)?;
        panic!("as the test wants")
    });
    let (first, one, other) = together(&database, one, database.run(write("a"))).await;
    assert_eq!((first, other), (Ok(()), Ok(())));
    assert_eq!(reason(one), "a job panicked");
    assert_eq!(texts(&database).await, ["a", "first"]);
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_any_more_does_not_begin() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    let given_up = async {
        let mut job = pin!(database.run(write("given up")));
        assert!(
            std::future::poll_fn(|it| std::task::Poll::Ready(job.as_mut().poll(it)))
                .await
                .is_pending()
        );
    };
    let (first, ..) = together(&database, given_up, database.run(write("a"))).await;
    assert_eq!(first, Ok(()));
    assert_eq!(texts(&database).await, ["a", "first"]);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_with_more_space_it_works_on() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    let limit = |pages: i64| {
        database.run(move |it| {
            it.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
        })
    };
    let pages = limit(1).await.unwrap();
    limit(pages).await.unwrap();
    let large =
        |it: &Connection| it.execute("INSERT INTO texts VALUES (hex(randomblob(20000)))", []);
    let (first, failed, other) =
        together(&database, database.run(large), database.run(write("a"))).await;
    // It undoes what was done in the same commit, and nothing else.
    assert_eq!(
        (reason(first), reason(failed)),
        ("the disk is full".into(), "the disk is full".into())
    );
    assert_eq!(other, Ok(()));
    assert_eq!(texts(&database).await, ["a"]);
    limit(pages + 100).await.unwrap();
    assert_eq!(database.run(large).await, Ok(1));
}

#[tokio::test]
async fn a_file_that_has_become_read_only_is_an_error_and_can_still_be_read() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    database.run(write("a")).await.unwrap();
    let read_only = |it: &Connection| it.pragma_update(None, "query_only", true);
    database.run(read_only).await.unwrap();
    assert_eq!(reason(database.run(write("b")).await), "the file is read-only");
    assert_eq!(texts(&database).await, ["a"]);
}

#[tokio::test]
async fn what_was_begun_is_done_though_nobody_waits_for_it_and_the_file_is_closed() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    let (told, tells) = mpsc::channel();
    for text in ["a", "b", "a"] {
        let told = told.clone();
        database.begin(write(text), move |result| told.send((text, result.is_ok())).unwrap());
    }
    drop((database, told));
    assert_eq!(tells.iter().collect::<Vec<_>>(), [("a", true), ("b", true), ("a", false)]);
    assert_eq!(texts(&open(&path).unwrap()).await, ["a", "b"]);
}

#[tokio::test]
async fn more_than_may_wait_are_refused() {
    let (_directory, path) = file();
    let database = with_texts(&path).await;
    let (release, held) = mpsc::channel::<()>();
    database.begin(move |_| Ok(held.recv().is_ok()), |_| ());
    let (told, tells) = mpsc::channel();
    for _ in 0..1100 {
        let told = told.clone();
        database.begin(|_| Ok(()), move |result| told.send(result.is_ok()).unwrap());
    }
    release.send(()).unwrap();
    drop((database, told));
    let refused = tells.iter().filter(|is_done| !is_done).count();
    assert!((75..=77).contains(&refused), "{refused}");
}
