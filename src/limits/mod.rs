//! Feishu's rate limits, kept exactly, and what Feishu's refusals teach.
//!
//! [`Limiter`] decides: a call may go now, or not before a moment. A decision is a function of earlier
//! decisions and of the moment that the caller passes in. No decision waits, and none reads a clock. Only
//! [`SharedLimits`], the client of the limits that replicas keep in Redis, waits for answers.

mod bucket;
mod budget;
mod cooldown;
mod decision;
mod gcra;
mod hold;
mod key;
mod limiter;
mod month;
mod pace;
mod rules;
mod server_clock;
mod shared;
mod shared_budgets;
mod slots;
#[cfg(test)]
mod tests;
mod windows;

pub use budget::{
    BudgetReply, BudgetSpan, BudgetStanding, BudgetUse, CountedBy, MonthBelief, OverBudget,
};
pub use decision::{Ahead, Grant, NotBefore, Scope, Standing};
pub use hold::{Hold, HoldId, Slot};
pub use key::LimitKey;
pub use limiter::Limiter;
pub use month::Month;
pub use pace::AppPace;
pub use rules::Rules;
pub use server_clock::{ClockStep, ServerClock};
pub use shared::{AppBlock, Feedback, Heartbeat, ServerTime, SharedLimits, TakeReply};
pub(crate) use shared::{OVERLAP, epoch_key};
pub use shared_budgets::{BudgetQuestion, SharedBudgets};
pub use slots::Evicted;
