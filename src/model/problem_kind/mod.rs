//! The problems that the API reports, and the table of facts about each.

mod facts;
mod kind;
mod table;

pub use facts::{Facts, FixBy, Outcome, Remedy};
pub use kind::ProblemKind;
