//! What a turn holds until it is said what became of its message.

use crate::clock::Moment;

/// What a turn holds of a receiver's limit until it is said what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// When it was taken here.
    pub taken_at: Moment,
    /// Its name and its cell in Redis, where replicas share it.
    pub shared: Option<(Asker, Option<Cell>)>,
}

/// One of a receiver's cells, by the moment on Redis' clock until which it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell(pub(super) u64);

/// What a replica calls an attempt that asks for a turn, so that it can be given back unheard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker(pub(super) u64);

impl Asker {
    /// Most likely nobody else's.
    #[must_use]
    pub fn random() -> Self {
        // Lua's numbers are whole up to 53 bits.
        Self(rand::random::<u64>() >> 11)
    }
}
