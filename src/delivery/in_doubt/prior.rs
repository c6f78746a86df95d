//! What attempts came to, and for how long that counts.

use std::time::Duration;

use crate::clock::Stamp;

/// How long after the first attempt another one is safe: Feishu recognises a `uuid` for an hour (Feishu's
/// documentation), and an attempt takes its time to arrive.
pub const SAFE_TO_REPEAT: Duration = Duration::from_mins(55);
/// How long a doubt is remembered, so that a repetition that comes too late is not sent.
pub(in crate::delivery) const REMEMBERED: Duration = Duration::from_hours(24);
/// How long Feishu recognises a `uuid` (Feishu's documentation).
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum AttemptEnd {
    /// The message was delivered.
    Delivered,
    /// Nobody knows whether it was.
    Unknown,
    /// It was not delivered. That says nothing of other attempts.
    NotDelivered,
}

/// What the attempts of a forward came to so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Prior {
    /// One may have been delivered. The first attempt was made then.
    InDoubt(Stamp),
    /// One was delivered. The first attempt was made then.
    Delivered(Stamp),
}

impl Prior {
    /// When the first attempt was made.
    pub(in crate::delivery) fn first_attempt(self) -> Stamp {
        let (Self::InDoubt(stamp) | Self::Delivered(stamp)) = self;
        stamp
    }
}

/// The `uuid` is in use for another forward.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::delivery) struct UuidReused;
