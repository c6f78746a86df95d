//! An app ticket.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::model::seal::Seal;

/// How long a ticket is kept outside of the process. Feishu pushes one about every hour; its Go SDK keeps one as long.
pub(super) const KEPT: Duration = Duration::from_hours(12);
/// The longest ticket, in bytes. Real ones have about forty characters.
const LONGEST: usize = 1024;

/// The ticket that Feishu pushes to a store app, without which it issues no app token.
#[derive(Clone, Debug)]
pub struct AppTicket {
    /// The ticket.
    pub ticket: SecretString,
    /// When Feishu sent it, in whole milliseconds.
    pub sent_at: Timestamp,
}

impl AppTicket {
    /// Whether the text can be a ticket: up to 1024 visible ASCII characters.
    pub(super) fn is_one(&self) -> bool {
        let ticket = self.ticket.expose_secret();
        (1..=LONGEST).contains(&ticket.len()) && ticket.bytes().all(|it| it.is_ascii_graphic())
    }

    /// Encrypts the ticket for this place.
    pub(super) fn sealed(&self, seal: &Seal, place: &str) -> Vec<u8> {
        seal.seal(place, self.ticket.expose_secret().as_bytes())
    }

    /// A ticket that was encrypted for this place with the same secret. None if it was not.
    pub(super) fn open(seal: &Seal, place: &str, sealed: &[u8], sent_at: i64) -> Option<Self> {
        let ticket = String::from_utf8(seal.open(place, sealed)?).ok()?.into();
        let sent_at = Timestamp::from_millisecond(sent_at).ok()?;
        Some(Self { ticket, sent_at }).filter(Self::is_one)
    }
}
