use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::clock::Moment;
use crate::limits::budget::{BudgetUse, CountedBy};
use crate::limits::month::Month;
use crate::redis::testing::{FOREIGN, TestRedis};

const START: Timestamp = Timestamp::constant(1_767_225_600, 0);
const SECOND: Duration = Duration::from_secs(1);
/// Longest time from a reservation to the beginning of its call.
const LONGEST: Duration = Duration::from_secs(15);

fn budget(per_minute: u32, per_month: u32) -> Budget {
    Budget { per_minute: NonZeroU32::new(per_minute), per_month: NonZeroU32::new(per_month) }
}

struct Replica {
    redis: TestRedis,
    shared: SharedBudgets,
}

impl Replica {
    fn new(redis: TestRedis) -> Self {
        let replicas = NonZeroU32::new(2).unwrap();
        let shared = SharedBudgets::new(redis.store(), &redis.prefix, LONGEST, replicas);
        let replica = Self { redis, shared };
        replica.set(Moment::ZERO);
        replica
    }

    fn another(&self) -> Self {
        Self::new(self.redis.for_another())
    }

    /// Redis' clock shows this.
    fn set(&self, now: Moment) {
        // Far from the beginning of time, so that it may go back.
        *self.shared.clock.now.lock().unwrap() = Some(Duration::from_hours(1_000_000) + now);
    }

    fn reserve(&self, question: BudgetQuestion<'_>, id: u64) -> BudgetReply {
        self.redis.wait(self.shared.reserve(question, HoldId(id), LONGEST))
    }

    fn begun(&self, question: BudgetQuestion<'_>, id: u64) {
        self.redis.wait(self.shared.begun(question, HoldId(id)));
    }

    fn returned(&self, question: BudgetQuestion<'_>, id: u64) {
        self.redis.wait(self.shared.returned(question, HoldId(id)));
    }
}

fn ask(budget: Budget, calls: u64, alone: u64) -> BudgetQuestion<'static> {
    let month = Month::of(START);
    let belief = MonthBelief { month, calls, alone };
    BudgetQuestion { caller: "tester", budget, belief, month_ends_in: month.ends_in(START) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn together_replicas_decide_as_one_would_alone(
        per_minute in 1..6_u32,
        per_month in 5..40_u32,
        events in prop::collection::vec((0..3_usize, 0..7_000_u64, 0..4_u8), 60),
    ) {
        let budget = budget(per_minute, per_month);
        let first = Replica::new(TestRedis::new());
        let replicas = [first.another(), first.another(), first];
        let mut alone = BudgetUse::new(START);
        let (mut now, mut reserved) = (Moment::ZERO, Vec::new());
        let question = ask(budget, 0, 0);
        for (number, (who, pause_ms, what)) in events.into_iter().enumerate() {
            now += Duration::from_millis(pause_ms);
            let replica = &replicas[who];
            replica.set(now);
            // What is reserved begins while Redis expects it to.
            let is_late = reserved.first().is_some_and(|(at, _)| now >= *at + Duration::from_secs(7));
            if is_late || what == 3 {
                for (_, id) in reserved.drain(..) {
                    replica.begun(question, id);
                    alone.begin(CountedBy::Process, true, now, START);
                }
            }
            match (what, reserved.pop()) {
                (2, Some((_, id))) => {
                    replica.returned(question, id);
                    alone.give_back(CountedBy::Process);
                    continue;
                }
                (_, Some(last)) => reserved.push(last),
                (_, None) => {}
            }
            let expected = alone.reserve(budget, now, START);
            let reply = replica.reserve(question, number as u64 + 1);
            prop_assert_eq!(reply.refused_by.is_none(), expected.is_ok(), "{:?} {:?}", reply, expected);
            if expected.is_ok() {
                reserved.push((now, number as u64 + 1));
            }
            let (in_minute, in_month) = alone.used(now, START);
            prop_assert_eq!(u64::from(reply.calls_in_minute), in_minute);
            prop_assert_eq!(reply.calls_in_month, in_month);
        }
    }
}

