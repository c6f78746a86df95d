//! What can go wrong, in the words of the API.

mod facts;
mod kind;
mod table;

pub use facts::{Facts, FixBy, Outcome, Remedy};
pub use kind::ProblemKind;
