//! One app's tenant token.
//!
//! A token lives for two hours at most. Feishu returns the same token while it has 30 minutes or more left,
//! and a new one after that; then both are valid (Feishu's documentation). So renewal begins when 30 minutes
//! are left, and a renewal that fails costs nothing for a long while.
//!
//! Where replicas share a Redis, one of them fetches the token and the others take it over.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use tokio::sync::Notify;
use tracing::Instrument;

use super::credentials::Credentials;
use super::key::TokenKey;
use super::pace::{TokenPace, TokenTrouble};
use super::shared::{LONGEST_LIFE, SharedToken, SharedTokenReply};
use super::tenant_token::{Token, bearer};
use crate::clock::{Clock, Moment};
use crate::feishu::client::Client;
use crate::feishu::error::{CallError, label_of, status_of};
use crate::model::feishu_api::FeishuApi;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::spans;

/// The tenant token of one app. Clones share it.
#[derive(Clone, Debug)]
pub struct TokenSource {
    key: TokenKey,
    /// Replaced when the app gets another secret.
    credentials: Arc<ArcSwap<Credentials>>,
    client: Client,
    clock: Clock,
    metrics: Metrics,
    state: Arc<Mutex<TokenState>>,
    /// Held during a fetch: other calls wait for its result.
    fetching: Arc<tokio::sync::Mutex<()>>,
    /// Wakes `keep_fresh` when a token was dropped.
    dropped: Arc<Notify>,
    /// Where replicas share it.
    shared: Option<Arc<SharedToken>>,
}

#[derive(Debug, Default)]
struct TokenState {
    current: Option<Arc<Token>>,
    /// The last token that Feishu rejected. Replicas may still share it.
    rejected: Option<Arc<Token>>,
    has_had_one: bool,
    /// How many tokens in a row had to be renewed soon after they were fetched.
    soon: u32,
    /// How many calls for a token have ended.
    calls: u64,
    /// How often the source was asked to call again, because a cause of failures was removed.
    causes_removed: u64,
    pace: TokenPace,
}

/// Time left at which renewal begins: from then on Feishu hands out a new token (Feishu's documentation).
const RENEW_WITH_LEFT: Duration = Duration::from_mins(30);
/// The shortest life of a token that is used: a shorter one might run out during a forward.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);
/// The shortest pause before a renewal.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// A renewal this early after a token counts as soon. After two of them Feishu has handed out a new token.
const SOON: Duration = Duration::from_mins(1);
const SOON_IN_A_ROW: u32 = 2;
/// How often to look whether another replica has fetched a token.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long to look.
const LOOK_FOR: Duration = Duration::from_secs(10);

impl TokenSource {
    /// A source that has no token yet.
    #[must_use]
    pub fn new(
        key: TokenKey,
        credentials: Credentials,
        client: Client,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self {
            key,
            credentials: Arc::new(ArcSwap::from_pointee(credentials)),
            client,
            clock,
            metrics,
            state: Arc::default(),
            fetching: Arc::default(),
            dropped: Arc::default(),
            shared: None,
        }
    }

