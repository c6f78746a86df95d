//! From an API key to the caller that it belongs to.

pub(crate) mod extractor;
pub mod keyring;
pub(crate) mod unauthorized;
