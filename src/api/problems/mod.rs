//! Failures on their way to the caller (RFC 9457).

pub(crate) mod body;
pub(crate) mod forward_failure;
pub(crate) mod not_found;
pub(crate) mod problem;
