//! The `uuid` of a forward, by which Feishu recognises a repeated request.

use std::fmt;
use std::sync::Arc;

use uuid::fmt::Hyphenated;

use super::wording::Wording;
use crate::random::uuid;

/// A `uuid` of 1 to 50 characters. Of the requests with one `uuid` to one receiver, Feishu executes only one within
/// an hour (Feishu's documentation). Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DedupKey(Arc<str>);

const MAX_CHARACTERS: usize = 50;

impl DedupKey {
    /// Parses a caller's `uuid`. The error is a sentence for the caller.
    pub fn parse(text: &str) -> Result<Self, Wording> {
        if text.is_empty() {
            return Err(Wording::new(
                "must have at least one character; leave it out, and the gateway makes one",
                "至少需要一个字符；不传则由网关自动生成",
            ));
        }
        if text.chars().count() > MAX_CHARACTERS {
            return Err(Wording::new("must be at most 50 characters long", "不能超过 50 个字符"));
        }
        Ok(Self(text.into()))
    }

    /// Generates a random `uuid`.
    #[must_use]
    pub fn generate() -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        Self((&*uuid().hyphenated().encode_lower(&mut text)).into())
    }

    /// The `uuid` as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_generated_uuid_is_valid_for_a_caller_too() {
        let generated = DedupKey::generate();
        assert_eq!(DedupKey::parse(generated.as_str()), Ok(generated));
    }

    #[test]
    fn two_generated_uuids_differ() {
        assert_ne!(DedupKey::generate(), DedupKey::generate());
    }

    proptest! {
        #[test]
        fn one_to_fifty_characters_are_accepted_unchanged(text in "\\PC{1,50}") {
            prop_assert_eq!(DedupKey::parse(&text).map(|key| key.to_string()), Ok(text));
        }

        #[test]
        fn more_than_fifty_characters_are_refused(text in "\\PC{51,80}") {
            prop_assert!(DedupKey::parse(&text).is_err());
        }
    }
}
