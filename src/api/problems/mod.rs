//! Failures on their way to the caller, as RFC 9457 writes them.

pub(crate) mod body;
pub(crate) mod not_found;
pub(crate) mod of_forward;
pub(crate) mod past;
pub(crate) mod problem;
