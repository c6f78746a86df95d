//! The id of a broadcast.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::random::uuid_of;

/// The id of a broadcast: `bc_` and 32 hexadecimal digits. Ids of later milliseconds sort behind those of earlier ones.
/// Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BroadcastId(Arc<str>);

const PREFIX: &str = "bc_";

impl BroadcastId {
    /// A new id of a broadcast that is accepted at `now`.
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        Self(format!("{PREFIX}{}", uuid_of(now).simple()).into())
    }

    /// The id that this text is. None if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 32 && digits.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BroadcastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_id_is_one_and_later_ones_sort_behind_it() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let (one, other) = (BroadcastId::generate(at(1)), BroadcastId::generate(at(2)));
        assert_eq!(BroadcastId::parse(one.as_str()), Some(one.clone()));
        assert!(one < other && BroadcastId::generate(at(1)) != one);
    }

    #[test]
    fn any_other_text_is_none() {
        let id = format!("bc_{}", "0".repeat(32));
        assert!(BroadcastId::parse(&id).is_some());
        for text in ["", "bc_", "bc_1", &id[1..], &format!("{id}0"), &id.replace('0', "A")] {
            assert_eq!(BroadcastId::parse(text), None, "{text}");
        }
    }
}
