//! Tenant tokens: one per app, fetched once however many need it, renewed before it runs out.
//!
//! A token lives at most two hours. Asked with 30 minutes or more left, Feishu returns the same
//! token; with less it returns a new one and both are valid (Feishu's documentation). So renewal
//! begins when 30 minutes are left, and a renewal that fails costs nothing for a long while.
//!
//! Where replicas share a Redis, one of them fetches the token and the others take it over.

mod fetching;
mod pace;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use tokio::sync::Notify;

use super::client::Client;
use super::error::CallError;
use super::shared_token::SharedToken;
use crate::clock::{Clock, Moment};
use crate::telemetry::metrics::Metrics;
use pace::Pace;
pub use pace::Trouble;

/// Who the gateway is to Feishu.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The app's id, `cli_…`.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: SecretString,
}

/// A tenant token.
#[derive(Clone, Debug)]
pub struct Token {
    /// `Bearer …`, marked as sensitive, so that it is not printed.
    authorization: HeaderValue,
    expires_at: Moment,
    renew_at: Moment,
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
}

/// One app's tenant token; clones are the same.
#[derive(Clone, Debug)]
pub struct TokenSource {
    app: Arc<str>,
    /// Replaced when the app gets another secret.
    credentials: Arc<ArcSwap<Credentials>>,
    client: Client,
    clock: Clock,
    metrics: Metrics,
    state: Arc<Mutex<State>>,
    /// Held by whoever fetches one: the others wait for what becomes of it.
    fetching: Arc<tokio::sync::Mutex<()>>,
    /// Wakes `keep_fresh` when there is no token any more.
    dropped: Arc<Notify>,
    /// Where replicas share it.
    shared: Option<Arc<SharedToken>>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<Token>>,
    /// The last one that Feishu rejected, which replicas may still share.
    rejected: Option<Arc<Token>>,
    has_had_one: bool,
    /// Tokens in a row that were to be renewed soon after they had come.
    soon: u32,
    pace: Pace,
}

/// Time left at which renewal begins: from then on Feishu hands out a new token.
const RENEW_WITH_LEFT: Duration = Duration::from_mins(30);
/// A token lives at most this long (Feishu's documentation).
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(2);
/// What lives shorter than this when it comes is of no use: a forward could not be sure of it.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);
/// The shortest pause before a renewal.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// A renewal that comes earlier than this after a token is one that comes soon. Two of them bring a token
/// that is renewed when Feishu no longer hands out the same one.
const SOON: Duration = Duration::from_mins(1);
const SOON_IN_A_ROW: u32 = 2;

impl TokenSource {
    /// Has no token yet.
    #[must_use]
    pub fn new(
        app: Arc<str>,
        credentials: Credentials,
        client: Client,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self {
            app,
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

    /// The same, shared with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedToken) -> Self {
        Self { shared: Some(Arc::new(shared)), ..self }
    }

    /// The token, if there is one that can be used now; asks nobody.
    #[must_use]
    pub fn usable(&self) -> Option<Arc<Token>> {
        let now = self.clock.now();
        self.state().current.clone().filter(|token| token.expires_at > now)
    }

    /// Whether there has ever been one.
    #[must_use]
    pub fn has_had_one(&self) -> bool {
        self.state().has_had_one
    }

    /// Why there is no token, or no new one though it was time.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.state().pace.trouble().cloned()
    }

    /// Why no call for a token is made now.
    #[must_use]
    pub fn closed(&self) -> Option<Trouble> {
        let now = self.clock.now();
        self.state().pace.closed(now).cloned()
    }

    /// The token, fetched first if there is no valid one. All who ask at once share one call, and after
    /// one that failed they share its failure for a while.
    pub async fn get(&self) -> Result<Arc<Token>, Trouble> {
        self.fetched_unless(|_, _| true).await
    }

