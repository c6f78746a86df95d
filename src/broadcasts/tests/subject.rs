//! A store under test.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::broadcasts::{
    Acceptance, Answer, Broadcast, CLAIM_OUTLIVES, Claimed, MOST_AT_ONCE, NewBroadcast,
    ReceiverProblem, ReceiverRecord, ReceiverState, Settled, Settlement, Store,
};
use crate::model::broadcast_id::BroadcastId;
use crate::model::fingerprint::fingerprint;
use crate::model::message_id::MessageId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::Receiver;

/// A store, and the time.
pub(in crate::broadcasts) struct TestStore {
    runtime: Arc<Runtime>,
    /// None while a process has died and the next one has not begun.
    store: Option<Arc<dyn Store>>,
    open: Box<dyn FnMut() -> Arc<dyn Store>>,
    pub(super) now: Timestamp,
}

impl TestStore {
    /// An empty store. `open` is called for each process that uses it, one after the other, and each time what it returns
    /// keeps the same broadcasts. Its answers are waited for on this runtime.
    pub(in crate::broadcasts) fn new(
        runtime: Arc<Runtime>,
        mut open: impl FnMut() -> Arc<dyn Store> + 'static,
    ) -> Self {
        let store = Some(open());
        Self { runtime, store, open: Box::new(open), now: at(1_000_000) }
    }

    pub(super) fn store(&self) -> &dyn Store {
        &**self.store.as_ref().expect("a process lives")
    }

    pub(super) fn wait<T>(&self, answer: Answer<'_, T>) -> T {
        self.runtime.block_on(answer).expect("the store works")
    }

    /// Time passes for a process that lives.
    pub(super) fn advance(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.wait(self.store().beat(self.now));
    }

    /// The process dies, and another one begins when the claims have lapsed.
    pub(super) fn die(&mut self) {
        self.store = None;
        self.now += CLAIM_OUTLIVES + Duration::from_millis(1);
        self.store = Some((self.open)());
    }

    pub(super) fn accept(&self, new: NewBroadcast) -> Acceptance {
        self.wait(self.store().accept(new))
    }

    /// Accepts a broadcast to so many receivers, which expires in an hour.
    pub(super) fn accepted(&self, name: &str, receivers: u32) -> BroadcastId {
        match self.accept(self.new_broadcast(name, receivers)) {
            Acceptance::Accepted(broadcast) => broadcast.id,
            other => panic!("{other:?}"),
        }
    }

    /// A broadcast of alice's under the key `name` that is to be accepted now.
    pub(super) fn new_broadcast(&self, name: &str, receivers: u32) -> NewBroadcast {
        NewBroadcast {
            id: BroadcastId::generate(self.now),
            caller: "alice".into(),
            app: "main".into(),
            tenant: None,
            message: MessageId::parse("om_1").unwrap(),
            receivers: (0..receivers).map(receiver).collect(),
            key: fingerprint([name]),
            content: fingerprint([name, "content"]),
            created_at: self.now,
            expires_in: Duration::from_hours(1),
            retry_of: None,
            most_active: 100,
        }
    }

    pub(super) fn find(&self, id: &BroadcastId) -> Broadcast {
        self.wait(self.store().find(id)).expect("it is there")
    }

    /// All receivers of a broadcast.
    pub(super) fn receivers(&self, id: &BroadcastId) -> Vec<ReceiverRecord> {
        self.wait(self.store().receivers(id, &ReceiverState::ALL, 0, MOST_AT_ONCE))
    }

    pub(super) fn states(&self, id: &BroadcastId) -> Vec<ReceiverState> {
        self.receivers(id).iter().map(|it| it.state).collect()
    }

    pub(super) fn claim(&self, id: &BroadcastId, most: u32) -> Vec<Claimed> {
        self.wait(self.store().claim(id, most, self.now))
    }

    /// The places that are claimed.
    pub(super) fn claim_places(&self, id: &BroadcastId) -> Vec<u32> {
        self.claim(id, MOST_AT_ONCE).iter().map(|it| it.place).collect()
    }

    pub(super) fn settle(&self, id: &BroadcastId, place: u32, claim: u32, result: Settlement) {
        let settled = vec![Settled { place, claim, result }];
        self.wait(self.store().settle(id, settled, self.now));
    }

    /// Ends what time has ended. Doubts and finished broadcasts are kept for so many milliseconds.
    pub(super) fn tidy(&self, keep_doubts: u64, keep_finished: u64) {
        let before = |keep| self.now - Duration::from_millis(keep);
        self.wait(self.store().tidy(self.now, before(keep_doubts), before(keep_finished)));
    }
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

pub(super) fn receiver(number: u32) -> Receiver {
    Receiver::parse(&format!("oc_{number}"), None).unwrap()
}

pub(super) fn delivered() -> Settlement {
    Settlement::Delivered("om_new".into())
}

pub(super) fn problem(kind: ProblemKind) -> ReceiverProblem {
    ReceiverProblem { kind, feishu_code: Some(230002), log_id: Some("log".into()) }
}
