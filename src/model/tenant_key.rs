//! The tenants of a store app.

use std::fmt;
use std::sync::Arc;

/// Feishu's id of a tenant in which a store app is installed. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantKey(Arc<str>);

impl TenantKey {
    /// The longest key, in bytes. Real ones have 16 characters.
    pub const LONGEST: usize = 64;

    /// Parses a tenant key of 1 to 64 ASCII letters, digits, `_` and `-`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_key = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(is_allowed);
        is_key.then(|| Self(text.into()))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_up_to_64_letters_and_digits() {
        for text in ["2ed263bf32cf1651", "a", "A_b-1", &"x".repeat(64)] {
            assert_eq!(TenantKey::parse(text).as_ref().map(TenantKey::as_str), Some(text));
        }
        for text in ["", " a", "a b", "a,b", "a/b", "租户", &"x".repeat(65)] {
            assert_eq!(TenantKey::parse(text), None, "{text}");
        }
    }
}
