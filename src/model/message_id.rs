//! The id of a message to forward.

use std::fmt;

use serde::Serialize;

use super::id;
use super::wording::Wording;

/// A message id of Feishu: `om_`, then ASCII letters, digits, `_` and `-`. It has at most 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// Parses an id. The error is a sentence for the caller.
    pub fn parse(text: &str) -> Result<Self, Wording> {
        id::check(text, "om_")?;
        Ok(Self(text.into()))
    }

    /// The id as text. It needs no percent-encoding in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_ids_are_refused() {
        for bad in ["", "om_", "oc_1", "om", "om_a b", "om_ä", "om_a/b", "xom_1"] {
            assert!(MessageId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_error_names_white_space_at_any_place() {
        for id in [" om_1", "om_1 ", "om_1\n", "om_a b", "om_1\u{3000}", "\u{feff}om_1"] {
            let refusal = MessageId::parse(id).expect_err(id);
            assert!(refusal.en.contains("white space"), "{id:?}: {}", refusal.en);
        }
    }

    #[test]
    fn an_id_may_be_128_characters_long_and_no_longer() {
        assert!(MessageId::parse(&format!("om_{}", "a".repeat(125))).is_ok());
        assert!(MessageId::parse(&format!("om_{}", "a".repeat(126))).is_err());
    }

    proptest! {
        #[test]
        fn every_valid_id_is_accepted_unchanged(text in "om_[A-Za-z0-9_-]{1,125}") {
            prop_assert_eq!(MessageId::parse(&text).map(|id| id.to_string()), Ok(text));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = MessageId::parse(&text);
        }
    }
}
