//! What became of a request.

use std::time::Duration;

use super::conclusion::PriorAttempts;
use super::error::ForwardError;
use crate::feishu::error::Forwarded;
use crate::limits::{BudgetStanding, Standing};

/// What became of a request.
#[derive(Debug)]
pub struct ForwardReport {
    /// The new message, or why there is none.
    pub result: Result<Forwarded, ForwardError>,
    /// If it failed: what is known of the attempts so far.
    pub prior_attempts: PriorAttempts,
    /// Whether another request with the same key led the forward.
    pub is_replayed: bool,
    /// How many calls were made.
    pub attempts: u32,
    /// Where the time went.
    pub timings: Timings,
    /// How much of the receiver's limit is left.
    pub standing: Standing,
    /// How much of the caller's budget is left.
    pub budget: BudgetStanding,
}

/// Where the time of a forward went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Waiting for permits.
    pub wait: Duration,
    /// Getting tenant tokens.
    pub token: Duration,
    /// Waiting for Feishu's answers.
    pub feishu: Duration,
    /// From the beginning to the end.
    pub total: Duration,
}