    /// Drops a token that Feishu rejected, unless there is another one already.
    pub fn reject(&self, rejected: &Arc<Token>, error: &CallError) {
        let now = self.clock.now();
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, rejected)) {
            state.rejected = state.current.take();
            state.pace.rejected(Arc::new(error.clone()), now);
            self.dropped.notify_one();
        }
    }

    /// Uses another secret of the app from the next call on, and makes one now if there is no token.
    pub fn replace_secret(&self, app_secret: SecretString) {
        let app_id = self.credentials.load().app_id.clone();
        self.credentials.store(Arc::new(Credentials { app_id, app_secret }));
        self.ask_again();
    }

    /// Forgets that calls for a token have failed: an operator says that the cause is gone.
    pub fn ask_again(&self) {
        self.state().pace = Pace::default();
        self.dropped.notify_one();
    }

    /// Fetches a token at the start and renews it for ever, keeping the old one until a new one is
    /// there.
    pub async fn keep_fresh(&self) {
        loop {
            let renew_at = match self.fetched_unless(|token, now| token.renew_at > now).await {
                Ok(token) => token.renew_at,
                Err(Trouble { error, renew_at, .. }) => {
                    let retry_in = renew_at.saturating_sub(self.clock.now());
                    tracing::error!(app = %self.app, %error, ?retry_in, "no tenant token");
                    renew_at
                }
            };
            tokio::select! {
                () = self.clock.sleep_until(renew_at) => {}
                () = self.dropped.notified() => {}
            }
        }
    }

    /// The token, or a new one where it is not enough.
    async fn fetched_unless(
        &self,
        is_enough: impl Fn(&Token, Moment) -> bool,
    ) -> Result<Arc<Token>, Trouble> {
        let enough = || self.usable().filter(|token| is_enough(token, self.clock.now()));
        if let Some(token) = enough() {
            return Ok(token);
        }
        let turn = Arc::clone(&self.fetching).lock_owned().await;
        if let Some(token) = enough() {
            return Ok(token);
        }
        if let Some(trouble) = self.closed() {
            return Err(trouble);
        }
        // In a task of its own: whoever hangs up would else have the next one call anew.
        let source = self.clone();
        let fetch = self.client.runtime().spawn(async move {
            let _turn = turn;
            source.fetch_and_keep().await
        });
        fetch.await.unwrap_or_else(|_| {
            let error = Arc::new(CallError::Broken {
                cause: "the process ends".to_owned(),
                is_stale: false,
            });
            Err(self.state().pace.failed(error, self.clock.now()))
        })
    }

    async fn fetch_and_keep(&self) -> Result<Arc<Token>, Trouble> {
        match self.fetch().await {
            Ok((authorization, expires_at)) => Ok(self.keep(authorization, expires_at)),
            Err(error) => Err(self.state().pace.failed(Arc::new(error), self.clock.now())),
        }
    }

    fn keep(&self, authorization: HeaderValue, expires_at: Moment) -> Arc<Token> {
        let now = self.clock.now();
        let left = expires_at.saturating_sub(now);
        self.metrics.token_expires_at(&self.app, self.clock.wall() + left);
        let mut state = self.state();
        let renew_at = now + state.pause_before_renewal(left);
        let token = Arc::new(Token { authorization, expires_at, renew_at });
        state.current = Some(Arc::clone(&token));
        state.has_had_one = true;
        state.pace.succeeded(now);
        token
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When to renew a token that lives so long: with 30 minutes left. One that has no more than that is
    /// either the old one, which Feishu hands out until just then, or a new one that lives for a short time.
    fn pause_before_renewal(&mut self, left: Duration) -> Duration {
        let pause = match left.checked_sub(RENEW_WITH_LEFT) {
            Some(pause) if pause >= SOON || self.soon <= SOON_IN_A_ROW => pause,
            _ => left / 2,
        };
        self.soon = if pause < SOON { self.soon + 1 } else { 0 };
        pause.max(SHORTEST_PAUSE)
    }
}
