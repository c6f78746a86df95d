//! The hash of an API key, the only form in which the gateway stores a key.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The SHA-256 of a whole API key. Its text is `sha256:` and 64 hexadecimal digits.
///
/// A slow password hash is not needed: unlike a password, a key of 256 random bits cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of `key`. The key need not have the format of a generated key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// The public id of the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let (id, _) = self.0.split_first_chunk().expect("32 bytes are more than 8");
        KeyId(*id)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The public id of an API key: the first bytes of its hash. Whoever knows it can neither find the key nor the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; Self::BYTES]);

impl KeyId {
    /// The length in bytes.
    pub(crate) const BYTES: usize = 8;
}

/// The error for a text that is not the hash of a key. It omits the text, which may be a key in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `sha256:` and the 64 hex digits of the API key's SHA-256; `keys new NAME` prints one"
)]
pub struct InvalidKeyHash;

impl FromStr for KeyHash {
    type Err = InvalidKeyHash;

    fn from_str(text: &str) -> Result<Self, InvalidKeyHash> {
        let digits = text.strip_prefix("sha256:").ok_or(InvalidKeyHash)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).map_err(|_| InvalidKeyHash)?;
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_is_the_sha256_of_the_whole_text() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyHash::of("abc").to_string(), abc);
    }

    #[test]
    fn hex_digits_may_be_capitals() {
        let hash = KeyHash::of("abc");
        let capitals = hash.to_string()[7..].to_uppercase();
        assert_eq!(format!("sha256:{capitals}").parse(), Ok(hash));
    }

    #[test]
    fn the_error_for_an_invalid_hash_does_not_repeat_the_text() {
        let whole = KeyHash::of("abc").to_string();
        let one_less = &whole[..whole.len() - 1];
        let one_more = format!("{whole}0");
        let other_digit = format!("{one_less}g");
        for text in ["", "sha256:", &whole[7..], one_less, &one_more, &other_digit, "ffg_secret"] {
            let error = text.parse::<KeyHash>().expect_err("no hash");
            assert!(!error.to_string().contains("ffg_secret"));
        }
    }

    proptest! {
        #[test]
        fn a_printed_hash_parses_to_itself(bytes: [u8; 32]) {
            let hash = KeyHash(bytes);
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
        }

        #[test]
        fn a_random_text_is_refused(text: String) {
            prop_assert!(text.parse::<KeyHash>().is_err());
        }
    }
}
