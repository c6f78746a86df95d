use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::model::share::Weight;
use crate::redis::testing::{TestRedis, unconnected};

const PER_MINUTE: u32 = 4;
const SECOND: Duration = Duration::from_secs(1);

fn caller(per_minute: u32, per_month: u32) -> Caller {
    Caller {
        name: "tester".into(),
        app: "main".into(),
        tenant: None,
        policy: Arc::default(),
        weight: Weight::ONE,
        budget: Budget {
            per_minute: NonZeroU32::new(per_minute),
            per_month: NonZeroU32::new(per_month),
        },
    }
}

/// The budgets of one replica, whose clock stands still.
struct Replica {
    redis: TestRedis,
    budgets: Arc<CallerBudgets>,
    hand: ManualClock,
}

impl Replica {
    fn new(redis: TestRedis) -> Self {
        let (clock, hand) = Clock::manual();
        let replicas = NonZeroU32::new(2).unwrap();
        let shared = SharedBudgets::new(redis.store(), &redis.prefix, SECOND * 15, replicas);
        let budgets = CallerBudgets::new(clock).shared_by(shared).into();
        Self { redis, budgets, hand }
    }

    fn another(&self) -> Self {
        Self::new(self.redis.for_another())
    }

    fn reserve(&self, caller: &Caller, is_shared: bool) -> Result<ReservedCall, OverBudget> {
        self.redis.run(self.budgets.reserve(caller, SECOND, is_shared))
    }

    /// Makes a call. What is told of it is told in the next `run`.
    fn call(&self, caller: &Caller, is_shared: bool) -> Result<(), OverBudget> {
        let reserved = self.reserve(caller, is_shared)?;
        self.redis.run(async { reserved.begin() });
        Ok(())
    }

    /// Asks until the answer is this one, because reports are told by tasks of their own.
    fn hears(&self, caller: &Caller, is_allowed: bool) {
        let is_so =
            |_: &u32| self.redis.run(self.budgets.check(caller, true)).is_ok() == is_allowed;
        assert!((0..10_000).any(|number| is_so(&number)));
    }

    fn used_in_month(&self, caller: &Caller) -> u64 {
        let clock = &self.budgets.clock;
        self.budgets.with(&caller.name, |used| used.used(clock.now(), clock.wall()).1)
    }
}

#[test]
fn replicas_share_a_budget_and_what_one_gives_back_is_there_for_the_other() {
    let caller = caller(PER_MINUTE, 0);
    let one = Replica::new(TestRedis::new());
    let other = one.another();
    for replica in [&one, &other, &one] {
        assert_eq!(replica.call(&caller, true), Ok(()));
    }
    let reserved = one.reserve(&caller, true).unwrap();
    assert!(matches!(other.call(&caller, true), Err(OverBudget::Minute { limit: PER_MINUTE, .. })));
    let left = other.budgets.standing(&caller, true).minute.unwrap();
    assert_eq!(left.remaining, 0);
    one.redis.run(async { drop(reserved) });
    one.hears(&caller, true);
    assert_eq!(other.call(&caller, true), Ok(()));
    assert!(one.call(&caller, true).is_err());
}

#[test]
fn a_month_outlives_the_process_and_what_it_counted_alone() {
    let caller = caller(0, 6);
    let one = Replica::new(TestRedis::new());
    let other = one.another();
    assert_eq!(one.call(&caller, true), Ok(()));
    assert_eq!(other.call(&caller, true), Ok(()));
    // Redis is gone: each goes on from what it heard last.
    for _ in 0..2 {
        assert_eq!(one.call(&caller, false), Ok(()));
        assert_eq!(other.call(&caller, false), Ok(()));
    }
    // It is back, and hears of both. One more was allowed than there are, by what they did not know of each other.
    one.hears(&caller, true);
    assert_eq!(one.call(&caller, true), Ok(()));
    assert_eq!(other.used_in_month(&caller), 4);
    assert!(matches!(other.call(&caller, true), Err(OverBudget::Month { limit: 6, .. })));
    assert_eq!(other.used_in_month(&caller), 7);
    drop((one, other.budgets));
    let next = Replica::new(other.redis.for_another());
    assert!(matches!(next.call(&caller, true), Err(OverBudget::Month { limit: 6, .. })));
    next.hand.advance(Duration::from_hours(31 * 24));
    assert_eq!(next.call(&caller, true), Ok(()));
}

/// Budgets whose Redis cannot be reached.
fn alone() -> (CallerBudgets, ManualClock) {
    let (clock, hand) = Clock::manual();
    let replicas = NonZeroU32::new(2).unwrap();
    let shared = SharedBudgets::new(Arc::new(unconnected()), "prefix", SECOND * 15, replicas);
    (CallerBudgets::new(clock).shared_by(shared), hand)
}

#[tokio::test]
async fn without_redis_a_replica_keeps_to_its_share_of_a_minute_and_to_all_of_a_month() {
    for is_shared in [false, true] {
        let (budgets, hand) = alone();
        let budgets = Arc::new(budgets);
        let caller = caller(PER_MINUTE, 3);
        let call = async || {
            let reserved = budgets.reserve(&caller, SECOND, is_shared).await?;
            reserved.begin();
            Ok(())
        };
        assert_eq!(call().await, Ok(()));
        assert_eq!(call().await, Ok(()));
        let limit = PER_MINUTE / 2;
        let retry_after = SECOND * 60;
        assert_eq!(call().await, Err(OverBudget::Minute { limit, retry_after }));
        let checked = budgets.check(&caller, is_shared).await;
        assert_eq!(checked, Err(OverBudget::Minute { limit, retry_after }));
        let left = budgets.standing(&caller, false).minute.unwrap();
        assert_eq!((left.remaining, left.reset), (0, retry_after));
        hand.advance(retry_after);
        assert_eq!(call().await, Ok(()));
        assert!(matches!(call().await, Err(OverBudget::Month { limit: 3, .. })));
    }
}

#[tokio::test]
async fn a_share_is_one_call_at_least() {
    let budgets = Arc::new(alone().0);
    let caller = caller(1, 0);
    let reserved = budgets.reserve(&caller, SECOND, true).await.unwrap();
    assert!(budgets.reserve(&caller, SECOND, true).await.is_err());
    drop(reserved);
    assert!(budgets.reserve(&caller, SECOND, true).await.is_ok());
}
