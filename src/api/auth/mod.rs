//! From an API key, or a token that was made for one, to the caller that it belongs to.

pub(crate) mod extractor;
pub mod keyring;
pub(crate) mod sender;
mod token_signer;
pub(crate) mod unauthorized;
