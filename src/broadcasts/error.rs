//! Why a request about broadcasts was refused.

use thiserror::Error;

use super::store::StoreError;

/// A request about broadcasts that was refused. Nothing was accepted or changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BroadcastError {
    /// The caller has no such broadcast.
    #[error("the broadcast does not exist")]
    NotFound,
    /// Every receiver of the broadcast has a final state already.
    #[error("the broadcast has ended")]
    Ended,
    /// The policy of the API key does not allow the receivers at these places.
    #[error("the caller may not forward to {} of the receivers", .0.len())]
    NotAllowed(Vec<u32>),
    /// No receiver of the broadcast is in one of the states that are to be retried.
    #[error("there is no receiver to retry")]
    NobodyToRetry,
    /// The caller has that many active broadcasts, which is the most.
    #[error("{0} broadcasts are active")]
    TooMany(u32),
    /// The caller's key is that of another broadcast.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The gateway shuts down.
    #[error("the gateway is shutting down")]
    Draining,
    /// The store failed. A repetition with the same key is safe.
    #[error("{0}")]
    Unavailable(#[from] StoreError),
}
