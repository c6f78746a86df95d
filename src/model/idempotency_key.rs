//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), with which a caller marks a forward
//! and its repetitions, and the `uuid` that the gateway derives from it.

use std::fmt;

use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::Sha256;

use super::broadcast_id::BroadcastId;
use super::dedup_key::DedupKey;
use super::derived_key::{Purpose, derive, keyed};
use super::fingerprint::{Fingerprint, fingerprint};
use super::forward::Forward;
use super::receiver::Receiver;
use super::wording::Wording;

/// An idempotency key of 1 to 255 printable ASCII characters. A caller writes it as a string of a structured field
/// (`"…"`, RFC 9651) or without the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

const MAX_CHARACTERS: usize = 255;

impl IdempotencyKey {
    /// Parses the value of the header. The error is a sentence for the caller.
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
                "must contain only visible ASCII characters",
                "只能包含可见的 ASCII 字符",
            ));
        }
        Ok(Self(key.into()))
    }

    /// A key for a request without one. It follows from the request's content, so repetitions of the request have it too.
    #[must_use]
    pub fn derived(content: Fingerprint) -> Self {
        Self(format!("content-{}", hex::encode(content)).into())
    }

    /// The fingerprint of the caller and the key, for a broadcast. A forward with the same key has another one.
    #[must_use]
    pub fn of_broadcast(&self, caller: &str) -> Fingerprint {
        fingerprint([caller, "broadcast", &self.0])
    }

    /// The idempotent forward that consists of this key and what the caller forwards with it.
    #[must_use]
    pub fn names(
        &self,
        caller: &str,
        app: &str,
        forward: &Forward,
        receiver: &Receiver,
    ) -> IdempotentForward {
        let key = fingerprint([caller, &self.0]);
        IdempotentForward { key, fingerprint: forward.fingerprint(app, receiver) }
    }
}

/// Parses a string of a structured field (RFC 9651): double quotes enclose it, and a backslash escapes a double
/// quote or a backslash.
fn unquoted(value: &str) -> Result<String, Wording> {
    let invalid = || {
        let english = "must be a string, with or without quotes";
        Err(Wording::new(english, "须为字符串，可带或不带双引号"))
    };
    let inner = value.get(1..value.len().max(2) - 1).unwrap_or_default();
    if value.len() < 2 || !value.ends_with('"') {
        return invalid();
    }
    let mut key = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return invalid(),
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return invalid(),
            },
            other => key.push(other),
        }
    }
    Ok(key)
}

/// A forward with an idempotency key. It holds hashes only, so its size does not depend on what the caller sends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdempotentForward {
    /// The fingerprint of the caller and the idempotency key.
    pub key: Fingerprint,
    /// The fingerprint of the forward.
    pub fingerprint: Fingerprint,
}

impl fmt::Debug for IdempotentForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotentForward").finish_non_exhaustive()
    }
}

/// Computes the `uuid`s of one app's forwards with an idempotency key. Cheap to clone.
///
/// All callers of an app share one namespace of `uuid`s at Feishu, and another caller can guess a key and its
/// forward. The `uuid` is derived from the app's secret, so no other caller can predict it and use it first.
#[derive(Clone)]
pub struct UuidMaker(Hmac<Sha256>);

/// The length of a `uuid` in bytes. Feishu allows 50 characters (its documentation); 24 bytes are 48 hexadecimal
/// digits.
const UUID_BYTES: usize = 24;

impl UuidMaker {
    /// The `UuidMaker` of the app with this secret.
    #[must_use]
    pub fn new(app_secret: &SecretString) -> Self {
        Self(keyed(&derive(app_secret, Purpose::Uuids)))
    }

    /// The `uuid` of a broadcast's forward to one receiver. It depends on the app's secret, the broadcast and the forward
    /// only, so whoever goes on with the broadcast repeats the forward and Feishu delivers it once.
    #[must_use]
    pub fn of_broadcast(&self, broadcast: &BroadcastId, forward: Fingerprint) -> DedupKey {
        self.of(&IdempotentForward {
            key: fingerprint(["broadcast", broadcast.as_str()]),
            fingerprint: forward,
        })
    }