#[test]
fn what_is_not_ours_counts_as_absent() {
    let replica = Replica::new(TestRedis::new());
    let question = ask(budget(1, 1), 0, 0);
    let process = replica.shared.process;
    let keys = ["minute".to_owned(), "2026-01".to_owned(), format!("2026-01:{process}")];
    let sets = [
        "redis.call('ZADD', KEYS[1], '+inf', 'a', '-inf', 'b', '1e300', 'c')",
        "for n = 1, 100001 do redis.call('ZADD', KEYS[1], 3600000000000000 + 5000000, n) end",
    ];
    let all = FOREIGN.iter().chain(&sets);
    for (number, foreign) in (1..).zip(all) {
        for key in &keys {
            let key = format!("budget:tester:{key}");
            replica.redis.plant(&key, foreign);
            let reply = replica.reserve(question, number);
            assert_eq!((reply.refused_by, reply.calls_in_month), (None, 1), "{key}: {foreign}");
            replica.redis.plant(&key, foreign);
            replica.begun(question, number);
            replica.redis.plant(&key, foreign);
            replica.returned(question, number);
            for key in &keys {
                replica.redis.plant(&format!("budget:tester:{key}"), "");
            }
        }
    }
}

#[test]
fn calls_without_redis_are_told_once_however_often_and_in_whichever_order() {
    let one = Replica::new(TestRedis::new());
    let other = one.another();
    let budget = budget(0, 100);
    assert_eq!(one.reserve(ask(budget, 0, 0), 1).calls_in_month, 1);
    // An answer that was not heard.
    assert_eq!(one.reserve(ask(budget, 31, 30), 2).calls_in_month, 32);
    assert_eq!(one.reserve(ask(budget, 36, 35), 3).calls_in_month, 38);
    assert_eq!(one.reserve(ask(budget, 31, 30), 4).calls_in_month, 39);
    assert_eq!(other.reserve(ask(budget, 11, 10), 5).calls_in_month, 50);
    // Redis was emptied.
    one.redis.plant("budget:tester:2026-01", "");
    assert_eq!(one.reserve(ask(budget, 49, 35), 6).calls_in_month, 50);
    assert_eq!(one.reserve(ask(budget, 50, 35), 7).calls_in_month, 51);
}

#[test]
fn a_look_takes_nothing_and_a_reservation_that_is_never_heard_of_again_ends() {
    let replica = Replica::new(TestRedis::new());
    let question = ask(budget(1, 0), 0, 0);
    for _ in 0..3 {
        let reply = replica.redis.wait(replica.shared.look(question));
        assert_eq!((reply.refused_by, reply.calls_in_minute), (None, 0));
    }
    assert_eq!(replica.reserve(question, 1).refused_by, None);
    let refused = replica.reserve(question, 2);
    assert_eq!(refused.refused_by, Some(BudgetSpan::Minute));
    assert_eq!(refused.frees_in, LONGEST + MINUTE);
    replica.set(SECOND * 75);
    assert_eq!(replica.reserve(question, 3).refused_by, None);
    replica.begun(question, 3);
    assert_eq!(replica.reserve(question, 4).frees_in, MINUTE);
    // A clock that goes back keeps nobody waiting for longer.
    replica.set(SECOND);
    assert_eq!(replica.reserve(question, 5).refused_by, None);
}

#[test]
fn everything_ends() {
    let replica = Replica::new(TestRedis::new());
    assert_eq!(replica.reserve(ask(budget(1, 100), 5, 5), 1).refused_by, None);
    let month_left = Month::of(START).ends_in(START);
    let lives = |key: &str| {
        let script = Script::new("return redis.call('PTTL', KEYS[1])");
        let key = format!("{{{}}}:budget:tester:{key}", replica.redis.prefix);
        let store = replica.redis.store();
        let left: u64 = replica.redis.wait(store.run("test", &script.key(key)));
        Duration::from_millis(left)
    };
    let about = |left: Duration| left.saturating_sub(MINUTE)..=left;
    assert!(about(LONGEST + MINUTE).contains(&lives("minute")));
    let month = about(month_left + MONTH_KEPT);
    assert!(month.contains(&lives("2026-01")));
    assert!(month.contains(&lives(&format!("2026-01:{}", replica.shared.process))));
}
