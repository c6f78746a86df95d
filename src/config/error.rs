//! What is wrong with a configuration.

use thiserror::Error;

use super::key::dotted;

/// One thing that is wrong with the configuration.
///
/// It never holds a value that was set: the value may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key}: {detail}")]
pub struct ConfigError {
    /// The dotted key, or the path of a file that cannot be read at all.
    pub key: String,
    /// What is wrong, and in which file or variable.
    pub detail: String,
}

impl ConfigError {
    /// An error at a key, given by its segments.
    #[must_use]
    pub fn at<S: AsRef<str>>(key: &[S], detail: impl Into<String>) -> Self {
        Self { key: dotted(key), detail: detail.into() }
    }
}
