//! The caller's name for one forward and all its repetitions: the header `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header).

use std::fmt;

use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::Sha256;

use super::dedup_key::DedupKey;
use super::derived_key::{Purpose, derive, keyed};
use super::fingerprint::{Fingerprint, fingerprint};
use super::forward::Forward;
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

    /// The forward that this key names.
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

/// Reads a string of a structured field (RFC 9651): in quotes, with a backslash before quotes and backslashes.
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

/// A forward that its caller names by a key. It holds hashes alone, so its size does not depend on what the
/// caller sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdempotentForward {
    /// The fingerprint of the caller and its key.
    pub key: Fingerprint,
    /// The fingerprint of the forward.
    pub fingerprint: Fingerprint,
}

impl fmt::Debug for IdempotentForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotentForward").finish_non_exhaustive()
    }
}

/// Makes the `uuid`s of forwards with an idempotency key, for one app. Cheap to clone.
///
/// Everything that a key names can be guessed, and Feishu has one namespace for the `uuid`s of all who forward
/// with an app. So the `uuid` is derived from the app's secret: nobody else can use it first.
#[derive(Clone)]
pub struct UuidMaker(Hmac<Sha256>);

/// A uuid may have 50 characters (Feishu's documentation): 24 bytes are 48.
const UUID_BYTES: usize = 24;

impl UuidMaker {
    /// For the app that has this secret.
    #[must_use]
    pub fn new(app_secret: &SecretString) -> Self {
        Self(keyed(&derive(app_secret, Purpose::Uuids)))
    }

    /// The `uuid` of a forward: always the same one, so that a restarted gateway, or another replica, can send
    /// the forward again and Feishu delivers it once.
    ///
    /// The fingerprint is part of it. Otherwise a gateway that does not remember the first use of a key would
    /// hear from Feishu that another message under it has been sent.
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

    fn named(
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

    fn uuids(secret: &str) -> UuidMaker {
        UuidMaker::new(&SecretString::from(secret))
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
        assert_eq!(format!("{:?}", uuids("secret")), "UuidMaker");
    }

    proptest! {
        #[test]
        fn any_visible_key_makes_a_uuid_that_feishu_takes(key in "[!#-\\[\\]-~][ -~]{0,254}") {
            let uuid = uuids("secret").of(&named(key.trim_end(), "a", "main", "om_1", "oc_1"));
            prop_assert!(uuid.as_str().len() <= 50);
        }
    }
}
