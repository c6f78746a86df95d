//! The SQLite file of a single process, which keeps what a restart must not forget.
//!
//! One thread owns the file. Jobs that wait together are committed together, so that a disk that takes milliseconds for a
//! commit does not limit how much is written.

mod database;
mod error;
mod open;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

pub use database::Database;
pub use error::{DatabaseError, OpenError};
#[cfg(test)]
pub(crate) use simulated::SimulatedDisk;