    /// The `uuid` of a forward. It depends on the app's secret and the forward only, so a restarted gateway or
    /// another replica can repeat the forward and Feishu delivers it once.
    #[must_use]
    pub fn of(&self, forward: &IdempotentForward) -> DedupKey {
        let hash =
            self.0.clone().chain_update(forward.key).chain_update(forward.fingerprint).finalize();
        let uuid = hex::encode(&hash.into_bytes()[..UUID_BYTES]);
        DedupKey::parse(&uuid).expect("48 characters are not too many")
    }
}

impl fmt::Debug for UuidMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UuidMaker")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::message_id::MessageId;

    fn idempotent(
        key: &str,
        caller: &str,
        app: &str,
        message: &str,
        receiver: &str,
    ) -> IdempotentForward {
        let forward = Forward::Message(MessageId::parse(message).unwrap());
        let receiver = Receiver::parse(receiver, None).unwrap();
        IdempotencyKey::parse(key).unwrap().names(caller, app, &forward, &receiver)
    }

    #[test]
    fn a_key_with_quotes_equals_the_key_without_them() {
        assert_eq!(IdempotencyKey::parse("\"a-1\""), IdempotencyKey::parse("a-1"));
        assert_eq!(IdempotencyKey::parse(r#""a\"\\b""#).unwrap().0.as_ref(), r#"a"\b"#);
    }

    #[test]
    fn an_invalid_string_of_a_structured_field_is_refused() {
        for value in ["\"", "\"a", "\"a\"b\"", r#""a\b""#, r#""a\""#, "\"a\"b"] {
            assert!(IdempotencyKey::parse(value).is_err(), "{value}");
        }
    }

    #[test]
    fn empty_and_long_and_unprintable_keys_are_refused() {
        for value in ["", "  ", "\"\"", "a\u{7f}", "schlüssel", &"a".repeat(256)] {
            assert!(IdempotencyKey::parse(value).is_err(), "{value}");
        }
        assert!(IdempotencyKey::parse(&"a".repeat(255)).is_ok());
    }

    fn uuids(secret: &str) -> UuidMaker {
        UuidMaker::new(&SecretString::from(secret))
    }

    #[test]
    fn the_uuid_depends_on_the_key_and_on_every_part_of_the_forward() {
        let uuids = uuids("secret");
        let one = idempotent("k", "alice", "main", "om_1", "oc_1");
        assert_eq!(uuids.of(&one), uuids.of(&idempotent("\"k\"", "alice", "main", "om_1", "oc_1")));
        for other in [
            idempotent("k2", "alice", "main", "om_1", "oc_1"),
            idempotent("k", "bob", "main", "om_1", "oc_1"),
            idempotent("k", "alice", "second", "om_1", "oc_1"),
            idempotent("k", "alice", "main", "om_2", "oc_1"),
            idempotent("k", "alice", "main", "om_1", "oc_2"),
            // The boundary between key and caller counts too.
            idempotent("ek", "alic", "main", "om_1", "oc_1"),
        ] {
            assert_ne!(uuids.of(&one), uuids.of(&other));
        }
    }

    #[test]
    fn the_uuid_cannot_be_computed_without_the_secret_and_stays_the_same_from_one_version_to_the_next()
     {
        let one = idempotent("k", "alice", "main", "om_1", "oc_1");
        assert_ne!(uuids("secret").of(&one), uuids("another").of(&one));
        // Computed independently with Python's hmac and hashlib.
        let uuid = "7d48909c3845e8f6b0a5515234d5818e0e546b4decbc471e";
        assert_eq!(uuids("secret").of(&one).as_str(), uuid);
        assert_eq!(format!("{:?}", uuids("secret")), "UuidMaker");
    }

    proptest! {
        #[test]
        fn every_printable_key_has_a_uuid_that_feishu_accepts(key in "[!#-\\[\\]-~][ -~]{0,254}") {
            let uuid = uuids("secret").of(&idempotent(key.trim_end(), "a", "main", "om_1", "oc_1"));
            prop_assert!(uuid.as_str().len() <= 50);
        }
    }
}
