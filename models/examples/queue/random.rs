//! The machine's chance: ids of holds are compared and nothing else.

/// A generator of random numbers.
pub(crate) fn generator() -> impl rand::Rng {
    rand::rng()
}
