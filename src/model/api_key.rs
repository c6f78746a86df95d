//! API keys, with which callers authenticate, and their hashes. The gateway stores only the hashes.

use std::sync::Arc;

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};

use super::installation::Installation;
use super::policy::Policy;
use super::receiver::Receiver;
use super::share::{Budget, Weight};
use super::tenant_key::TenantKey;
use super::tenants::Tenants;
use super::webhook::Webhook;
use crate::random::generator;

mod hash;

pub use hash::{InvalidKeyHash, KeyHash, KeyId};

const PREFIX: &str = "ffg_";
const ID_LENGTH: usize = 12;
/// Base62 characters; 62^43 > 2^256, so the secret part holds at least 256 bits.
const SECRET_LENGTH: usize = 43;
/// Base62 characters; 62^6 > 2^32, so they hold any CRC32.
const CHECKSUM_LENGTH: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A newly generated API key in plain text: `ffg_`, a public id of 12 characters, `_`, 43 secret characters and
/// a checksum of 6 characters. The id, the secret and the checksum are base62.
///
/// The checksum lets a secret scanner recognise a key offline, as that of a GitHub token does. `Debug` does not
/// print the key.
#[derive(Debug)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Generates a random key.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = generator();
        let id = Alphanumeric.sample_string(&mut random, ID_LENGTH);
        let secret = Alphanumeric.sample_string(&mut random, SECRET_LENGTH);
        let body = format!("{PREFIX}{id}_{secret}");
        let checksum = checksum(&body);
        Self(SecretString::from(body + &checksum))
    }

    /// The key in plain text. `keys new` prints it once; the gateway does not store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The hash of the key. The configuration holds the hash instead of the key.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.expose())
    }

    /// Whether `text` starts with the prefix of generated keys. Such a text may be a key or a truncated key.
    #[must_use]
    pub fn begins_like_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Whether `text` has the format of a generated key and a correct checksum.
    ///
    /// A key with a correct checksum need not be configured. A configured key need not have this format, because
    /// an operator may hash any text.
    #[must_use]
    pub fn has_valid_checksum(text: &str) -> bool {
        let Some((body, given_checksum)) =
            text.split_at_checked(PREFIX.len() + ID_LENGTH + 1 + SECRET_LENGTH)
        else {
            return false;
        };
        let Some((id, secret)) = body.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'))
        else {
            return false;
        };
        id.len() == ID_LENGTH
            && id.chars().chain(secret.chars()).all(|c| c.is_ascii_alphanumeric())
            && given_checksum == checksum(body)
    }
}

/// The CRC32 of `body` in base62. The most significant digit comes first.
fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

/// One API key as the configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The hash of the whole key.
    pub hash: KeyHash,
    /// The name of the app that the caller forwards with.
    pub app: String,
    /// The tenants in which the caller may forward, if the app is a store app.
    pub tenants: Tenants,
    /// The time from which on the key is refused. `None` means never.
    pub expires_at: Option<Timestamp>,
    /// Whether the key is disabled. A disabled key is refused like an unknown one.
    pub disabled: bool,
    /// The receivers to which the caller may forward.
    pub policy: Policy,
    /// The caller's share of its app's calls.
    pub weight: Weight,
    /// How many calls to Feishu may be made for the caller.
    pub budget: Budget,
    /// Where the caller hears of the ends of its broadcasts.
    pub webhook: Option<Webhook>,
}

/// An authenticated caller. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of the caller's API key. Logs and metrics show it.
    pub name: Arc<str>,
    /// The name of the app that the caller forwards with.
    pub app: Arc<str>,
    /// The tenant in which the caller forwards, if the app is a store app.
    pub tenant: Option<TenantKey>,
    /// The receivers to which the caller may forward.
    pub policy: Arc<Policy>,
    /// The caller's share of its app's calls.
    pub weight: Weight,
    /// How many calls to Feishu may be made for the caller.
    pub budget: Budget,
}

impl Caller {
    /// The app that the caller forwards with, in the caller's tenant.
    #[must_use]
    pub fn installation(&self) -> Installation {
        Installation { app: Arc::clone(&self.app), tenant: self.tenant.clone() }
    }

    /// A caller `a` of the app `main` in a tenant or in none, without restrictions.
    #[cfg(test)]
    pub(crate) fn in_test(tenant: Option<TenantKey>) -> Self {
        Self {
            name: "a".into(),
            app: "main".into(),
            tenant,
            policy: Arc::default(),
            weight: Weight::ONE,
            budget: Budget::default(),
        }
    }

    /// A receiver that the caller has named, in the caller's tenant.
    #[must_use]
    pub fn receiver(&self, named: Receiver) -> Receiver {
        match &self.tenant {
            Some(tenant) => named.in_tenant(tenant),
            None => named,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_key_has_the_documented_format() {
        let key = ApiKey::generate();
        let (id, rest) = key
            .expose()
            .strip_prefix("ffg_")
            .and_then(|rest| rest.split_once('_'))
            .expect("ffg_, id, _, secret and checksum");
        assert_eq!((id.len(), rest.len()), (12, 43 + 6));
        assert!(id.chars().chain(rest.chars()).all(|c| c.is_ascii_alphanumeric()));
        assert!(ApiKey::has_valid_checksum(key.expose()));
    }

    #[test]
    fn no_two_new_keys_share_their_id_or_their_secret() {
        let keys: Vec<ApiKey> = (0..1000).map(|_| ApiKey::generate()).collect();
        let ids: HashSet<&str> = keys.iter().map(|key| &key.expose()[4..16]).collect();
        let secrets: HashSet<&str> = keys.iter().map(|key| &key.expose()[17..60]).collect();
        assert_eq!((ids.len(), secrets.len()), (1000, 1000));
    }

    #[test]
    fn a_text_of_another_format_has_no_valid_checksum() {
        for text in ["", "ffg_", "a password", &"é".repeat(40), &"_".repeat(66)] {
            assert!(!ApiKey::has_valid_checksum(text), "{text}");
        }
    }

    #[test]
    fn debug_does_not_print_the_key() {
        let key = ApiKey::generate();
        let shown = format!("{key:?}");
        assert!(shown.contains("REDACTED"));
        assert!(!shown.contains(&key.expose()[4..16]) && !shown.contains(&key.expose()[17..]));
    }

    #[test]
    fn the_checksum_is_crc32_in_base62() {
        // CRC32 of "123456789" is 0xCBF43926, the check value of the algorithm.
        assert_eq!(checksum("123456789"), "3jZRME");
        assert_eq!(checksum(""), "000000");
    }

    proptest! {
        #[test]
        fn the_checksum_detects_any_single_changed_character(
            place in 0..66_usize,
            other in proptest::char::range('!', '~'),
        ) {
            let key = ApiKey::generate();
            let mut characters: Vec<char> = key.expose().chars().collect();
            prop_assume!(characters[place] != other);
            characters[place] = other;
            let changed: String = characters.into_iter().collect();
            prop_assert!(!ApiKey::has_valid_checksum(&changed));
        }

        #[test]
        fn a_random_text_has_no_valid_checksum(text: String) {
            prop_assert!(!ApiKey::has_valid_checksum(&text));
        }
    }
}
