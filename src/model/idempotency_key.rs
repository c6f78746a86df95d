//! The caller's name for one forward, however often it asks for it (`Idempotency-Key`,
//! draft-ietf-httpapi-idempotency-key-header).

use std::fmt;

use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::dedup_key::DedupKey;
use super::derived_key::{Purpose, derive, keyed};
use super::message_id::MessageId;
use super::receiver::Receiver;
use super::wording::Wording;

/// 1 to 255 visible ASCII characters, written as a structured field's string (`"…"`) or bare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

const MAX_CHARACTERS: usize = 255;

impl IdempotencyKey {
    /// Reads the value of the header; the error is a sentence for the caller.
    pub fn parse(value: &str) -> Result<Self, Wording> {
        let value = value.trim_matches([' ', '\t']);
        let key = if value.starts_with('"') { unquoted(value)? } else { value.to_owned() };
        if key.is_empty() {
            return Err(Wording::new("must not be empty", "不能为空"));
        }
        if key.len() > MAX_CHARACTERS {
            return Err(Wording::new("must be at most 255 characters long", "不能超过 255 个字符"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(Wording::new(
                "must be of visible ASCII characters",
                "只能包含可见的 ASCII 字符",
            ));
        }
        Ok(Self(key.into()))
    }

    /// What this key names: a forward of this caller's.
    #[must_use]
    pub fn names(
        &self,
        caller: &str,
        app: &str,
        message: &MessageId,
        receiver: &Receiver,
    ) -> NamedForward {
        let key = digest([caller, &self.0]);
        let content = digest([app, message.as_str(), receiver.kind().as_str(), receiver.id()]);
        NamedForward { key, content }
    }
}

/// A string of a structured field (RFC 9651): in quotes, with a backslash before quotes and backslashes.
fn unquoted(value: &str) -> Result<String, Wording> {
    let wrong = || {
        let english = "must be a string in quotes, or the same without them";
        Err(Wording::new(english, "须为带双引号的字符串，或去掉双引号"))
    };
    let inner = value.get(1..value.len().max(2) - 1).unwrap_or_default();
    if value.len() < 2 || !value.ends_with('"') {
        return wrong();
    }
    let mut key = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return wrong(),
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return wrong(),
            },
            other => key.push(other),
        }
    }
    Ok(key)
}

/// A forward that a caller has named by a key: who named it how, and what it is. It holds hashes
/// alone, so it takes the same room whatever the caller sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NamedForward {
    /// The caller and its key.
    pub key: [u8; 32],
    /// The fingerprint of app, message and receiver.
    pub content: [u8; 32],
}

impl fmt::Debug for NamedForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedForward").finish_non_exhaustive()
    }
}

/// Makes the `uuid`s of what the keys of one app's callers name; cheap to clone.
///
/// All that a key names can be guessed, and Feishu has one namespace for the `uuid`s of all who forward
/// with an app. So the `uuid` is made with a secret: nobody else can use it first.
#[derive(Clone)]
pub struct Uuids(Hmac<Sha256>);

/// A uuid may have 50 characters (Feishu's documentation): 24 bytes are 48.
const UUID_BYTES: usize = 24;

impl Uuids {
    /// Of the app that has this secret.
    #[must_use]
    pub fn new(app_secret: &SecretString) -> Self {
        Self(keyed(&derive(app_secret, Purpose::Uuids)))
    }

    /// The `uuid` that Feishu knows it by: always the same one, so that a gateway that has been
    /// restarted, or another one, sends it again without sending it twice.
    ///
    /// The fingerprint goes into it: were a key used for something else, a gateway that does not
    /// remember the first use would else be told by Feishu that this has been sent.
    #[must_use]
    pub fn of(&self, named: &NamedForward) -> DedupKey {
        let hash = self.0.clone().chain_update(named.key).chain_update(named.content).finalize();
        let uuid = hex::encode(&hash.into_bytes()[..UUID_BYTES]);
        DedupKey::parse(&uuid).expect("48 characters are not too many")
    }
}

impl fmt::Debug for Uuids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uuids")
    }
}

/// Of parts that are told apart: with their lengths, no two lists look the same.
#[must_use]
pub fn digest<const N: usize>(parts: [&str; N]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(key: &str, caller: &str, app: &str, message: &str, receiver: &str) -> NamedForward {
        let message = MessageId::parse(message).unwrap();
        let receiver = Receiver::parse(receiver, None).unwrap();
        IdempotencyKey::parse(key).unwrap().names(caller, app, &message, &receiver)
    }

    #[test]
    fn a_quoted_key_and_a_bare_one_are_the_same() {
        assert_eq!(IdempotencyKey::parse("\"a-1\""), IdempotencyKey::parse("a-1"));
        assert_eq!(IdempotencyKey::parse(r#""a\"\\b""#).unwrap().0.as_ref(), r#"a"\b"#);
    }

    #[test]
    fn what_is_no_string_of_a_structured_field_is_refused() {
        for value in ["\"", "\"a", "\"a\"b\"", r#""a\b""#, r#""a\""#, "\"a\"b"] {
            assert!(IdempotencyKey::parse(value).is_err(), "{value}");
        }
    }

    #[test]
    fn empty_and_long_and_invisible_keys_are_refused() {
        for value in ["", "  ", "\"\"", "a\u{7f}", "schlüssel", &"a".repeat(256)] {
            assert!(IdempotencyKey::parse(value).is_err(), "{value}");
        }
        assert!(IdempotencyKey::parse(&"a".repeat(255)).is_ok());
    }

    fn uuids(secret: &str) -> Uuids {
        Uuids::new(&SecretString::from(secret))
    }

    #[test]
    fn the_uuid_depends_on_all_that_names_and_makes_the_forward() {
        let uuids = uuids("secret");
        let one = named("k", "alice", "main", "om_1", "oc_1");
        assert_eq!(uuids.of(&one), uuids.of(&named("\"k\"", "alice", "main", "om_1", "oc_1")));
        for other in [
            named("k2", "alice", "main", "om_1", "oc_1"),
            named("k", "bob", "main", "om_1", "oc_1"),
            named("k", "alice", "second", "om_1", "oc_1"),
            named("k", "alice", "main", "om_2", "oc_1"),
            named("k", "alice", "main", "om_1", "oc_2"),
            // Where one part ends and the next begins is part of it.
            named("ek", "alic", "main", "om_1", "oc_1"),
        ] {
            assert_ne!(uuids.of(&one), uuids.of(&other));
        }
    }

    #[test]
    fn the_uuid_cannot_be_computed_without_the_secret_and_stays_the_same_from_one_version_to_the_next()
     {
        let one = named("k", "alice", "main", "om_1", "oc_1");
        assert_ne!(uuids("secret").of(&one), uuids("another").of(&one));
        // Computed with Python's hmac and hashlib, from the secret and the key to the uuid.
        let uuid = "7d48909c3845e8f6b0a5515234d5818e0e546b4decbc471e";
        assert_eq!(uuids("secret").of(&one).as_str(), uuid);
        assert_eq!(format!("{:?}", uuids("secret")), "Uuids");
    }

    proptest! {
        #[test]
        fn any_visible_key_makes_a_uuid_that_feishu_takes(key in "[!#-\\[\\]-~][ -~]{0,254}") {
            let uuid = uuids("secret").of(&named(key.trim_end(), "a", "main", "om_1", "oc_1"));
            prop_assert!(uuid.as_str().len() <= 50);
        }
    }
}
