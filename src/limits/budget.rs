//! How much of its budget a caller has used: the calls to Feishu of the last minute, and those of the calendar month.
//!
//! The last minute is a log of the moments at which calls began, which is exact in any span. A bucket is not, and so
//! neither is governor: one that holds N calls and refills by N a minute lets almost 2N through some minute. As many
//! slots as calls, each taken for a minute, as receivers have (`windows.rs`), would be as exact. But a budget may be
//! 100 000 calls, and one has to look for a free slot, while the oldest call of a log is its first. No guard is added:
//! the budget is the gateway's own rule, which nobody counts by another clock.
//!
//! A call is reserved before it waits for its permit and counts from then on as one that begins now. So neither its
//! wait nor a new month makes room for more calls than there may be.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::decision::Standing;
use super::month::Month;
use crate::clock::Moment;
use crate::model::problem_kind::ProblemKind;
use crate::model::share::Budget;

/// The span of `per_minute`.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// Why a caller's budget allows no call now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OverBudget {
    /// As many calls have begun within a minute as may, or are about to.
    #[error("the caller makes more than {limit} calls in a minute")]
    Minute {
        /// How many calls may begin within a minute.
        limit: u32,
        /// Time until there may be one more.
        retry_after: Duration,
    },
    /// The calls of the month are used up.
    #[error("the caller's {limit} calls of {month} are used up")]
    Month {
        /// How many calls may begin within a month.
        limit: u32,
        /// The month.
        month: Month,
        /// Time until the month is over.
        retry_after: Duration,
    },
}

impl OverBudget {
    /// The problem that the caller is answered.
    #[must_use]
    pub const fn problem(&self) -> ProblemKind {
        match self {
            Self::Minute { .. } => ProblemKind::CallerRateLimited,
            Self::Month { .. } => ProblemKind::CallerQuotaExhausted,
        }
    }
}

/// How much of a caller's budget is left, where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetStanding {
    /// Of `per_minute`.
    pub minute: Option<Standing>,
    /// Of `per_month`. It resets when the month is over.
    pub month: Option<Standing>,
}

/// Who has counted a reserved call for its month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedBy {
    /// This process.
    Process,
    /// Redis, in this month.
    Redis(Month),
}

/// What a process believes of a caller's calls in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthBelief {
    /// The month.
    pub month: Month,
    /// How many calls all processes made, as far as this one knows.
    pub calls: u64,
    /// How many of them this process made without asking Redis.
    pub alone: u64,
}

/// What Redis says of a caller's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetReply {
    /// How many calls of the last minute count, reserved ones included.
    pub calls_in_minute: u32,
    /// Time until one more call may begin, or until the oldest one no longer counts.
    pub frees_in: Duration,
    /// How many calls of the month count, reserved ones included.
    pub calls_in_month: u64,
    /// Which part of the budget allows no more, if one does.
    pub refused_by: Option<BudgetSpan>,
}

/// A part of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetSpan {
    /// `per_minute`.
    Minute,
    /// `per_month`.
    Month,
}

/// How much of its budget one caller has used.
#[derive(Debug)]
pub struct BudgetUse {
    /// When the calls of the last minute began, the oldest first.
    begun: VecDeque<Moment>,
    /// The calls that are reserved and have not begun.
    reserved: u32,
    /// Those of them that no month of Redis counts.
    uncounted: u32,
    /// What Redis said last of the minute, and until when it holds at least.
    heard: Option<(Standing, Moment)>,
    month: MonthUse,
    /// The month that the clock showed before. A clock that is set to another month and back finds what was used.
    other_month: Option<MonthUse>,
}

/// How many calls began in a month.
#[derive(Clone, Copy, Debug)]
struct MonthUse {
    month: Month,
    /// What Redis said last. Zero without Redis.
    heard: u64,
    /// The calls of this process that it did not ask Redis for.
    alone: u64,
    /// How many of these Redis had been told when it said `heard`.
    told: u64,
}

impl MonthUse {
    fn new(month: Month) -> Self {
        Self { month, heard: 0, alone: 0, told: 0 }
    }

    fn calls(&self) -> u64 {
        self.heard.saturating_add(self.alone.saturating_sub(self.told))
    }
}

impl BudgetUse {
    /// Nothing was used before `wall`.
    #[must_use]
    pub fn new(wall: Timestamp) -> Self {
        Self {
            begun: VecDeque::new(),
            reserved: 0,
            uncounted: 0,
            heard: None,
            month: MonthUse::new(Month::of(wall)),
            other_month: None,
        }
    }

    /// Whether one more call may begin now.
    pub fn check(
        &mut self,
        budget: Budget,
        now: Moment,
        wall: Timestamp,
    ) -> Result<(), OverBudget> {
        let calls = self.in_month(Month::of(wall));
        if let Some(limit) = budget.per_month.filter(|limit| calls >= u64::from(limit.get())) {
            let (month, limit) = (Month::of(wall), limit.get());
            return Err(OverBudget::Month { limit, month, retry_after: month.ends_in(wall) });
        }
        self.forget(now);
        if let Some(limit) = budget.per_minute.filter(|limit| self.in_minute() >= limit.get()) {
            let surplus = self.in_minute() - limit.get();
            let retry_after = self.frees_in(surplus as usize, now);
            return Err(OverBudget::Minute { limit: limit.get(), retry_after });
        }
        Ok(())
    }

