//! Keys in a real file.

mod kills;

use std::mem;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::super::remembered::REMEMBERED;
use super::*;
use crate::clock::ManualClock;
use crate::delivery::error::ForwardError;
use crate::delivery::in_doubt;
use crate::feishu::error::{CallError, Forwarded, Refusal};

/// How long a forward may take.
const LONGEST_FORWARD: Duration = Duration::from_secs(15);
const APP: &str = "main";
/// A millisecond less than an answer is remembered.
const NEARLY_AN_HOUR: Duration = Duration::from_millis(3_599_999);

/// A file, and the time of the processes that have it one after the other.
struct Stage {
    clock: Clock,
    hand: ManualClock,
    database: Arc<Database>,
    _directory: TempDir,
}

impl Stage {
    fn new() -> Self {
        let (clock, hand) = Clock::manual();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.db");
        let database = Arc::new(Database::open(&path, Duration::ZERO).unwrap());
        Self { clock, hand, database, _directory: directory }
    }

    /// A process with the file. The one before finds it no longer.
    fn process(&self, secret: &str, most_bytes: i64) -> Arc<KeptIdempotency> {
        let secrets = [(APP.to_owned(), SecretString::from(secret))];
        let secrets = secrets.iter().map(|(app, secret)| (app, secret));
        let (database, clock) = (Arc::clone(&self.database), self.clock.clone());
        let mut kept = KeptIdempotency::new(database, secrets, LONGEST_FORWARD, clock);
        Arc::get_mut(&mut kept.keys).unwrap().most_bytes = most_bytes;
        Arc::new(kept)
    }

    fn start(&self) -> Arc<KeptIdempotency> {
        self.process("hush", MOST_BYTES)
    }

    /// Has every statement fail from now on.
    async fn break_file(&self) {
        let rename = "ALTER TABLE idempotency_keys RENAME TO gone";
        self.database.run(|file| file.execute_batch(rename)).await.unwrap();
    }

    async fn heal_file(&self) {
        let rename = "ALTER TABLE gone RENAME TO idempotency_keys";
        self.database.run(|file| file.execute_batch(rename)).await.unwrap();
    }

    async fn count(&self) -> i64 {
        let count = "SELECT count(*) FROM idempotency_keys";
        self.database.run(move |file| file.query_row(count, [], |row| row.get(0))).await.unwrap()
    }

    async fn bytes(&self) -> i64 {
        let bytes = "SELECT bytes FROM idempotency_totals";
        self.database.run(move |file| file.query_row(bytes, [], |row| row.get(0))).await.unwrap()
    }
}

fn named(key: u64, content: u8) -> IdempotentForward {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    IdempotentForward { key: bytes, fingerprint: [content; 32] }
}

fn delivered(data: &str) -> Conclusion {
    let forwarded = Forwarded {
        data: data.to_owned().into(),
        message_id: "om_new".to_owned(),
        ..Forwarded::default()
    };
    Conclusion { result: Ok(forwarded), in_doubt_since: None, known: Known::Wholly }
}

fn refused() -> Conclusion {
    let refusal = Refusal { code: 230002, http_status: 400, ..Refusal::default() };
    Conclusion::failed(ForwardError::Failed(CallError::Refused(Box::new(refusal))))
}

fn doubtful(since: Stamp) -> Conclusion {
    let timed_out = CallError::TimedOut { is_stale: false };
    Conclusion {
        in_doubt_since: Some(since),
        ..Conclusion::failed(ForwardError::Failed(timed_out))
    }
}

impl KeptIdempotency {
    /// Leads a key. The second is when the first attempt was made that may have been delivered.
    async fn leads(self: &Arc<Self>, forward: IdempotentForward) -> (KeptLead, Option<Stamp>) {
        let lead = self.lead(forward, &APP.into());
        match lead.claim().await {
            RemoteClaim::Lead { first_attempt, .. } => (lead, first_attempt),
            other => panic!("not to be led: {other:?}"),
        }
    }

    async fn doubt(self: &Arc<Self>, forward: IdempotentForward) -> Option<Stamp> {
        let (lead, doubt) = self.leads(forward).await;
        mem::forget(lead);
        doubt
    }

    async fn ends(self: &Arc<Self>, forward: IdempotentForward, conclusion: &Conclusion) {
        let (lead, _) = self.leads(forward).await;
        lead.ends(Some(conclusion), conclusion.in_doubt_since.is_some()).await;
    }
}

impl KeptLead {
    async fn ends(&self, conclusion: Option<&Conclusion>, in_doubt: bool) {
        self.end(conclusion, in_doubt).expect("the key is held").await.unwrap();
    }
}

