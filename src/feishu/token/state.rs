//! What a source of tokens remembers.

use std::sync::Arc;
use std::time::Duration;

use super::access_token::Token;
use super::calls::Issued;
use super::pace::TokenPace;
use crate::clock::Moment;

/// The token of a source, and what became of the calls for it.
#[derive(Debug, Default)]
pub(super) struct TokenState {
    pub(super) current: Option<Arc<Token>>,
    /// The last token that Feishu rejected. Replicas may still share it.
    pub(super) rejected: Option<Arc<Token>>,
    pub(super) has_had_one: bool,
    /// How many tokens in a row had to be renewed soon after they were fetched.
    soon: u32,
    /// How many calls for a token have ended.
    pub(super) calls: u64,
    /// How often the source was asked to call again, because a cause of failures was removed.
    pub(super) causes_removed: u64,
    pub(super) pace: TokenPace,
}

/// Time left at which renewal begins: from then on Feishu hands out a new token (Feishu's documentation).
const RENEW_WITH_LEFT: Duration = Duration::from_mins(30);
/// The shortest pause before a renewal.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// A renewal this early after a token counts as soon. After two of them Feishu has handed out a new token.
const SOON: Duration = Duration::from_mins(1);
const SOON_IN_A_ROW: u32 = 2;

impl TokenState {
    pub(super) fn usable(&self, now: Moment) -> Option<&Arc<Token>> {
        self.current.as_ref().filter(|token| token.expires_at > now)
    }

    pub(super) fn keep(&mut self, issued: Issued, now: Moment) -> Arc<Token> {
        let Issued { authorization, expires_at, .. } = issued;
        let renew_at = now + self.pause_before_renewal(expires_at.saturating_sub(now));
        let token = Arc::new(Token { authorization, expires_at, renew_at });
        self.current = Some(Arc::clone(&token));
        self.has_had_one = true;
        self.pace.succeeded(now);
        token
    }

    /// How long to wait before renewing a token with so much time left. A token with less than 30 minutes is
    /// either the old one, which Feishu hands out until then, or a new one with a short life.
    fn pause_before_renewal(&mut self, left: Duration) -> Duration {
        let pause = match left.checked_sub(RENEW_WITH_LEFT) {
            Some(pause) if pause >= SOON || self.soon <= SOON_IN_A_ROW => pause,
            _ => left / 2,
        };
        self.soon = if pause < SOON { self.soon + 1 } else { 0 };
        pause.max(SHORTEST_PAUSE)
    }
}
