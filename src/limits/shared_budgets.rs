//! The budgets that replicas share, in Redis (`budget.lua`). A call counts there for the month in which it was reserved.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use uuid::Uuid;

use super::budget::{BudgetReply, BudgetSpan, MINUTE, MonthBelief};
use super::hold::HoldId;
use super::script_clock::{ScriptClock, micros};
use super::shared::number;
use crate::clock::millis;
use crate::model::share::Budget;
use crate::random;
use crate::redis::{RedisClient, Unavailable};

/// The budgets of all callers of all replicas with one prefix.
#[derive(Debug)]
pub struct SharedBudgets {
    redis: Arc<RedisClient>,
    script: Script,
    /// `{prefix}:budget:`: in a cluster all keys of one prefix are in one slot.
    prefix: String,
    /// Names this process among all that ever count.
    process: Uuid,
    /// Longest time from a reservation to the beginning of its call.
    longest: Duration,
    replicas: NonZeroU32,
    pub(crate) clock: ScriptClock,
}

/// What is asked of a caller's budget.
#[derive(Clone, Copy, Debug)]
pub struct BudgetQuestion<'a> {
    /// The caller's name.
    pub caller: &'a str,
    /// Its budget.
    pub budget: Budget,
    /// What this process believes of the month.
    pub belief: MonthBelief,
    /// Time until the month is over.
    pub month_ends_in: Duration,
}

/// The longest time that any answer of Redis counts for: the longest deadline of a forward and a minute.
const LONGEST_LEFT: Duration = Duration::from_hours(1).saturating_add(MINUTE);
/// How long the count of a month outlives it: clocks differ, and a report may be late.
const MONTH_KEPT: Duration = Duration::from_hours(24);

impl SharedBudgets {
    /// Asks nothing yet. A call begins at most `longest` after its reservation; there are at most so many replicas.
    #[must_use]
    pub fn new(
        redis: Arc<RedisClient>,
        prefix: &str,
        longest: Duration,
        replicas: NonZeroU32,
    ) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("budget.lua")),
            prefix: format!("{{{prefix}}}:budget:"),
            process: random::uuid(),
            longest,
            replicas,
            clock: ScriptClock::default(),
        }
    }

    /// The part of a budget that this replica keeps to alone: of a minute its share, of a month all, because what other
    /// replicas used before is known.
    #[must_use]
    pub fn share_of(&self, budget: Budget) -> Budget {
        let share =
            |all: NonZeroU32| NonZeroU32::new(all.get() / self.replicas).unwrap_or(NonZeroU32::MIN);
        Budget { per_minute: budget.per_minute.map(share), ..budget }
    }

    /// Reserves a call that begins within `begins_within`, if the budget allows one more.
    pub async fn reserve(
        &self,
        question: BudgetQuestion<'_>,
        id: HoldId,
        begins_within: Duration,
    ) -> Result<BudgetReply, Unavailable> {
        let reply = self.call("reserve", question, id, begins_within);
        self.redis.run("budget", &reply).await.map(|it: Vec<u64>| read(&it))
    }

    /// Whether the budget allows one more call. Reserves nothing.
    pub async fn look(&self, question: BudgetQuestion<'_>) -> Result<BudgetReply, Unavailable> {
        let reply = self.call("look", question, HoldId(0), Duration::ZERO);
        self.redis.run("budget", &reply).await.map(|it: Vec<u64>| read(&it))
    }

    /// A call that was reserved by this question begins now.
    pub async fn begun(&self, question: BudgetQuestion<'_>, id: HoldId) -> Result<(), Unavailable> {
        self.redis.run("budget", &self.call("begun", question, id, Duration::ZERO)).await
    }

    /// A call that was reserved by this question, or may have been, does not begin.
    pub async fn returned(
        &self,
        question: BudgetQuestion<'_>,
        id: HoldId,
    ) -> Result<(), Unavailable> {
        self.redis.run("budget", &self.call("returned", question, id, Duration::ZERO)).await
    }

    fn call(
        &self,
        operation: &str,
        question: BudgetQuestion<'_>,
        id: HoldId,
        begins_within: Duration,
    ) -> ScriptInvocation<'_> {
        let BudgetQuestion { caller, budget, belief, month_ends_in } = question;
        let MonthBelief { month, calls, alone } = belief;
        let number = |limit: Option<NonZeroU32>| limit.map_or(0, NonZeroU32::get);
        let in_month = format!("{}{caller}:{month}", self.prefix);
        let mut call = self.script.key(format!("{}{caller}:minute", self.prefix));
        call.key(&in_month).key(format!("{in_month}:{}", self.process));
        call.arg(operation)
            .arg(self.clock.argument())
            .arg(id.0)
            .arg(number(budget.per_minute))
            .arg(number(budget.per_month))
            .arg(micros(begins_within))
            .arg(micros(self.longest))
            .arg(calls)
            .arg(alone)
            .arg(millis(month_ends_in + MONTH_KEPT));
        call
    }
}

/// Reads a reply. What cannot be is the largest that can.
fn read(reply: &[u64]) -> BudgetReply {
    let at = |place| number(reply, place);
    BudgetReply {
        calls_in_minute: u32::try_from(at(1)).unwrap_or(u32::MAX),
        frees_in: Duration::from_micros(at(2)).min(LONGEST_LEFT),
        calls_in_month: at(3),
        refused_by: match at(0) {
            1 => Some(BudgetSpan::Minute),
            2 => Some(BudgetSpan::Month),
            _ => None,
        },
    }
}
