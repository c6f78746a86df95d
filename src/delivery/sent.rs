//! What this replica has sent, for the replicas that hear of it again.

use super::identity::Digest;
use crate::clock::Stamp;
use crate::model::idempotency_key::IdempotentForward;

/// A forward that was delivered, or may have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<N> {
    /// The name by which other replicas know it.
    pub(super) name: N,
    /// No attempt was made before.
    pub(super) first_attempt: Stamp,
    pub(super) fate: Fate,
}

/// What was delivered, or may have been, since some moment.
#[derive(Debug, Default)]
pub(super) struct ChangedSince {
    /// By the caller's `uuid`, and what that is used for.
    pub(super) by_uuid: Vec<Sent<(Digest, Digest)>>,
    /// By the caller's key.
    pub(super) by_key: Vec<Sent<IdempotentForward>>,
}

/// What became of a forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was delivered.
    Delivered,
    /// Nobody knows.
    Unknown,
    /// It is under way. What Redis knows of it is as good.
    UnderWay,
}

impl Fate {
    /// The name in the scripts.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "out",
            Self::Unknown => "unknown",
            Self::UnderWay => "under_way",
        }
    }
}
