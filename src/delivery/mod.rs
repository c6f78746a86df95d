//! One forward: whether it may go, its attempts, and what became of it.
//!
//! [`Delivery`] is the service. A request passes `service`, `forwarding` (policy, key), `retry_loop` (token, permit,
//! retries) and `attempt` (the call), and comes back as a report. `context` holds what all forwards share.

mod agreement;
mod app;
mod attempt;
mod audit;
mod backoff;
mod caller_budgets;
mod circuit;
mod claim;
mod classify;
mod conclusion;
mod context;
mod dry_run;
mod error;
mod forwarding;
mod health;
mod horizon;
mod idempotency;
mod identity;
mod in_doubt;
mod refusals;
mod replication;
mod report;
mod request;
mod retry_budget;
mod retry_loop;
mod sent;
mod service;
#[cfg(test)]
mod tests;
mod tickets;

pub use app::App;
pub use caller_budgets::CallerBudgets;
pub use conclusion::PriorAttempts;
pub use context::{Context, DeliverySettings};
pub use dry_run::{DryRunAction, DryRunReport};
pub use error::{ForwardError, TokenError};
pub use health::AppHealth;
pub use idempotency::{Idempotency, KeptIdempotency, SharedIdempotency};
pub use in_doubt::{InDoubtRegister, SAFE_TO_REPEAT, SharedUuids};
pub use report::{ForwardReport, Timings};
pub use request::ForwardRequest;
pub use service::Delivery;
pub use tickets::TicketNotStored;
