//! The id of a thread to forward.

use super::id;
use super::wording::Wording;

/// A thread id of Feishu: `omt_`, then ASCII letters, digits, `_` and `-`. It has at most 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(Box<str>);

impl ThreadId {
    /// Parses an id. The error is a sentence for the caller.
    pub fn parse(text: &str) -> Result<Self, Wording> {
        id::check(text, "omt_")?;
        Ok(Self(text.into()))
    }

    /// The id as text. It needs no percent-encoding in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_with_omt_and_that_of_a_message_is_refused() {
        let id = ThreadId::parse("omt_d4be107c616aed9c1da8ed8068570a9f").expect("valid");
        assert_eq!(id.as_str(), "omt_d4be107c616aed9c1da8ed8068570a9f");
        for bad in ["", "omt_", "om_1", "omt_a b", "omt_a/b", " omt_1", "omt_ä"] {
            assert!(ThreadId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ThreadId::parse(&format!("omt_{}", "a".repeat(125))).is_err());
    }
}
