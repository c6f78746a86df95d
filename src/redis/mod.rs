//! The Redis that replicas share: one connection, short time-outs, and no request that waits for it.

mod checkpoint;
mod client;
mod durability;
#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod unavailable;

pub use checkpoint::Checkpoint;
pub use client::{RedisClient, RedisSettings};
pub use durability::Durability;
pub use unavailable::{TIMEOUT, Unavailable};
