//! Tenant access tokens: who gets one, how long it lives, and who holds one.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::nanos;
use crate::codes;
use crate::ids::Ids;

/// A token with less time than this left is replaced when it is asked for (doc: 30 minutes).
const RENEWED_BELOW: Duration = Duration::from_mins(30);

/// The tokens that are valid.
#[derive(Default)]
pub(crate) struct Tokens {
    valid: HashMap<String, Token>,
    /// Each app's newest token.
    newest: HashMap<String, String>,
}

struct Token {
    app_id: String,
    expires_at: u64,
}

impl Tokens {
    /// The app's token and the seconds it has left: the one it has, or a new one if that is old.
    pub(crate) fn issue(
        &mut self,
        app_id: &str,
        lifetime: Duration,
        now: u64,
        ids: &mut Ids,
    ) -> (String, u64) {
        let newest =
            self.newest.get(app_id).and_then(|token| Some((token, self.left(token, now)?)));
        if let Some((token, left)) = newest.filter(|(_, left)| *left >= nanos(RENEWED_BELOW)) {
            return (token.clone(), left / 1_000_000_000);
        }
        let token = ids.tenant_token();
        self.valid.retain(|_, token| token.expires_at > now);
        let expires_at = now.saturating_add(nanos(lifetime));
        self.valid.insert(token.clone(), Token { app_id: app_id.to_owned(), expires_at });
        self.newest.insert(app_id.to_owned(), token.clone());
        (token, lifetime.as_secs())
    }

    /// Nanoseconds that a token has left, or `None` if it is not valid.
    fn left(&self, token: &str, now: u64) -> Option<u64> {
        self.valid.get(token)?.expires_at.checked_sub(now).filter(|left| *left > 0)
    }

    /// The app that an `Authorization` header speaks for, or the code that refuses it.
    pub(crate) fn app_of(&self, authorization: Option<&str>, now: u64) -> Result<&str, i64> {
        // A header without the word counts as none (seen).
        let token = authorization
            .and_then(|header| header.strip_prefix("Bearer "))
            .ok_or(codes::TOKEN_MISSING)?;
        if self.left(token, now).is_some() {
            return Ok(&self.valid[token].app_id);
        }
        Err(refusal_of(token.trim()))
    }
}

/// The code that refuses a token that is not valid, by its shape.
fn refusal_of(token: &str) -> i64 {
    let starts_with = |prefix| token.starts_with(prefix);
    if token.is_empty() {
        return codes::TOKEN_MISSING; // guess
    }
    if starts_with("u-") || starts_with("eyJ") {
        return codes::USER_TOKEN_INVALID; // seen
    }
    if starts_with("t-") || starts_with("a-") || starts_with("Bearer ") {
        return codes::TOKEN_INVALID; // seen for t-, guess for the others
    }
    codes::TOKEN_SHAPE // doc: the code means a token that starts with neither t- nor u-
}
