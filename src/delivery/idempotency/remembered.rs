//! How long a key counts, and what is known of one beyond the memory of this process.

use std::time::Duration;

use crate::clock::Stamp;
use crate::delivery::conclusion::Conclusion;

/// How long a key is remembered.
pub(super) const REMEMBERED: Duration = Duration::from_hours(1);

/// What the other replicas, or the file, know of a key that is led here.
#[derive(Debug)]
pub(in crate::delivery) enum RemoteClaim {
    /// No other replica forwards.
    Lead {
        /// When the first attempt was made, if one may have been delivered.
        first_attempt: Option<Stamp>,
        /// Whether Redis knows everything that any replica knows.
        is_whole: bool,
    },
    /// Another replica still forwards. Its first attempt was made then, or later.
    Busy(Stamp),
    /// Another replica, or an earlier process, has forwarded.
    Done(Conclusion),
    /// The key is in use for another forward.
    Reused,
}
