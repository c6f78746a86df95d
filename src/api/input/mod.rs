//! From what a caller sent to a forward's order, or to every mistake in it at once.
//!
//! Nothing here takes an HTTP request of actix, so that other doors can use it: they hand in the path's
//! value, the query, the headers and the body.

mod body;
pub(crate) mod forward;
pub(crate) mod headers;
mod misplaced;
mod mistakes;
mod query;