    /// A source that shares its token with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedToken) -> Self {
        Self { shared: Some(Arc::new(shared)), ..self }
    }

    /// The token, if there is one that is valid now. Makes no call.
    #[must_use]
    pub fn usable(&self) -> Option<Arc<Token>> {
        let now = self.clock.now();
        self.state().usable(now).cloned()
    }

    /// Whether there has ever been a token.
    #[must_use]
    pub fn has_had_one(&self) -> bool {
        self.state().has_had_one
    }

    /// Why there is no token, or why it is not renewed though it is time.
    #[must_use]
    pub fn trouble(&self) -> Option<TokenTrouble> {
        self.state().pace.trouble().cloned()
    }

    /// Why no call for a token may be made now.
    #[must_use]
    pub fn blocked(&self) -> Option<TokenTrouble> {
        let now = self.clock.now();
        self.state().pace.blocked(now).cloned()
    }

    /// Whether there is a token, or a call for one may be made now.
    pub fn check(&self) -> Result<(), TokenTrouble> {
        let now = self.clock.now();
        self.state().check(now)
    }

    /// The token, fetched first if there is no valid one. Concurrent callers share one call. After a call that
    /// failed they share its failure for a while.
    pub async fn get(&self) -> Result<Arc<Token>, TokenTrouble> {
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        // Boxed because the future is large and rarely needed: it would be moved with every forward.
        Box::pin(self.fetched_unless(|_, _| true)).await
    }

    /// Drops a token that Feishu rejected, unless there is another one already. Returns whether there is a token,
    /// or a call for one may be made now. `keep_fresh` makes that call at once: if it has failed when the caller
    /// gets the token, the caller shares the failure.
    pub fn reject(&self, rejected: &Arc<Token>, error: &CallError) -> Result<(), TokenTrouble> {
        let now = self.clock.now();
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, rejected)) {
            state.rejected = state.current.take();
            state.pace.rejected(Arc::new(error.clone()), now);
            self.dropped.notify_one();
        }
        state.check(now)
    }

    /// Uses another secret of the app from the next call on. Makes a call now if there is no token.
    pub fn replace_secret(&self, app_secret: SecretString) {
        let app_id = self.credentials.load().app_id.clone();
        self.credentials.store(Arc::new(Credentials { app_id, app_secret }));
        self.ask_again();
    }

    /// Forgets that calls for a token have failed, because an operator has removed the cause.
    pub fn ask_again(&self) {
        let mut state = self.state();
        state.pace = TokenPace::default();
        state.causes_removed += 1;
        drop(state);
        self.dropped.notify_one();
    }

    /// Fetches a token and renews it for ever. The old token stays until there is a new one.
    pub async fn keep_fresh(&self) {
        loop {
            let renew_at = match self.fetched_unless(|token, now| token.renew_at > now).await {
                Ok(token) => token.renew_at,
                Err(TokenTrouble { error, renew_at, .. }) => {
                    let retry_in = renew_at.saturating_sub(self.clock.now());
                    tracing::error!(app = %self.key.app, %error, ?retry_in, "no tenant token");
                    renew_at
                }
            };
            tokio::select! {
                () = self.clock.sleep_until(renew_at) => {}
                () = self.dropped.notified() => {}
            }
        }
    }

    /// The token, or a new one if `is_enough` is false for it.
    async fn fetched_unless(
        &self,
        is_enough: impl Fn(&Token, Moment) -> bool,
    ) -> Result<Arc<Token>, TokenTrouble> {
        let enough = || self.usable().filter(|token| is_enough(token, self.clock.now()));
        if let Some(token) = enough() {
            return Ok(token);
        }
        let calls = self.state().calls;
        let lock = Arc::clone(&self.fetching).lock_owned().await;
        if let Some(token) = enough() {
            return Ok(token);
        }
        // A call that ended meanwhile was this caller's too, even if the pause after it is over by now.
        let shared = {
            let state = self.state();
            state.pace.trouble().filter(|_| state.calls != calls).cloned()
        };
        if let Some(trouble) = shared.or_else(|| self.blocked()) {
            return Err(trouble);
        }
        // In a task of its own: otherwise a caller that hangs up would end the call, and the next one would
        // call again.
        let source = self.clone();
        let fetch = async move {
            let _lock = lock;
            source.fetch_and_keep().await
        };
        let fetch = self.client.runtime().spawn(fetch.in_current_span());
        fetch.await.unwrap_or_else(|_| {
            let error = Arc::new(CallError::Broken {
                cause: "the process ends".to_owned(),
                is_stale: false,
            });
            Err(self.state().pace.failed(error, self.clock.now()))
        })
    }

    async fn fetch_and_keep(&self) -> Result<Arc<Token>, TokenTrouble> {
        let causes_removed = self.state().causes_removed;
        let fetched = self.fetch().await;
        let now = self.clock.now();
        self.state().calls += 1;
        match fetched {
            Ok((authorization, expires_at)) => Ok(self.keep(authorization, expires_at)),
            Err(error) => {
                let mut state = self.state();
                if state.causes_removed == causes_removed {
                    Err(state.pace.failed(Arc::new(error), now))
                } else {
                    // The call began before the cause was removed, so it says nothing about the next one.
                    Err(TokenTrouble::without_pause(Arc::new(error), now))
                }
            }
        }
    }

    fn keep(&self, authorization: HeaderValue, expires_at: Moment) -> Arc<Token> {
        let now = self.clock.now();
        let left = expires_at.saturating_sub(now);
        self.metrics.token_expires_at(&self.key.app, self.clock.wall() + left);
        let mut state = self.state();
        let renew_at = now + state.pause_before_renewal(left);
        let token = Arc::new(Token { authorization, expires_at, renew_at });
        state.current = Some(Arc::clone(&token));
        state.has_had_one = true;
        state.pace.succeeded(now);
        token
    }

    /// Takes over a token that another replica has fetched, or fetches one from Feishu for all replicas. Returns
    /// the token and the moment at which it runs out.
    async fn fetch(&self) -> Result<(HeaderValue, Moment), CallError> {
        let Some(shared) = &self.shared else {
            let (_, authorization, expires_at) = self.fetch_from_feishu().await?;
            return Ok((authorization, expires_at));
        };
        if let Some(fetched) = self.fetched_by_others(shared).await {
            return Ok(fetched);
        }
        // If sharing fails, another replica fetches a token too.
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

    /// The token that another replica has fetched or is about to fetch. None if this replica has to fetch it.
    async fn fetched_by_others(&self, shared: &SharedToken) -> Option<(HeaderValue, Moment)> {
        let look_until = self.clock.now() + LOOK_FOR;
        let own = self.usable().map_or(Moment::ZERO, |own| own.expires_at);
        loop {
            let asked_at = self.clock.now();
            let at_least = own.saturating_sub(asked_at) + SHORTEST_LIFE;
            match shared.ask(at_least).await.ok()? {
                SharedTokenReply::Token(secret, lives) => {
                    let authorization = bearer(&secret)?;
                    let rejected = self.state().rejected.clone();
                    let is_good = rejected.is_none_or(|it| it.authorization != authorization);
                    return is_good.then_some((authorization, asked_at + lives));
                }
                SharedTokenReply::Wait if asked_at < look_until => {
                    self.clock.sleep_until(asked_at + LOOK_AGAIN).await;
                }
                SharedTokenReply::Wait | SharedTokenReply::FetchIt => return None,
            }
        }
    }

    async fn fetch_from_feishu(&self) -> Result<(SecretString, HeaderValue, Moment), CallError> {
        let credentials = self.credentials.load_full();
        let Credentials { app_id, app_secret } = &*credentials;
        let started = self.clock.now();
        let api = FeishuApi::TenantAccessToken;
        let span = spans::call(api, self.client.server(), 0);
        let call = self.client.tenant_access_token(app_id, app_secret);
        let answer = call.instrument(span.clone()).await;
        let (code, took) = (label_of(&answer), self.clock.since(started));
        let failure = answer.as_ref().err();
        let log_id = failure.and_then(CallError::log_id);
        spans::called(&span, status_of(&answer), log_id, failure.map(|_| &*code));
        self.metrics.upstream(&self.key.app, api.as_str(), &code, took);
        let (secret, lives) = answer?;
        let authorization = bearer(&secret).ok_or_else(|| unusable("a token that is not valid"))?;
        if lives < SHORTEST_LIFE {
            return Err(unusable("a token that is about to expire"));
        }
        let lives = lives.min(LONGEST_LIFE);
        tracing::info!(app = %self.key.app, lives_seconds = lives.as_secs(), "tenant token fetched");
        // Counted from before the call, so that the token is never believed to live longer than it does.
        Ok((secret, authorization, started + lives))
    }

    fn state(&self) -> MutexGuard<'_, TokenState> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenState {
    fn usable(&self, now: Moment) -> Option<&Arc<Token>> {
        self.current.as_ref().filter(|token| token.expires_at > now)
    }

    fn check(&self, now: Moment) -> Result<(), TokenTrouble> {
        match self.pace.blocked(now) {
            Some(trouble) if self.usable(now).is_none() => Err(trouble.clone()),
            _ => Ok(()),
        }
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

fn unusable(detail: &'static str) -> CallError {
    CallError::Unreadable { http_status: 200, detail, log_id: None }
}
