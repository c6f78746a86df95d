//! Tenant access tokens: issues them, and checks the token of a request.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::nanos;
use crate::codes;
use crate::ids::Ids;

/// A token call gets a new token if the current one expires sooner than this (doc).
const RENEWED_BELOW: Duration = Duration::from_mins(30);

/// The issued tokens.
#[derive(Default)]
pub(crate) struct Tokens {
    valid: HashMap<String, Token>,
    /// The newest token of each app.
    newest: HashMap<String, String>,
}

struct Token {
    app_id: String,
    expires_at: u64,
}

impl Tokens {
    /// The app's token and its remaining lifetime in seconds. An old token is replaced by a new one.
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

    /// The remaining lifetime of a token in nanoseconds. `None` if the token is not valid.
    fn left(&self, token: &str, now: u64) -> Option<u64> {
        self.valid.get(token)?.expires_at.checked_sub(now).filter(|left| *left > 0)
    }

    /// The app that the `Authorization` header authenticates. The error is the code of the refusal.
    pub(crate) fn app_of(&self, authorization: Option<&str>, now: u64) -> Result<&str, i64> {
        // A header without `Bearer ` counts as missing (seen).
        let token = authorization
            .and_then(|header| header.strip_prefix("Bearer "))
            .ok_or(codes::TOKEN_MISSING)?;
        if self.left(token, now).is_some() {
            return Ok(&self.valid[token].app_id);
        }
        Err(refusal_of(token.trim()))
    }
}

/// The code of the refusal of an invalid token. It depends on the prefix of the token.
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
    codes::TOKEN_SHAPE // doc: the code means that a token starts with neither t- nor u-
}
