//! HTTP out: Feishu's wire protocol, and nothing of the gateway's own API.

pub mod client;
pub mod codes;
mod connections;
pub mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod said;
pub mod shared_token;
#[cfg(test)]
pub(crate) mod stand_in;
pub mod token;
mod wire;
