//! The signature of an event.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The three headers that sign an event, as they came.
///
/// The age of the timestamp is not checked. Feishu repeats an event for more than 7 hours, and whether a repetition has a
/// new timestamp is not documented: a bound below that could lose a ticket, and a wrong clock would lose all of them. An
/// old request that somebody sends again does nothing, because its id is known or its ticket is older than the kept one.
#[derive(Clone, Copy, Debug)]
pub struct EventSignature<'a> {
    /// `X-Lark-Request-Timestamp`.
    pub timestamp: &'a [u8],
    /// `X-Lark-Request-Nonce`.
    pub nonce: &'a [u8],
    /// `X-Lark-Signature`.
    pub signature: &'a [u8],
}

impl EventSignature<'_> {
    /// Whether it is that of the body: lower-case hexadecimal SHA-256 of timestamp, nonce, Encrypt Key and raw body.
    pub(super) fn is_right(&self, encrypt_key: &SecretString, body: &[u8]) -> bool {
        let digest = Sha256::new()
            .chain_update(self.timestamp)
            .chain_update(self.nonce)
            .chain_update(encrypt_key.expose_secret())
            .chain_update(body)
            .finalize();
        hex::encode(digest).as_bytes().ct_eq(self.signature).into()
    }
}
