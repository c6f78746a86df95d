//! How a forward ended, and what is known of its attempts.

use jiff::Timestamp;

use super::error::ForwardError;
use crate::clock::Stamp;
use crate::feishu::error::Forwarded;

/// How a forward ended, for every request that asks for it.
#[derive(Clone, Debug)]
pub(super) struct Conclusion {
    pub(super) result: Result<Forwarded, ForwardError>,
    /// When the first attempt was made, if it is unknown whether one was delivered.
    pub(super) in_doubt_since: Option<Stamp>,
    /// How much is known of the attempts so far, if none was delivered as far as is known.
    pub(super) known: Known,
}

/// How much is known of the attempts that were made under the key or the `uuid` of a failed forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Every attempt.
    Wholly,
    /// Every attempt since then.
    Since(Timestamp),
    /// The attempts of this replica, and not those of the others. The forward ended then.
    NotByOthers(Stamp),
}

/// What is known of the attempts of a failed forward, including those of other requests with its `uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorAttempts {
    /// None was delivered.
    NotSent,
    /// None was delivered since then. The gateway knows nothing of earlier attempts.
    NotSentSince(Timestamp),
    /// This replica delivered none, but another one may have: Redis cannot be asked, or does not know yet what
    /// it knew before. Until then a repetition with the same `uuid` is safe, as far as this replica knows.
    Unconfirmed(Timestamp),
    /// One may have been delivered. Until then a repetition with the same `uuid` is safe.
    InDoubt(Timestamp),
    /// One was delivered. Until then a repetition with the same `uuid` is safe.
    Delivered(Timestamp),
}

impl Conclusion {
    /// A failure before any attempt.
    pub(super) fn failed(error: ForwardError) -> Self {
        Self { result: Err(error), in_doubt_since: None, known: Known::Wholly }
    }

    /// Whether another attempt would end alike: the message was delivered, or Feishu refused it for good. A
    /// failure that passes by itself, or that an operator can remove, is not final.
    pub(super) fn is_final(&self) -> bool {
        match &self.result {
            Ok(_) => true,
            Err(error) => {
                let is_unsure = matches!(self.known, Known::NotByOthers(_));
                self.in_doubt_since.is_none() && !is_unsure && error.is_final()
            }
        }
    }
}

impl PriorAttempts {
    /// Until when a repetition with the same `uuid` is safe, if the message may have been delivered.
    #[must_use]
    pub fn safe_retry_until(self) -> Option<Timestamp> {
        match self {
            Self::Unconfirmed(until) | Self::InDoubt(until) | Self::Delivered(until) => Some(until),
            Self::NotSent | Self::NotSentSince(_) => None,
        }
    }
}
