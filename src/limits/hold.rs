//! What an attempt holds of a receiver's limit while it is under way.

use rand::RngExt;

use crate::clock::Moment;
use crate::random::generator;

/// What an attempt holds of a receiver's limit, from the grant to the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// When this process granted it.
    pub taken_at: Moment,
    /// Its id and its slot in Redis, where replicas share the limits. The slot is known once Redis answers.
    pub shared: Option<(HoldId, Option<Slot>)>,
}

/// One of a receiver's window slots in Redis, named by the moment on Redis' clock at which it becomes free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(super) u64);

/// Names an attempt in Redis, so that a replica can release its hold without having heard Redis' answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldId(pub(super) u64);

impl HoldId {
    /// A new id; 53 random bits make a collision among the few attempts of one receiver unlikely.
    #[must_use]
    pub fn random() -> Self {
        // A number in Lua is exact up to 53 bits.
        Self(generator().random::<u64>() >> 11)
    }
}
