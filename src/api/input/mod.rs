//! Reads what a caller sent into a forward request, or finds every mistake in it at once.
//!
//! Nothing here takes an HTTP request of actix, so that other routes and the fuzz targets can use it. They pass the
//! value from the path, the query, the headers and the body.

pub(crate) mod body;
pub(crate) mod forward;
pub(crate) mod headers;
mod misplaced;
pub(crate) mod mistakes;
pub(crate) mod query;
pub(crate) mod source;
