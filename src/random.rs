//! Chance. Every part that needs a random number or a new id asks here. Clippy forbids asking the machine for chance
//! anywhere else (`clippy.toml`), so that a simulation can replay what happened from a seed.

#[cfg(test)]
mod seeded;

use std::convert::Infallible;

use jiff::Timestamp;
use rand::{CryptoRng, Rng, RngExt, TryCryptoRng, TryRng};
use uuid::{Builder, Uuid};

#[cfg(test)]
pub(crate) use seeded::Seeded;

/// The generator of this thread. It is cryptographically secure, and the operating system seeds it; in a simulation,
/// the simulation's seed does.
#[must_use]
pub fn generator() -> impl CryptoRng {
    Generator
}

/// A random id.
#[must_use]
pub fn uuid() -> Uuid {
    Builder::from_random_bytes(Generator.random()).into_uuid()
}

/// A random id that begins with a time, in whole milliseconds: later ones sort behind earlier ones.
#[must_use]
pub fn uuid_of(time: Timestamp) -> Uuid {
    let millis = u64::try_from(time.as_millisecond()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &Generator.random()).into_uuid()
}

struct Generator;

#[expect(clippy::disallowed_methods, reason = "the only module that asks the machine")]
fn draw<T>(draw: impl FnOnce(&mut dyn Rng) -> T) -> T {
    #[cfg(test)]
    if seeded::is_installed() {
        return seeded::draw(draw);
    }
    draw(&mut rand::rng())
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(draw(|it| it.next_u32()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(draw(|it| it.next_u64()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        draw(|it| it.fill_bytes(bytes));
        Ok(())
    }
}

impl TryCryptoRng for Generator {}