    /// Reserves a call, which this process counts for the month.
    pub fn reserve(
        &mut self,
        budget: Budget,
        now: Moment,
        wall: Timestamp,
    ) -> Result<(), OverBudget> {
        self.check(budget, now, wall)?;
        self.reserved += 1;
        self.uncounted += 1;
        Ok(())
    }

    /// Redis has counted a reserved call.
    pub fn counted_by_redis(&mut self) {
        self.uncounted = self.uncounted.saturating_sub(1);
    }

    /// A reserved call begins. `is_logged`: whether the caller has a budget for a minute.
    pub fn begin(&mut self, counted: CountedBy, is_logged: bool, now: Moment, wall: Timestamp) {
        self.reserved = self.reserved.saturating_sub(1);
        if counted == CountedBy::Process {
            self.uncounted = self.uncounted.saturating_sub(1);
            self.month_use(Month::of(wall)).alone += 1;
        }
        if is_logged {
            self.forget(now);
            self.begun.push_back(self.begun.back().map_or(now, |last| now.max(*last)));
        }
    }

    /// A reserved call will not begin.
    pub fn give_back(&mut self, counted: CountedBy) {
        self.reserved = self.reserved.saturating_sub(1);
        match counted {
            CountedBy::Process => self.uncounted = self.uncounted.saturating_sub(1),
            CountedBy::Redis(month) => {
                let calls = &mut self.month_use(month).heard;
                *calls = calls.saturating_sub(1);
            }
        }
    }

    /// What this process believes of a month, for Redis.
    pub fn belief(&mut self, month: Month) -> MonthBelief {
        let known = self.month_use(month);
        MonthBelief { month, calls: known.calls(), alone: known.alone }
    }

    /// Redis has answered a question with this belief.
    pub fn heard(&mut self, budget: Budget, belief: MonthBelief, reply: &BudgetReply, now: Moment) {
        let known = self.month_use(belief.month);
        known.heard = reply.calls_in_month;
        known.told = belief.alone;
        self.heard = budget.per_minute.map(|limit| {
            let remaining = limit.get().saturating_sub(reply.calls_in_minute);
            (Standing { remaining, reset: reply.frees_in }, now + reply.frees_in)
        });
    }

    /// How much of the budget is left.
    pub fn standing(&mut self, budget: Budget, now: Moment, wall: Timestamp) -> BudgetStanding {
        self.forget(now);
        let calls = self.in_month(Month::of(wall));
        let minute = budget.per_minute.map(|limit| {
            let remaining = limit.get().saturating_sub(self.in_minute());
            let is_whole = remaining == limit.get();
            let reset = if is_whole { Duration::ZERO } else { self.frees_in(0, now) };
            let own = Standing { remaining, reset };
            // What other replicas use counts too.
            let heard =
                self.heard.filter(|(heard, until)| *until > now && heard.remaining < remaining);
            heard.map_or(own, |(heard, until)| Standing {
                reset: until.saturating_sub(now),
                ..heard
            })
        });
        let month = budget.per_month.map(|limit| Standing {
            remaining: left(limit.get(), calls),
            reset: Month::of(wall).ends_in(wall),
        });
        BudgetStanding { minute, month }
    }

    /// How many calls began or are reserved: of this process in the last minute, and in the month.
    pub fn used(&mut self, now: Moment, wall: Timestamp) -> (u64, u64) {
        self.forget(now);
        (self.in_minute().into(), self.in_month(Month::of(wall)))
    }

    /// Whether calls are reserved.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.reserved > 0
    }

    /// Forgets what began a minute ago or earlier.
    fn forget(&mut self, now: Moment) {
        while self.begun.front().is_some_and(|begun| *begun + MINUTE <= now) {
            self.begun.pop_front();
        }
        if self.begun.is_empty() {
            self.begun.shrink_to_fit();
        }
    }

    fn in_minute(&self) -> u32 {
        u32::try_from(self.begun.len()).unwrap_or(u32::MAX).saturating_add(self.reserved)
    }

    /// The calls of a month, those included that are reserved.
    fn in_month(&mut self, month: Month) -> u64 {
        self.month_use(month).calls().saturating_add(self.uncounted.into())
    }

    /// Time until the call after the oldest `surplus` ones no longer counts.
    fn frees_in(&self, surplus: usize, now: Moment) -> Duration {
        // A reserved call counts for a minute more at least.
        let begun = self.begun.get(surplus).copied().unwrap_or(now);
        (begun + MINUTE).saturating_sub(now)
    }

    fn month_use(&mut self, month: Month) -> &mut MonthUse {
        if self.month.month != month {
            let known = self.other_month.filter(|other| other.month == month);
            self.other_month = Some(self.month);
            self.month = known.unwrap_or(MonthUse::new(month));
        }
        &mut self.month
    }
}

fn left(limit: u32, calls: u64) -> u32 {
    limit.saturating_sub(u32::try_from(calls).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
