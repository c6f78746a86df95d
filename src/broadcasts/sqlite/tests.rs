//! What is only true of this store. `broadcasts::tests` has the rules of every store.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::SqliteStore;
use super::accept::{MOST_BROADCASTS, MOST_RECEIVERS};
use crate::broadcasts::{
    Acceptance, Broadcast, NewBroadcast, ReceiverProblem, ReceiverState, Settled, Settlement,
    Store as _, StoreError,
};
use crate::model::broadcast_id::BroadcastId;
use crate::model::fingerprint::fingerprint;
use crate::model::message_id::MessageId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::Receiver;
use crate::sqlite::Database;

const NOW: Timestamp = Timestamp::constant(1_000_000, 0);

struct Subject {
    store: SqliteStore,
    database: Arc<Database>,
    _directory: TempDir,
}

impl Subject {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_without_sync(&directory.path().join("gateway.db")).unwrap();
        let database = Arc::new(database);
        Self { store: SqliteStore::new(Arc::clone(&database)), database, _directory: directory }
    }

    async fn sql(&self, sql: &'static str) {
        self.database.run(|it| it.execute_batch(sql)).await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        self.database.run(|it| it.query_row(sql, [], |row| row.get(0))).await.unwrap()
    }

    async fn accept(&self, key: &str, receivers: u32) -> Result<Broadcast, StoreError> {
        let receiver = |number| Receiver::parse(&format!("oc_{number}"), None).unwrap();
        let new = NewBroadcast {
            id: BroadcastId::generate(NOW),
            caller: "alice".into(),
            app: "main".into(),
            tenant: None,
            message: MessageId::parse("om_1").unwrap(),
            receivers: (0..receivers).map(receiver).collect(),
            key: fingerprint([key]),
            content: fingerprint([key]),
            created_at: NOW,
            expires_in: Duration::MAX,
            retry_of: None,
            most_active: 10,
        };
        match self.store.accept(new).await? {
            Acceptance::Accepted(broadcast) => Ok(broadcast),
            other => panic!("{other:?}"),
        }
    }

    async fn is_known(&self, broadcast: &Broadcast) -> bool {
        self.store.find(&broadcast.id).await.unwrap().is_some()
    }

    async fn tidy(&self) {
        self.store.tidy(NOW, Timestamp::MIN, Timestamp::MIN).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_store_accepts_nothing_and_forgets_the_oldest_finished_broadcasts_early() {
    let test = Subject::new();
    let (oldest, second) =
        (test.accept("one", 3).await.unwrap(), test.accept("two", 1).await.unwrap());
    let running = test.accept("three", 1).await.unwrap();
    for (it, millis) in [(&oldest, 1), (&second, 2)] {
        let at = Timestamp::from_millisecond(NOW.as_millisecond() + millis).unwrap();
        test.store.cancel(&it.id, at).await.unwrap();
    }
    test.sql("UPDATE totals SET receivers = 2000000 - 1").await;
    assert!(test.accept("four", 1).await.is_ok());
    let refused = test.accept("five", 1).await.unwrap_err().to_string();
    assert!(refused.contains("it is full"), "{refused}");

    // One more than a store with room for another tenth may hold, once the oldest is gone.
    test.sql("UPDATE totals SET receivers = 1800000 + 3").await;
    test.tidy().await;
    assert!(!test.is_known(&oldest).await && test.is_known(&second).await);
    test.sql("UPDATE totals SET broadcasts = 50000").await;
    assert!(test.accept("five", 1).await.is_err());
    test.tidy().await;
    assert!(!test.is_known(&second).await && test.is_known(&running).await);
    assert_eq!((MOST_BROADCASTS, MOST_RECEIVERS), (50_000, 2_000_000));
}

#[tokio::test]
async fn one_call_deletes_only_so_many_receivers_of_a_forgotten_broadcast() {
    let test = Subject::new();
    let ended = test.accept("one", 1).await.unwrap();
    test.sql(
        "INSERT INTO receivers (broadcast, place, kind, id) \
         SELECT 1, value, 4, 'oc_' || value FROM (WITH RECURSIVE n(value) AS \
         (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 44999) SELECT value FROM n);\
         UPDATE broadcasts SET total = 45000, pending = 45000; UPDATE totals SET receivers = 45000",
    )
    .await;
    test.store.cancel(&ended.id, NOW).await.unwrap();
    for left in [25_000, 5_000, 0, 0] {
        test.store.tidy(NOW, NOW, Timestamp::MAX).await.unwrap();
        assert!(!test.is_known(&ended).await);
        assert_eq!(test.number("SELECT count(*) FROM receivers").await, left);
        assert_eq!(test.number("SELECT receivers FROM totals").await, left);
        assert_eq!(test.number("SELECT coalesce(sum(receivers), 0) FROM forgotten").await, left);
    }
    assert_eq!(
        test.number("SELECT broadcasts + (SELECT count(*) FROM forgotten) FROM totals").await,
        0
    );
    test.accept("one", 1).await.unwrap();
    assert_eq!(test.number("SELECT max(number) FROM broadcasts").await, 2);
}

#[tokio::test]
async fn what_is_no_valid_value_is_an_error_of_the_query_that_reads_it() {
    for (damage, of_receivers) in [
        ("UPDATE broadcasts SET message = 'oc_1'", false),
        ("UPDATE broadcasts SET state = 4", false),
        ("UPDATE broadcasts SET pending = -1", false),
        ("UPDATE broadcasts SET total = 5000000000", false),
        ("UPDATE broadcasts SET created_at = 9223372036854775807", false),
        ("UPDATE broadcasts SET retry_of = 'bc_1'", false),
        ("UPDATE receivers SET id = ''", true),
        ("UPDATE receivers SET id = 'a b'", true),
        ("UPDATE receivers SET kind = 6", true),
        ("UPDATE receivers SET claim = -1", true),
        ("UPDATE receivers SET ended_at = -9e18", true),
    ] {
        let test = Subject::new();
        let id = &test.accept("one", 1).await.unwrap().id;
        test.sql(damage).await;
        let page = test.store.receivers(id, &ReceiverState::ALL, 0, 10).await;
        assert_eq!(page.is_err(), of_receivers, "{damage}");
        assert_eq!(test.store.find(id).await.is_err(), !of_receivers, "{damage}");
        assert!(test.accept("two", 1).await.is_ok(), "{damage}");
    }
}

#[tokio::test]
async fn a_long_log_id_is_cut() {
    let test = Subject::new();
    let id = test.accept("one", 1).await.unwrap().id;
    test.store.claim(&id, 1, NOW).await.unwrap();
    let log_id = Some(format!("{}é", "a".repeat(127)).into());
    let problem = ReceiverProblem { kind: ProblemKind::ChatInvalid, feishu_code: None, log_id };
    let settled = Settled { place: 0, claim: 1, result: Settlement::NotDelivered(problem) };
    test.store.settle(&id, vec![settled], NOW).await.unwrap();
    let record = test.store.receivers(&id, &ReceiverState::ALL, 0, 10).await.unwrap().remove(0);
    assert_eq!(record.problem.unwrap().log_id, Some("a".repeat(127).into()));
}

#[tokio::test]
async fn after_the_clock_was_set_back_by_an_hour_its_time_counts_and_no_doubt_is_repeated() {
    let test = Subject::new();
    let id = test.accept("one", 3).await.unwrap().id;
    test.store.claim(&id, 2, NOW).await.unwrap();
    let problem =
        || ReceiverProblem { kind: ProblemKind::FeishuTimeout, feishu_code: None, log_id: None };
    let pause = Duration::from_mins(10);
    let settled = [Settlement::InDoubt(problem(), pause), Settlement::NotSent(problem(), pause)];
    let settled = (0..).zip(settled).map(|(place, result)| Settled { place, claim: 1, result });
    test.store.settle(&id, settled.collect(), NOW).await.unwrap();

    let now = NOW - Duration::from_hours(1);
    let claimed = test.store.claim(&id, 9, now).await.unwrap();
    let since: Vec<_> = claimed.iter().map(|it| it.in_doubt_since).collect();
    assert_eq!(since, [Some(now - Duration::from_hours(2)), None, None]);
    let settled = Settled { place: 1, claim: 2, result: Settlement::Delivered("om_new".into()) };
    test.store.settle(&id, vec![settled], now).await.unwrap();
    let records = test.store.receivers(&id, &ReceiverState::ALL, 0, 9).await.unwrap();
    assert_eq!(records[1].ended_at, Some(now));
}
