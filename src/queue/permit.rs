//! The permit to make one attempt.

use std::time::Duration;

use crate::limits::Hold;

/// The permit to make one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// How long the forward waited for it.
    pub waited: Waited,
    /// Whether the attempt probes a receiver that is cooling down.
    pub is_probe: bool,
    /// What the attempt holds of the receiver's limit.
    pub hold: Hold,
}

/// How long a forward waited for a permit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// For the receiver's limit.
    pub receiver: Duration,
    /// For the app's limits.
    pub app: Duration,
}
