//! Where a token comes from: another replica, or Feishu.

use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::{Credentials, LONGEST_LIFE, SHORTEST_LIFE, TokenSource};
use crate::clock::Moment;
use crate::feishu::error::{CallError, label_of};
use crate::feishu::shared_token::{Asked, SharedToken};

/// Bytes of a token; those that were seen have about fifty.
const LONGEST_TOKEN: usize = 4096;
/// How often to look if another replica has fetched one, and for how long.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOK_FOR: Duration = Duration::from_secs(10);

impl TokenSource {
    /// A token that another replica has fetched, or one from Feishu, for all; and until when it lives.
    pub(super) async fn fetch(&self) -> Result<(HeaderValue, Moment), CallError> {
        let Some(shared) = &self.shared else {
            let (_, authorization, expires_at) = self.fetch_from_feishu().await?;
            return Ok((authorization, expires_at));
        };
        if let Some(fetched) = self.fetched_by_others(shared).await {
            return Ok(fetched);
        }
        // Nobody waits for what becomes of the sharing: without it, another replica fetches one too.
        match self.fetch_from_feishu().await {
            Ok((secret, authorization, expires_at)) => {
                let lives = expires_at.saturating_sub(self.clock.now());
                let _ = shared.give(&secret, lives).await;
                Ok((authorization, expires_at))
            }
            Err(error) => {
                let _ = shared.give_up().await;
                Err(error)
            }
        }
    }

    /// The token that another replica has fetched or is about to; none where this one is to fetch it.
    async fn fetched_by_others(&self, shared: &SharedToken) -> Option<(HeaderValue, Moment)> {
        let look_until = self.clock.now() + LOOK_FOR;
        let own = self.usable().map_or(Moment::ZERO, |own| own.expires_at);
        loop {
            let asked_at = self.clock.now();
            let at_least = own.saturating_sub(asked_at) + SHORTEST_LIFE;
            match shared.ask(at_least).await.ok()? {
                Asked::Token(secret, lives) => {
                    let authorization = bearer(&secret)?;
                    let rejected = self.state().rejected.clone();
                    let is_good = rejected.is_none_or(|it| it.authorization != authorization);
                    return is_good.then_some((authorization, asked_at + lives));
                }
                Asked::Wait if asked_at < look_until => {
                    self.clock.sleep_until(asked_at + LOOK_AGAIN).await;
                }
                Asked::Wait | Asked::FetchIt => return None,
            }
        }
    }

    async fn fetch_from_feishu(&self) -> Result<(SecretString, HeaderValue, Moment), CallError> {
        let credentials = self.credentials.load_full();
        let Credentials { app_id, app_secret } = &*credentials;
        let started = self.clock.now();
        let answer = self.client.tenant_access_token(app_id, app_secret).await;
        let (code, took) = (label_of(&answer), self.clock.since(started));
        self.metrics.upstream(&self.app, "tenant_access_token", &code, took);
        let (secret, lives) = answer?;
        let authorization = bearer(&secret).ok_or_else(|| of_no_use("a token that is none"))?;
        if lives < SHORTEST_LIFE {
            return Err(of_no_use("a token that is about to run out"));
        }
        let lives = lives.min(LONGEST_LIFE);
        tracing::info!(app = %self.app, lives_seconds = lives.as_secs(), "tenant token fetched");
        // Counted from before the call, so that it never seems to live longer than it does.
        Ok((secret, authorization, started + lives))
    }
}

/// The value of the `Authorization` header, if it is a token at all.
fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let token = token.expose_secret();
    let is_one = (1..=LONGEST_TOKEN).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut authorization =
        HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| is_one)?;
    authorization.set_sensitive(true);
    Some(authorization)
}

fn of_no_use(detail: &'static str) -> CallError {
    CallError::Unreadable { http_status: 200, detail, log_id: None }
}
