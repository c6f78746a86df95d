//! A token that calls to Feishu carry, and what counts as one.

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::clock::Moment;

/// The longest token, in bytes. Real ones have about fifty characters.
const LONGEST_TOKEN: usize = 4096;
/// What is before the token in the `Authorization` header.
const SCHEME: &str = "Bearer ";

/// A token: a tenant token, or a store app's app token.
#[derive(Clone, Debug)]
pub struct Token {
    /// `Bearer …`, marked as sensitive, so that it is not printed.
    pub(super) authorization: HeaderValue,
    pub(super) expires_at: Moment,
    pub(super) renew_at: Moment,
}

impl Token {
    /// The value of the `Authorization` header.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// When it runs out.
    #[must_use]
    pub fn expires_at(&self) -> Moment {
        self.expires_at
    }

    /// The token itself.
    pub(super) fn secret(&self) -> SecretString {
        let authorization = self.authorization.to_str().unwrap_or_default();
        authorization.trim_start_matches(SCHEME).into()
    }
}

/// The value of the `Authorization` header, if the text is a token at all.
pub(super) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let token = token.expose_secret();
    let is_one = (1..=LONGEST_TOKEN).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut authorization =
        HeaderValue::try_from(format!("{SCHEME}{token}")).ok().filter(|_| is_one)?;
    authorization.set_sensitive(true);
    Some(authorization)
}
