//! The budgets of callers: how many calls to Feishu may be made for each of them.
//!
//! An attempt reserves a call before it waits for its permit, and the call counts from then on. Where replicas share
//! their limits, Redis decides; this process knows its own calls beside that, and decides alone while Redis is gone. It
//! is told what became of a reservation by a task that nobody waits for.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use crate::clock::{Clock, Moment};
use crate::limits::{
    BudgetQuestion, BudgetReply, BudgetSpan, BudgetStanding, BudgetUse, CountedBy, HoldId, Month,
    MonthBelief, OverBudget, SharedBudgets,
};
use crate::model::api_key::{Caller, KeyEntry};
use crate::model::share::Budget;
use crate::telemetry::metrics::CallerBudget;

/// The budgets of all callers. Nothing is asked of it for a caller without one.
#[derive(Debug)]
pub struct CallerBudgets {
    clock: Clock,
    /// Where replicas share the budgets.
    shared: Option<SharedBudgets>,
    state: Mutex<KnownBudgets>,
}

#[derive(Debug, Default)]
struct KnownBudgets {
    /// The budgets that are configured.
    configured: BTreeMap<Arc<str>, Budget>,
    used: HashMap<Arc<str>, BudgetUse>,
}

/// A call of a caller's budget. Unless it begins, dropping this gives it back.
#[derive(Debug)]
#[must_use]
pub(super) struct ReservedCall {
    budgets: Arc<CallerBudgets>,
    caller: Arc<str>,
    budget: Budget,
    counted: CountedBy,
    /// The name of the call in Redis and the month, if Redis was asked for it.
    in_redis: Option<(HoldId, MonthBelief)>,
    has_begun: bool,
}