#[tokio::test]
async fn what_was_claimed_by_a_process_that_is_gone_is_in_doubt_since_then() {
    let stage = Stage::new();
    mem::forget(stage.start().leads(named(1, 0)).await);
    let claimed = stage.clock.stamp();
    stage.hand.advance(Duration::from_mins(5));
    let process = stage.start();
    assert_eq!(process.doubt(named(1, 0)).await, Some(claimed));
    // In the same process the register in memory knows what became of a leader.
    stage.hand.advance(Duration::from_mins(5));
    assert_eq!(process.doubt(named(1, 0)).await, Some(claimed));
    assert_eq!(process.doubt(named(2, 0)).await, None);
    assert_eq!(process.doubt(named(2, 0)).await, None);
}

#[tokio::test]
async fn a_leader_that_sent_nothing_leaves_what_was_there_before() {
    let stage = Stage::new();
    let process = stage.start();
    process.leads(named(1, 0)).await.0.ends(None, false).await;
    assert_eq!((stage.count().await, stage.bytes().await), (0, 0));
    process.leads(named(1, 0)).await.0.ends(None, true).await;
    let process = stage.start();
    process.leads(named(1, 0)).await.0.ends(None, false).await;
    assert_eq!(process.doubt(named(1, 0)).await, Some(stage.clock.stamp()));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_kept_and_its_delivery_is_in_doubt() {
    let stage = Stage::new();
    stage.start().ends(named(1, 0), &delivered(&"x".repeat(300_000))).await;
    assert!(stage.bytes().await < 1000);
    assert!(stage.start().doubt(named(1, 0)).await.is_some());
}

#[tokio::test]
async fn with_another_secret_an_answer_and_a_doubt_are_too_old_to_be_repeated() {
    let stage = Stage::new();
    let process = stage.start();
    process.ends(named(1, 0), &delivered("{}")).await;
    process.ends(named(2, 0), &doubtful(stage.clock.stamp())).await;
    let process = stage.process("another", MOST_BYTES);
    for key in [1, 2] {
        let since = process.doubt(named(key, 0)).await.expect("a doubt");
        assert!(stage.clock.age(since) > in_doubt::SAFE_TO_REPEAT);
        assert!(stage.clock.age(since) < in_doubt::REMEMBERED);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_while_nobody_ran_makes_every_doubt_too_old() {
    let stage = Stage::new();
    let process = stage.start();
    process.ends(named(1, 0), &doubtful(stage.clock.stamp())).await;
    mem::forget(process.leads(named(2, 0)).await);
    process.ends(named(3, 0), &delivered("{}")).await;
    stage.hand.move_calendar(SignedDuration::from_mins(-5));
    let process = stage.start();
    for key in [1, 2] {
        let since = process.doubt(named(key, 0)).await.expect("a doubt");
        assert!(stage.clock.age(since) > in_doubt::SAFE_TO_REPEAT);
    }
    let app = APP.into();
    assert!(matches!(process.lead(named(3, 0), &app).claim().await, RemoteClaim::Done(_)));
    // What comes now is as old as it is.
    assert_eq!(process.doubt(named(4, 0)).await, None);
    process.ends(named(5, 0), &doubtful(stage.clock.stamp())).await;
    assert_eq!(stage.start().doubt(named(5, 0)).await, Some(stage.clock.stamp()));
}

#[tokio::test]
async fn the_time_in_the_file_goes_on_when_the_clock_is_set_back() {
    let stage = Stage::new();
    let process = stage.start();
    process.ends(named(1, 0), &delivered("{}")).await;
    stage.hand.move_calendar(SignedDuration::from_mins(-90));
    stage.hand.advance(NEARLY_AN_HOUR);
    let (app, forward) = (APP.into(), named(1, 0));
    assert!(matches!(process.lead(forward, &app).claim().await, RemoteClaim::Done(_)));
    stage.hand.advance(Duration::from_millis(1));
    assert!(matches!(process.lead(forward, &app).claim().await, RemoteClaim::Lead { .. }));
}

#[tokio::test]
async fn the_file_has_a_bound_and_knows_what_it_had_to_forget() {
    let stage = Stage::new();
    let most = 20_000;
    let process = stage.process("hush", most);
    for key in 0..50 {
        process.ends(named(key, 0), &delivered(&"x".repeat(500))).await;
        assert!(key >= 15 || process.known() == Known::Wholly, "{key}");
        stage.hand.advance(Duration::from_secs(1));
    }
    let (count, bytes) = (stage.count().await, stage.bytes().await);
    assert!(bytes <= most + 2000 && count >= 15, "{count} records of {bytes} bytes");
    // The oldest are gone. The youngest that is gone was used a second before the oldest that is left.
    let oldest = 50 - count;
    let since = Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(oldest - 1);
    assert_eq!(process.known(), Known::Since(since));
    let (process, app) = (stage.start(), APP.into());
    let claim = async |key: i64| {
        let forward = named(key.try_into().unwrap(), 0);
        process.look(forward, &app as &Arc<str>).await
    };
    assert!(claim(oldest - 1).await.is_none());
    assert!(matches!(claim(oldest).await, Some(RemoteClaim::Done(_))));
    // The next process knows that too.
    process.ends(named(99, 0), &refused()).await;
    assert_eq!(process.known(), Known::Since(since));
    stage.hand.advance(REMEMBERED);
    assert_eq!(process.known(), Known::Wholly);
}

#[tokio::test]
async fn what_counts_no_longer_is_deleted_answers_after_an_hour_and_doubts_after_a_day() {
    let stage = Stage::new();
    let process = stage.start();
    let sweeper = Arc::clone(&process);
    for key in 0..3 {
        process.ends(named(key, 0), &delivered("{}")).await;
    }
    process.ends(named(3, 0), &doubtful(stage.clock.stamp())).await;
    mem::forget(process.leads(named(4, 0)).await);
    let task = tokio::spawn(async move { sweeper.sweep().await });
    let swept = async |time: Duration| {
        stage.hand.advance(time);
        let next = stage.clock.now() + SWEEP_INTERVAL;
        stage.hand.wait_for_sleepers(|all| all.contains(&next)).await;
        stage.count().await
    };
    assert_eq!(swept(NEARLY_AN_HOUR).await, 5);
    assert_eq!(swept(SWEEP_INTERVAL).await, 2);
    assert_eq!(swept(Duration::from_mins(23 * 60 - 1)).await, 2);
    assert_eq!(swept(SWEEP_INTERVAL).await, 0);
    assert_eq!(stage.bytes().await, 0);
    task.abort();
}

#[tokio::test]
async fn a_file_that_fails_keeps_nobody_waiting_and_what_it_missed_is_not_known() {
    let stage = Stage::new();
    let process = stage.start();
    process.ends(named(1, 0), &delivered("{}")).await;
    stage.hand.advance(Duration::from_mins(10));
    assert_eq!(process.known(), Known::Wholly);
    stage.break_file().await;
    assert_eq!(process.doubt(named(2, 0)).await, None);
    let failed_at = stage.clock.wall();
    assert_eq!(process.known(), Known::Since(failed_at));
    // The forward with this key goes on, and what it sends is in no file.
    let ends_by = failed_at + LONGEST_FORWARD;
    stage.hand.advance(LONGEST_FORWARD / 2);
    assert_eq!(process.known(), Known::Since(stage.clock.wall()));
    stage.heal_file().await;
    stage.hand.advance(Duration::from_mins(10));
    process.ends(named(3, 0), &delivered("{}")).await;
    assert_eq!(process.known(), Known::Since(ends_by));
    // The next process knows it too.
    let process = stage.start();
    assert_eq!(process.doubt(named(4, 0)).await, None);
    assert_eq!(process.known(), Known::Since(ends_by));
    stage.hand.advance(Duration::from_mins(50) + LONGEST_FORWARD);
    assert_eq!(process.known(), Known::Wholly);
}

#[tokio::test]
async fn an_end_that_cannot_be_written_leaves_the_claim_in_doubt() {
    let stage = Stage::new();
    let process = stage.start();
    let (lead, _) = process.leads(named(1, 0)).await;
    stage.break_file().await;
    lead.ends(Some(&delivered("{}")), false).await;
    assert_eq!(process.known(), Known::Since(stage.clock.wall()));
    stage.heal_file().await;
    assert!(stage.start().doubt(named(1, 0)).await.is_some());
}

#[tokio::test]
async fn a_file_that_does_not_answer_is_waited_for_for_seconds() {
    let stage = Stage::new();
    let process = stage.start();
    let (release, held) = std::sync::mpsc::channel::<()>();
    stage.database.begin(move |_| Ok(held.recv().is_ok()), |_| ());
    let claim = process.doubt(named(1, 0));
    let passes = async {
        let until = stage.clock.now() + PATIENCE;
        stage.hand.wait_for_sleepers(|all| all.contains(&until)).await;
        stage.hand.advance(PATIENCE);
    };
    assert_eq!(tokio::join!(claim, passes).0, None);
    assert_eq!(process.known(), Known::Since(stage.clock.wall()));
    release.send(()).unwrap();
}

#[tokio::test]
async fn a_new_file_knows_what_was_sent_since_the_start_unless_nothing_was_before() {
    for is_first in [true, false] {
        let stage = Stage::new();
        stage.hand.advance(Duration::from_mins(1));
        let process = Arc::into_inner(stage.start()).unwrap();
        let process = Arc::new(if is_first { process } else { process.after_predecessor() });
        assert_eq!(process.doubt(named(1, 0)).await, None);
        let since = Known::Since(stage.clock.wall());
        assert_eq!(process.known(), if is_first { Known::Wholly } else { since });
    }
}
