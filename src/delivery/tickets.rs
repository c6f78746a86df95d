//! Why a store app's ticket is not kept.

use thiserror::Error;

/// A store app's ticket could not be stored. Feishu pushes it again.
#[derive(Debug, Error)]
#[error("the ticket could not be stored: {0}")]
pub struct TicketNotStored(pub String);
