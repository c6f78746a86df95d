//! Chance that a seed decides, for simulations.

use std::cell::RefCell;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

thread_local! {
    static GENERATOR: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// While this lives, a seed decides all chance on this thread.
pub(crate) struct Seeded(());

impl Seeded {
    pub(crate) fn by(seed: u64) -> Self {
        GENERATOR.set(Some(StdRng::seed_from_u64(seed)));
        Self(())
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        GENERATOR.set(None);
    }
}

pub(super) fn is_installed() -> bool {
    GENERATOR.with_borrow(Option::is_some)
}

pub(super) fn draw<T>(draw: impl FnOnce(&mut dyn Rng) -> T) -> T {
    GENERATOR.with_borrow_mut(|it| draw(it.as_mut().expect("it is installed")))
}

#[cfg(test)]
mod tests {
    use crate::random::{Seeded, uuid};

    #[test]
    fn a_seed_decides_every_id() {
        let drawn = |seed| {
            let _seeded = Seeded::by(seed);
            (uuid(), uuid())
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert_ne!(uuid(), uuid());
    }
}
