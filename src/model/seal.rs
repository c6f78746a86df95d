//! Encrypts what is kept outside of the process, so that only holders of an app's secret can read it.

use std::fmt;

use rand::RngExt;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::SecretString;

use super::derived_key::{Purpose, derive};
use crate::random::generator;

/// Encrypts and decrypts with a key that is derived from an app's secret.
pub struct Seal(LessSafeKey);

impl Seal {
    /// The seal of an app.
    #[must_use]
    pub fn new(app_secret: &SecretString) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &derive(app_secret, Purpose::SharedState));
        Self(LessSafeKey::new(key.expect("the hash is as long as the key")))
    }

    /// Encrypts a text for one place: the name of its key in Redis or in the file. It cannot be decrypted at another
    /// one. A random nonce is safe for the few billion texts that one secret encrypts.
    #[must_use]
    pub fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = generator().random();
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut sealed,
            )
            .expect("it is far shorter than what can be sealed");
        [&nonce[..], &sealed].concat()
    }

    /// Decrypts a text that was encrypted for this place with the same secret. None if it was not.
    #[must_use]
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(secret: &str) -> Seal {
        Seal::new(&SecretString::from(secret))
    }

    #[test]
    fn what_was_sealed_is_opened_with_the_same_secret_at_the_same_place() {
        let sealed = seal("one").seal("here", b"token");
        assert_eq!(seal("one").open("here", &sealed).as_deref(), Some(&b"token"[..]));
        assert_eq!(seal("one").open("there", &sealed), None);
        assert_eq!(seal("other").open("here", &sealed), None);
    }

    #[test]
    fn what_was_tampered_with_is_not_opened() {
        let sealed = seal("one").seal("here", b"token");
        for place in 0..sealed.len() {
            let mut other = sealed.clone();
            other[place] ^= 1;
            assert_eq!(seal("one").open("here", &other), None, "{place}");
            assert_eq!(seal("one").open("here", &sealed[..place]), None, "{place}");
        }
    }

    #[test]
    fn the_same_is_never_sealed_the_same_way_and_shows_nothing() {
        let (one, other) = (seal("one").seal("here", b"token"), seal("one").seal("here", b"token"));
        assert_ne!(one, other);
        assert!(!one.windows(5).any(|part| part == b"token"));
        assert_eq!(format!("{:?}", seal("one")), "Seal");
    }
}
