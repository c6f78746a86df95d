//! What the tests of the limits are held against.

use std::ops::Deref;
use std::sync::Mutex;

use super::*;
use crate::store::real::RealRedis;

/// Limits in memory, or those of a replica that shares them with nobody else.
pub(super) enum Subject {
    InMemory(Box<Limits>),
    InRedis(Box<Replica>),
}

/// One of those who share limits.
pub(super) struct Replica {
    /// What it knows.
    pub(super) limits: Limits,
    pub(super) shared: Shared,
    pub(super) redis: RealRedis,
    window: Duration,
    /// When turns were taken, and by whom.
    under_way: Mutex<Vec<(Moment, Asker)>>,
}

impl Cell {
    /// The one that is taken until then.
    pub(super) fn of(taken_until: Duration) -> Self {
        Self(u64::try_from(taken_until.as_micros()).unwrap())
    }
}

/// How many cases to try: each question to Redis takes its time.
pub(super) fn cases(in_memory: u32) -> u32 {
    if RealRedis::is_there() { in_memory.div_ceil(10) } else { in_memory }
}

/// Time in Redis begins later than that of a test, so that there is one before it.
const BEFORE: Duration = Duration::from_hours(1);
const REPLICAS: u32 = 2;

impl Subject {
    pub(super) fn new(rules: &Rules, apps: [&str; 2]) -> Self {
        if RealRedis::is_there() {
            Self::InRedis(Replica::born(RealRedis::new(), rules, apps).into())
        } else {
            Self::InMemory(Limits::new(rules, apps.map(Arc::from)).into())
        }
    }

    pub(super) fn take(
        &self,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<Pass, NotUntil> {
        match self {
            Self::InMemory(limits) => limits.take(app, receiver, now),
            Self::InRedis(replica) => {
                let foreseen = replica.limits.ready_after(Ahead::default(), app, receiver, now);
                let decision = replica.take(app, receiver, now);
                // Nobody else changes anything.
                assert_eq!(decision.map(drop), foreseen);
                decision
            }
        }
    }

    /// The same where messages may be under way for as long as this. Memory does not foretell these.
    pub(super) fn with_calls_of(mut self, longest_call: Duration) -> Self {
        if let Self::InRedis(replica) = &mut self {
            replica.shared.longest_call = longest_call;
        }
        self
    }

    /// Takes a turn for a message that is under way until it is said that it has arrived.
    pub(super) fn send(&self, receiver: &Receiver, now: Moment) -> Result<(), NotUntil> {
        match self {
            Self::InMemory(limits) => limits.take(APP, receiver, now)?,
            Self::InRedis(replica) => replica.take(APP, receiver, now)?,
        };
        self.limits().hold(receiver, now);
        Ok(())
    }

    pub(super) fn arrived(&self, receiver: &Receiver, sent_at: Moment, now: Moment) {
        self.limits().arrived(receiver, sent_at, sent_at, now);
        if let Self::InRedis(replica) = self {
            let own = replica.own(sent_at);
            self.note(receiver, Note::Arrived(Some(own)), Some(now));
        }
    }

    pub(super) fn receiver_refused(&self, receiver: &Receiver, trial: bool, now: Moment) {
        self.limits().receiver_refused(receiver, trial, now);
        self.note(receiver, Note::Refused(trial), Some(now));
    }

    pub(super) fn receiver_accepted(&self, receiver: &Receiver, trial: bool) {
        self.limits().receiver_accepted(receiver, trial);
        if trial {
            self.note(receiver, Note::Accepted, None);
        }
    }

    pub(super) fn app_refused(&self, app: &str, reset: Duration, now: Moment) {
        self.limits().app_refused(app, reset, now);
        if let Self::InRedis(replica) = self {
            replica.set(now);
            replica.redis.wait(replica.shared.close(app, Gate::Limit, reset));
        }
    }

    fn note(&self, receiver: &Receiver, note: Note, now: Option<Moment>) {
        if let Self::InRedis(replica) = self {
            if let Some(now) = now {
                replica.set(now);
            }
            let cells = replica.redis.wait(replica.shared.note(receiver, note));
            if let Some(now) = now {
                replica.limits.learn_cells(receiver, cells, now);
            }
        }
    }

    fn limits(&self) -> &Limits {
        match self {
            Self::InMemory(limits) => limits,
            Self::InRedis(replica) => &replica.limits,
        }
    }
}

/// Whoever only looks, looks at what is known in memory.
impl Deref for Subject {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        self.limits()
    }
}

impl Replica {
    /// The first one, long after the birth of what is shared.
    pub(super) fn born(redis: RealRedis, rules: &Rules, apps: [&str; 2]) -> Self {
        let first = Self::joins(redis, rules, apps);
        *first.shared.now.lock().unwrap() = Some(Moment::ZERO);
        first.redis.wait(first.shared.beat(&[], true));
        first
    }

    /// One more.
    pub(super) fn joins(redis: RealRedis, rules: &Rules, apps: [&str; 2]) -> Self {
        let app_ids = apps.map(|app| (Arc::from(app), format!("cli_{app}"))).into();
        let (store, replicas) = (redis.store(), number(REPLICAS));
        // What takes no time to arrive need not be answered.
        let shared = Shared::new(store, &redis.prefix, *rules, app_ids, replicas, Duration::ZERO);
        let limits = Limits::new(rules, apps.map(Arc::from));
        assert!(limits.defer(true, Moment::ZERO));
        Self { limits, shared, redis, window: rules.window(), under_way: Mutex::default() }
    }

    /// Who asked for a turn that was taken then, and its cell.
    pub(super) fn own(&self, taken_at: Moment) -> (Asker, Cell) {
        let mut under_way = self.under_way.lock().unwrap();
        let place = under_way.iter().position(|(at, _)| *at == taken_at).expect("a turn");
        let (_, asker) = under_way.swap_remove(place);
        (asker, Cell::of(BEFORE + taken_at + self.window))
    }

    /// Redis decides, and what is known here then agrees with it.
    pub(super) fn take(
        &self,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<Pass, NotUntil> {
        self.set(now);
        let asker = Asker::random();
        let seen = self.redis.wait(self.shared.take(app, receiver, asker));
        self.limits.learn(app, receiver, &seen, now, now);
        if seen.granted {
            self.under_way.lock().unwrap().push((now, asker));
            return Ok(Pass { trial: seen.trial, is_final: true });
        }
        let not_until = self.limits.ready_after(Ahead::default(), app, receiver, now);
        Err(not_until.expect_err("what was learned says why it was refused"))
    }

    pub(super) fn set(&self, now: Moment) {
        *self.shared.now.lock().unwrap() = Some(BEFORE + now);
    }
}