impl CallerBudgets {
    /// Nothing was used yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, shared: None, state: Mutex::default() }
    }

    /// Budgets that are shared with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedBudgets) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// The API keys have these budgets from now on. What was used of a budget stays used; without one it is forgotten.
    pub(super) fn configure(&self, keys: &BTreeMap<String, KeyEntry>) {
        let limited = keys.iter().filter(|(_, key)| !key.budget.is_unlimited());
        let configured = limited.map(|(name, key)| (name.as_str().into(), key.budget));
        let mut state = self.state();
        state.configured = configured.collect();
        let KnownBudgets { configured, used } = &mut *state;
        used.retain(|name, used| configured.contains_key(name) || used.is_reserved());
    }

    /// Reserves a call that begins by `until`. `is_shared`: whether Redis decides about the limits now.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        caller: &Caller,
        until: Moment,
        is_shared: bool,
    ) -> Result<ReservedCall, OverBudget> {
        let Some(shared) = &self.shared else { return self.reserve_here(caller, caller.budget) };
        if is_shared {
            // Whatever Redis' clock shows, and whether it was emptied, the calls of this process are no more than all.
            let minute = Budget { per_month: None, ..caller.budget };
            let mut reserved = self.reserve_here(caller, minute)?;
            let id = HoldId::random();
            let question = self.question(caller);
            // The future may be dropped before Redis answers, and Redis may have counted the call.
            reserved.in_redis = Some((id, question.belief));
            let begins_within = until.saturating_sub(self.clock.now());
            if let Ok(reply) = shared.reserve(question, id, begins_within).await {
                let is_reserved = reply.refused_by.is_none();
                if let Some(over) = self.heard(question, &reply, is_reserved) {
                    reserved.in_redis = None;
                    return Err(over);
                }
                reserved.counted = CountedBy::Redis(question.belief.month);
                return Ok(reserved);
            }
        }
        self.reserve_here(caller, shared.share_of(caller.budget))
    }

    /// Whether one more call could be reserved now. Reserves nothing.
    pub(super) async fn check(&self, caller: &Caller, is_shared: bool) -> Result<(), OverBudget> {
        let Some(shared) = &self.shared else { return self.check_here(caller, caller.budget) };
        if is_shared {
            self.check_here(caller, Budget { per_month: None, ..caller.budget })?;
            let question = self.question(caller);
            if let Ok(reply) = shared.look(question).await {
                return self.heard(question, &reply, false).map_or(Ok(()), Err);
            }
        }
        self.check_here(caller, shared.share_of(caller.budget))
    }

    /// How much of the caller's budget is left, as far as this process knows.
    pub(super) fn standing(&self, caller: &Caller, is_shared: bool) -> BudgetStanding {
        let budget = match &self.shared {
            Some(shared) if !is_shared => shared.share_of(caller.budget),
            _ => caller.budget,
        };
        self.with(&caller.name, |used| used.standing(budget, self.clock.now(), self.clock.wall()))
    }

    /// The budgets that are configured, and how much of each is used.
    pub(super) fn used(&self) -> Vec<CallerBudget> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut state = self.state();
        let KnownBudgets { configured, used } = &mut *state;
        let budgets = configured.iter().flat_map(|(caller, budget)| {
            let (minute, month) = used.get_mut(caller).map_or((0, 0), |it| it.used(now, wall));
            let of = |name, limit: Option<_>, used| {
                let caller = Arc::clone(caller);
                limit.map(|limit| CallerBudget { caller, budget: name, used, limit })
            };
            let minute = of("per_minute", budget.per_minute, minute);
            minute.into_iter().chain(of("per_month", budget.per_month, month))
        });
        budgets.collect()
    }

    fn reserve_here(
        self: &Arc<Self>,
        caller: &Caller,
        budget: Budget,
    ) -> Result<ReservedCall, OverBudget> {
        self.with(&caller.name, |used| used.reserve(budget, self.clock.now(), self.clock.wall()))?;
        Ok(ReservedCall {
            budgets: Arc::clone(self),
            caller: Arc::clone(&caller.name),
            budget: caller.budget,
            counted: CountedBy::Process,
            in_redis: None,
            has_begun: false,
        })
    }

    fn check_here(&self, caller: &Caller, budget: Budget) -> Result<(), OverBudget> {
        self.with(&caller.name, |used| used.check(budget, self.clock.now(), self.clock.wall()))
    }

    fn question<'a>(&self, caller: &'a Caller) -> BudgetQuestion<'a> {
        let wall = self.clock.wall();
        let month = Month::of(wall);
        BudgetQuestion {
            caller: &caller.name,
            budget: caller.budget,
            belief: self.with(&caller.name, |used| used.belief(month)),
            month_ends_in: month.ends_in(wall),
        }
    }

    /// Learns from Redis' answer, and returns why there may be no call. `is_reserved`: Redis has counted one.
    fn heard(
        &self,
        question: BudgetQuestion<'_>,
        reply: &BudgetReply,
        is_reserved: bool,
    ) -> Option<OverBudget> {
        let BudgetQuestion { caller, budget, belief, .. } = question;
        self.with(caller, |used| {
            used.heard(budget, belief, reply, self.clock.now());
            if is_reserved {
                used.counted_by_redis();
            }
        });
        match (reply.refused_by?, belief.month) {
            (BudgetSpan::Minute, _) => {
                let limit = budget.per_minute.map_or(0, NonZeroU32::get);
                Some(OverBudget::Minute { limit, retry_after: reply.frees_in })
            }
            (BudgetSpan::Month, month) => {
                let limit = budget.per_month.map_or(0, NonZeroU32::get);
                let retry_after = month.ends_in(self.clock.wall());
                Some(OverBudget::Month { limit, month, retry_after })
            }
        }
    }

    fn with<T>(&self, caller: &str, work: impl FnOnce(&mut BudgetUse) -> T) -> T {
        let mut state = self.state();
        if let Some(used) = state.used.get_mut(caller) {
            return work(used);
        }
        let new = BudgetUse::new(self.clock.wall());
        work(state.used.entry(caller.into()).or_insert(new))
    }

    fn state(&self) -> MutexGuard<'_, KnownBudgets> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReservedCall {
    /// The call begins now.
    pub(super) fn begin(mut self) {
        let Self { budgets, caller, budget, counted, .. } = &self;
        let clock = &budgets.clock;
        budgets.with(caller, |used| {
            used.begin(*counted, budget.per_minute.is_some(), clock.now(), clock.wall());
        });
        self.has_begun = true;
    }
}

impl Drop for ReservedCall {
    fn drop(&mut self) {
        let has_begun = self.has_begun;
        if !has_begun {
            self.budgets.with(&self.caller, |used| used.give_back(self.counted));
        }
        let Some((id, belief)) = self.in_redis else { return };
        let (budgets, caller) = (Arc::clone(&self.budgets), Arc::clone(&self.caller));
        let report = async move {
            let Some(shared) = &budgets.shared else { return };
            let month_ends_in = belief.month.ends_in(budgets.clock.wall());
            let budget = Budget::default();
            let question = BudgetQuestion { caller: &caller, budget, belief, month_ends_in };
            // If Redis does not hear it, the call counts there for a little longer, or once too often.
            let _ = if has_begun {
                shared.begun(question, id).await
            } else {
                shared.returned(question, id).await
            };
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(report);
        }
    }
}
