//! Why a ticket is only in the memory of the process.

use thiserror::Error;

/// The ticket is used, but it was not stored: a restart, or another replica, would not know it. The text has no ticket.
#[derive(Clone, Debug, Error)]
#[error("the app ticket was not stored: {0}")]
pub struct TicketNotKept(pub(super) String);
