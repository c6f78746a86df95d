//! What the tests of the limits are held against.

use std::ops::Deref;
use std::sync::Mutex;

use super::*;
use crate::redis::testing::TestRedis;

/// Limits in memory, or those of a replica that shares them with nobody else.
pub(super) enum Subject {
    InMemory(Box<Limiter>),
    InRedis(Box<Replica>),
}

/// One of those who share limits.
pub(super) struct Replica {
    /// What it knows.
    pub(super) limits: Limiter,
    pub(super) shared: SharedLimits,
    pub(super) redis: TestRedis,
    window: Duration,
    /// When turns were taken, and by whom.
    under_way: Mutex<Vec<(Moment, HoldId)>>,
}

impl Slot {
    /// The one that is taken until then.
    pub(super) fn of(taken_until: Duration) -> Self {
        Self(u64::try_from(taken_until.as_micros()).unwrap())
    }
}

/// How many cases to try: each question to Redis takes its time.
pub(super) fn cases(in_memory: u32) -> u32 {
    if TestRedis::is_real() { in_memory.div_ceil(10) } else { in_memory }
}

/// Time in Redis begins later than that of a test, so that there is one before it.
const BEFORE: Duration = Duration::from_hours(1);
const REPLICAS: u32 = 2;

impl Subject {
    pub(super) fn new(rules: &Rules, apps: [&str; 2]) -> Self {
        if TestRedis::is_real() {
            Self::InRedis(Replica::born(TestRedis::new(), rules, apps).into())
        } else {
            Self::InMemory(Limiter::new(rules).into())
        }
    }

    pub(super) fn take(
        &self,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<Grant, NotBefore> {
        match self {
            Self::InMemory(limits) => limits.take(&of_app(app), receiver, now),
            Self::InRedis(replica) => {
                let foreseen =
                    replica.limits.ready_after(Ahead::default(), &of_app(app), receiver, now);
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
    pub(super) fn send(&self, receiver: &Receiver, now: Moment) -> Result<(), NotBefore> {
        match self {
            Self::InMemory(limits) => limits.take(&of_app(APP), receiver, now)?,
            Self::InRedis(replica) => replica.take(APP, receiver, now)?,
        };
        self.limits().hold(receiver, now);
        Ok(())
    }

    pub(super) fn arrived(&self, receiver: &Receiver, sent_at: Moment, now: Moment) {
        self.limits().arrived(receiver, sent_at, sent_at, now);
        if let Self::InRedis(replica) = self {
            let own = replica.own(sent_at);
            self.note(receiver, Feedback::Arrived(Some(own)), Some(now));
        }
    }

    pub(super) fn receiver_refused(&self, receiver: &Receiver, is_probe: bool, now: Moment) {
        self.limits().receiver_refused(receiver, is_probe, now);
        self.note(receiver, Feedback::Refused { is_probe }, Some(now));
    }

    pub(super) fn receiver_accepted(&self, receiver: &Receiver, is_probe: bool) {
        self.limits().receiver_accepted(receiver, is_probe);
        if is_probe {
            self.note(receiver, Feedback::Accepted, None);
        }
    }

    pub(super) fn app_refused(&self, app: &str, reset: Duration, now: Moment) {
        self.limits().app_refused(&of_app(app), reset, now);
        if let Self::InRedis(replica) = self {
            replica.set(now);
            replica.redis.wait(replica.shared.block(&of_app(app), AppBlock::RateLimit, reset));
        }
    }

    fn note(&self, receiver: &Receiver, note: Feedback, now: Option<Moment>) {
        if let Self::InRedis(replica) = self {
            if let Some(now) = now {
                replica.set(now);
            }
            let slots = replica.redis.wait(replica.shared.report(receiver, note));
            if let Some(now) = now {
                replica.limits.adopt_slots(receiver, slots, now);
            }
        }
    }

    fn limits(&self) -> &Limiter {
        match self {
            Self::InMemory(limits) => limits,
            Self::InRedis(replica) => &replica.limits,
        }
    }
}

/// Whoever only looks, looks at what is known in memory.
impl Deref for Subject {
    type Target = Limiter;

    fn deref(&self) -> &Limiter {
        self.limits()
    }
}

impl Limiter {
    /// Takes a slot of the receiver and a call of the app, or neither. Nobody is ahead.
    pub(super) fn take(
        &self,
        key: &LimitKey,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<Grant, NotBefore> {
        self.take_after(Ahead::default(), key, receiver, now)
    }
}

impl Replica {
    /// The first one, long after the birth of what is shared.
    pub(super) fn born(redis: TestRedis, rules: &Rules, apps: [&str; 2]) -> Self {
        let first = Self::joins(redis, rules, apps);
        *first.shared.clock.now.lock().unwrap() = Some(Moment::ZERO);
        first.redis.wait(first.shared.beat(&[], true));
        first
    }

    /// One more.
    pub(super) fn joins(redis: TestRedis, rules: &Rules, apps: [&str; 2]) -> Self {
        let app_ids = apps.map(|app| (Arc::from(app), format!("cli_{app}"))).into();
        let (store, replicas) = (redis.store(), number(REPLICAS));
        // What takes no time to arrive need not be answered.
        let shared =
            SharedLimits::new(store, &redis.prefix, *rules, app_ids, replicas, Duration::ZERO);
        let limits = Limiter::new(rules);
        assert!(limits.enter_shared(true, Moment::ZERO));
        Self { limits, shared, redis, window: rules.window(), under_way: Mutex::default() }
    }

    /// Who asked for a turn that was taken then, and its slot.
    pub(super) fn own(&self, taken_at: Moment) -> (HoldId, Slot) {
        let mut under_way = self.under_way.lock().unwrap();
        let place = under_way.iter().position(|(at, _)| *at == taken_at).expect("a turn");
        let (_, hold_id) = under_way.swap_remove(place);
        (hold_id, Slot::of(BEFORE + taken_at + self.window))
    }

    /// Redis decides, and the limiter in memory agrees with it afterwards.
    pub(super) fn take(
        &self,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<Grant, NotBefore> {
        self.set(now);
        let hold_id = HoldId::random();
        let reply = self.redis.wait(self.shared.take(&of_app(app), receiver, 0, hold_id));
        self.limits.adopt(&of_app(app), receiver, &reply, now, now);
        if reply.is_granted {
            self.under_way.lock().unwrap().push((now, hold_id));
            return Ok(Grant { is_probe: reply.is_probe, is_final: true });
        }
        let not_until = self.limits.ready_after(Ahead::default(), &of_app(app), receiver, now);
        Err(not_until.expect_err("what was learned says why it was refused"))
    }

    pub(super) fn set(&self, now: Moment) {
        *self.shared.clock.now.lock().unwrap() = Some(BEFORE + now);
    }
}
