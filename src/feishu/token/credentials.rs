//! An app's credentials.

use secrecy::SecretString;

/// An app's credentials.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The app's id, `cli_…`.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: SecretString,
}
