//! The ticket of a store app.

use jiff::Timestamp;
use secrecy::SecretString;

/// What Feishu pushes to a store app about once an hour, and wants to see before it gives out an app token.
#[derive(Clone, Debug)]
pub struct AppTicket {
    /// The ticket itself.
    pub ticket: SecretString,
    /// When Feishu sent it.
    pub sent_at: Timestamp,
}
