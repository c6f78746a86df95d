//! Access tokens: issues them, and checks the token of a request.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::nanos;
use crate::codes;

/// A token call gets a new token if the current one expires sooner than this (doc).
const RENEWED_BELOW: Duration = Duration::from_mins(30);

/// The issued tokens of one kind. `Holder` is whom a token authenticates.
pub(crate) struct Tokens<Holder> {
    valid: HashMap<String, Token<Holder>>,
    /// The newest token of each holder.
    newest: HashMap<Holder, String>,
}

struct Token<Holder> {
    holder: Holder,
    expires_at: u64,
}

/// An app in a tenant, which a tenant token authenticates.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) app_id: String,
    pub(crate) tenant_key: String,
}

impl<Holder> Default for Tokens<Holder> {
    fn default() -> Self {
        Self { valid: HashMap::new(), newest: HashMap::new() }
    }
}

impl<Holder: Clone + Eq + std::hash::Hash> Tokens<Holder> {
    /// The holder's token and its remaining lifetime in seconds. An old token is replaced by the new one.
    pub(crate) fn issue(
        &mut self,
        holder: Holder,
        lifetime: Duration,
        now: u64,
        new: impl FnOnce() -> String,
    ) -> (String, u64) {
        let newest =
            self.newest.get(&holder).and_then(|token| Some((token, self.left(token, now)?)));
        if let Some((token, left)) = newest.filter(|(_, left)| *left >= nanos(RENEWED_BELOW)) {
            return (token.clone(), left / 1_000_000_000);
        }
        let token = new();
        self.valid.retain(|_, token| token.expires_at > now);
        let expires_at = now.saturating_add(nanos(lifetime));
        self.valid.insert(token.clone(), Token { holder: holder.clone(), expires_at });
        self.newest.insert(holder, token.clone());
        (token, lifetime.as_secs())
    }

    /// Whom the token authenticates. `None` if it is not valid.
    pub(crate) fn holder(&self, token: &str, now: u64) -> Option<&Holder> {
        self.left(token, now)?;
        Some(&self.valid.get(token)?.holder)
    }

    /// The remaining lifetime of a token in nanoseconds. `None` if the token is not valid.
    fn left(&self, token: &str, now: u64) -> Option<u64> {
        self.valid.get(token)?.expires_at.checked_sub(now).filter(|left| *left > 0)
    }
}

impl Tokens<Caller> {
    /// Whom the `Authorization` header authenticates. The error is the code of the refusal.
    pub(crate) fn caller(&self, authorization: Option<&str>, now: u64) -> Result<&Caller, i64> {
        // A header without `Bearer ` counts as missing (seen).
        let token = authorization
            .and_then(|header| header.strip_prefix("Bearer "))
            .ok_or(codes::TOKEN_MISSING)?;
        self.holder(token, now).ok_or_else(|| refusal_of(token.trim()))
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
