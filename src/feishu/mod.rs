//! Feishu's API: its calls, its result codes, its tenant tokens and the events that it pushes. It knows nothing of the gateway's own API
//! but the problems that Feishu's codes stand for.

pub mod client;
pub mod codes;
mod connections;
pub mod error;
pub mod events;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod lenient;
pub mod options;
pub mod token;
mod wire;

pub use connections::{http_client, is_loopback};
pub(crate) use lenient::line as one_line;
