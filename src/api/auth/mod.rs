//! From an API key to the caller.

pub(crate) mod extractor;
pub mod keyring;
pub(crate) mod unauthorized;
