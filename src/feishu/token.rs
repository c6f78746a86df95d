//! Tenant tokens: one per app, fetched once however many need it, renewed before it runs out.
//!
//! A token lives at most two hours. Asked with 30 minutes or more left, Feishu returns the same
//! token; with less it returns a new one and both are valid (Feishu's documentation). So renewal
//! begins when 30 minutes are left, and a renewal that fails costs nothing for a long while.
//!
//! Where replicas share a Redis, one of them fetches the token and the others take it over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use moka::future::Cache;
use moka::ops::compute::Op;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::client::Client;
use super::error::{CallError, label_of};
use super::shared_token::{Asked, SharedToken};
use crate::clock::{Clock, Moment};
use crate::telemetry::metrics::Metrics;

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
}

impl Token {
    /// The value of the `Authorization` header.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }
}

/// One app's tenant token.
#[derive(Debug)]
pub struct TokenSource {
    app: Arc<str>,
    /// Replaced when the app gets another secret.
    credentials: Arc<ArcSwap<Credentials>>,
    client: Client,
    clock: Clock,
    metrics: Metrics,
    runtime: Handle,
    /// Holds one entry; it is a cache for its single flight.
    current: Cache<(), Arc<Token>>,
    /// Wakes `keep_fresh` when there is no token any more.
    dropped: Notify,
    /// Where replicas share it.
    shared: Option<SharedToken>,
    /// The last one that Feishu rejected, which replicas may still share.
    rejected: Mutex<Option<Arc<Token>>>,
}

/// Time left at which renewal begins: from then on Feishu hands out a new token.
const RENEW_WITH_LEFT: Duration = Duration::from_mins(30);
/// A token lives at most this long (Feishu's documentation).
const LONGEST_LIFE: Duration = Duration::from_hours(2);
/// Pause between two tries of a renewal that fails, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Time left with which a token that another replica has fetched is worth taking.
const WORTHWHILE: Duration = Duration::from_secs(10);
/// How often to look if another replica has fetched one, and for how long.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOK_FOR: Duration = Duration::from_secs(10);

impl TokenSource {
    /// Has no token yet; it will be fetched on the runtime that this is called in.
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
            runtime: Handle::current(),
            current: Cache::new(1),
            dropped: Notify::new(),
            shared: None,
            rejected: Mutex::default(),
        }
    }

    /// The same, shared with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedToken) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// The token, if there is one that can be used now; asks nobody.
    pub async fn usable(&self) -> Option<Arc<Token>> {
        self.current.get(&()).await.filter(|token| token.expires_at > self.clock.now())
    }

    /// The token, fetched first if there is no valid one. All who ask at once share one call.
    pub async fn get(&self) -> Result<Arc<Token>, Arc<CallError>> {
        if let Some(token) = self.current.get(&()).await {
            if token.expires_at > self.clock.now() {
                return Ok(token);
            }
            self.reject(&token).await;
        }
        self.current.try_get_with((), self.fetch()).await
    }

    /// Drops a token that Feishu rejected or that ran out, unless there is another one already.
    pub async fn reject(&self, rejected: &Arc<Token>) {
        let entry = self.current.entry(());
        let drop_it = |current: Option<moka::Entry<(), Arc<Token>>>| async {
            match current {
                Some(current) if Arc::ptr_eq(current.value(), rejected) => {
                    *self.last_rejected() = Some(Arc::clone(rejected));
                    self.dropped.notify_one();
                    Op::Remove
                }
                _ => Op::Nop,
            }
        };
        entry.and_compute_with(drop_it).await;
    }

    /// Uses another secret of the app from the next call on, and makes one now if there is no token.
    pub fn replace_secret(&self, app_secret: SecretString) {
        let app_id = self.credentials.load().app_id.clone();
        self.credentials.store(Arc::new(Credentials { app_id, app_secret }));
        self.ask_again();
    }

    /// Asks for a token now if there is none: an operator says that the cause is gone.
    pub fn ask_again(&self) {
        self.dropped.notify_one();
    }

    /// Fetches a token at the start and renews it for ever, keeping the old one until a new one is
    /// there.
    pub async fn keep_fresh(&self) {
        let mut fetched = self.get().await;
        let mut pause = FIRST_PAUSE;
        loop {
            let renew_at = match &fetched {
                Ok(token) => {
                    pause = FIRST_PAUSE;
                    self.renewal_of(token)
                }
                Err(error) => {
                    tracing::error!(app = %self.app, %error, retry_in = ?pause, "no tenant token");
                    let next_try = self.clock.now() + pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    next_try
                }
            };
            fetched = tokio::select! {
                () = self.clock.sleep_until(renew_at) => self.renew().await,
                () = self.dropped.notified() => self.get().await,
            };
        }
    }

    /// When to renew a token: with 30 minutes left. One that has no more than that is either the old
    /// one, which Feishu hands out until just then, or a new one that lives for a short time.
    fn renewal_of(&self, token: &Token) -> Moment {
        let now = self.clock.now();
        let left = token.expires_at.saturating_sub(now);
        let pause = match left.checked_sub(RENEW_WITH_LEFT) {
            Some(pause) if !pause.is_zero() => pause,
            Some(_) => FIRST_PAUSE,
            None => left / 2,
        };
        now + pause.max(FIRST_PAUSE)
    }

    async fn renew(&self) -> Result<Arc<Token>, Arc<CallError>> {
        if self.usable().await.is_none() {
            // Nobody can forward without one: share the call with those who wait for it.
            return self.get().await;
        }
        let fresh = self.fetch().await?;
        self.current.insert((), Arc::clone(&fresh)).await;
        Ok(fresh)
    }

    /// A token that another replica has fetched, or one from Feishu, for all.
    async fn fetch(&self) -> Result<Arc<Token>, CallError> {
        let Some(shared) = &self.shared else {
            let (_, token) = self.fetch_from_feishu().await?;
            return Ok(token);
        };
        if let Some(token) = Box::pin(self.fetched_by_others(shared)).await {
            return Ok(token);
        }
        // Nobody waits for what becomes of the sharing: without it, another replica fetches one too.
        match self.fetch_from_feishu().await {
            Ok((secret, token)) => {
                let lives = token.expires_at.saturating_sub(self.clock.now());
                let _ = shared.give(&secret, lives).await;
                Ok(token)
            }
            Err(error) => {
                let _ = shared.give_up().await;
                Err(error)
            }
        }
    }

    /// The token that another replica has fetched or is about to; none where this one is to fetch it.
    async fn fetched_by_others(&self, shared: &SharedToken) -> Option<Arc<Token>> {
        let look_until = self.clock.now() + LOOK_FOR;
        let own = self.usable().await.map_or(Moment::ZERO, |own| own.expires_at);
        loop {
            let asked_at = self.clock.now();
            let at_least = own.saturating_sub(asked_at) + WORTHWHILE;
            match shared.ask(at_least).await.ok()? {
                Asked::Token(secret, lives) => {
                    let authorization = bearer(&secret).ok()?;
                    let rejected = self.last_rejected().clone();
                    let is_good = rejected.is_none_or(|it| it.authorization != authorization);
                    return is_good.then(|| self.adopt(authorization, asked_at + lives));
                }
                Asked::Wait if asked_at < look_until => {
                    self.clock.sleep_until(asked_at + LOOK_AGAIN).await;
                }
                Asked::Wait | Asked::FetchIt => return None,
            }
        }
    }

    async fn fetch_from_feishu(&self) -> Result<(SecretString, Arc<Token>), CallError> {
        let started = self.clock.now();
        let answer = self.call().await;
        let (code, took) = (label_of(&answer), self.clock.since(started));
        self.metrics.upstream(&self.app, "tenant_access_token", &code, took);
        let (secret, lives) = answer?;
        let lives = lives.min(LONGEST_LIFE);
        tracing::info!(app = %self.app, lives_seconds = lives.as_secs(), "tenant token fetched");
        // Counted from before the call, so that it never seems to live longer than it does.
        let token = self.adopt(bearer(&secret)?, started + lives);
        Ok((secret, token))
    }

    fn adopt(&self, authorization: HeaderValue, expires_at: Moment) -> Arc<Token> {
        let left = expires_at.saturating_sub(self.clock.now());
        self.metrics.token_expires_at(&self.app, self.clock.wall() + left);
        Arc::new(Token { authorization, expires_at })
    }

    fn last_rejected(&self) -> std::sync::MutexGuard<'_, Option<Arc<Token>>> {
        // No code that can panic runs under this lock.
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls on the runtime that this was made in: it outlives the workers and their callers.
    async fn call(&self) -> Result<(SecretString, Duration), CallError> {
        let (client, credentials) = (self.client.clone(), self.credentials.load_full());
        let call = self.runtime.spawn(async move {
            client.tenant_access_token(&credentials.app_id, &credentials.app_secret).await
        });
        call.await.unwrap_or_else(|_| Err(CallError::Broken("the process ends".to_owned())))
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, CallError> {
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| CallError::Unreadable {
            http_status: 200,
            detail: "a token that fits no header",
            log_id: None,
        })?;
    authorization.set_sensitive(true);
    Ok(authorization)
}
