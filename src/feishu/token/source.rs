//! A token, fetched once however many calls need it, and renewed before it runs out.
//!
//! A token lives for two hours at most. Feishu returns the same token while it has 30 minutes or more left,
//! and a new one after that; then both are valid (Feishu's documentation). So renewal begins when 30 minutes
//! are left, and a renewal that fails costs nothing for a long while.
//!
//! A self-built app's tenant token and a store app's app token are renewed by a timer. A store app has a token in each
//! tenant, which a forward renews that uses it: so a tenant that nobody forwards to costs no calls.
//!
//! Where replicas share a Redis, one of them fetches the token and the others take it over.

#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use secrecy::SecretString;
use tokio::sync::{Notify, OwnedMutexGuard};
use tracing::Instrument;

use super::access_token::Token;
use super::calls::{Issued, TokenCalls};
use super::credentials::Credentials;
use super::fetch_error::FetchError;
use super::issuer::AppIssuer;
use super::pace::{TokenPace, TokenTrouble};
use super::shared::SharedToken;
use super::state::TokenState;
use super::tickets::AppTickets;
use crate::clock::{Clock, Moment};
use crate::feishu::client::Client;
use crate::feishu::codes::Retry;
use crate::feishu::error::CallError;
use crate::model::feishu_api::FeishuApi;
use crate::model::tenant_key::TenantKey;
use crate::telemetry::metrics::Metrics;

/// A token of an app. Clones share it.
#[derive(Clone, Debug)]
pub struct TokenSource {
    issuer: Arc<Issuer>,
    calls: Arc<TokenCalls>,
    state: Arc<Mutex<TokenState>>,
    /// Held during a fetch: other calls wait for its result.
    fetching: Arc<tokio::sync::Mutex<()>>,
    /// Wakes `keep_fresh` when a token was dropped.
    dropped: Arc<Notify>,
    /// Where replicas share it.
    shared: Option<Arc<SharedToken>>,
}

/// For what Feishu issues the token. It is here because the token of a tenant has a source itself.
#[derive(Debug)]
enum Issuer {
    /// For what an app has: a self-built app's tenant token, or a store app's app token.
    App(AppIssuer),
    /// For a store app's app token: a tenant token.
    StoreTenant { app: TokenSource, tenant: TenantKey },
}

type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Issued, FetchError>> + Send + 'a>>;

impl TokenSource {
    /// The tenant token of the self-built app with this name. There is none yet.
    #[must_use]
    pub fn self_built(
        app: Arc<str>,
        credentials: Credentials,
        client: Client,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let calls = Arc::new(TokenCalls { app, client, clock, metrics });
        Self::of_app(AppIssuer::SelfBuilt(ArcSwap::from_pointee(credentials)), calls)
    }

    /// The app token of the store app that has these tickets. There is none yet.
    #[must_use]
    pub fn store_app(tickets: &AppTickets) -> Self {
        Self::of_app(AppIssuer::StoreApp(tickets.clone()), tickets.calls())
    }

    /// The token of a store app in a tenant. `app` is the source of its app token, and shares the token with other
    /// replicas if that is shared. There is none yet.
    #[must_use]
    pub fn store_tenant(app: &Self, tenant: TenantKey) -> Self {
        let shared = app.shared.as_ref().map(|it| Arc::new(it.in_tenant(&tenant)));
        let issuer = Issuer::StoreTenant { app: app.clone(), tenant };
        let source = Self::of(issuer, Arc::clone(&app.calls), FeishuApi::StoreTenantAccessToken);
        Self { shared, ..source }
    }

    fn of_app(issuer: AppIssuer, calls: Arc<TokenCalls>) -> Self {
        let api = issuer.api();
        Self::of(Issuer::App(issuer), calls, api)
    }

    fn of(issuer: Issuer, calls: Arc<TokenCalls>, api: FeishuApi) -> Self {
        calls.metrics.begin_calls(&calls.app, api);
        Self {
            issuer: Arc::new(issuer),
            calls,
            state: Arc::default(),
            fetching: Arc::default(),
            dropped: Arc::default(),
            shared: None,
        }
    }

    /// A source that shares its token with other replicas, if there are any.
    #[must_use]
    pub fn shared_by(self, shared: Option<SharedToken>) -> Self {
        Self { shared: shared.map(Arc::new), ..self }
    }

    /// The token, if there is one that is valid now. Makes no call.
    #[must_use]
    pub fn usable(&self) -> Option<Arc<Token>> {
        let now = self.calls.clock.now();
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

    /// Why no call for a token may be made now. A tenant's token needs an app token first.
    #[must_use]
    pub fn blocked(&self) -> Option<TokenTrouble> {
        let now = self.calls.clock.now();
        let own = self.state().pace.blocked(now).cloned();
        own.or_else(|| self.app_token()?.check().err())
    }

    /// Whether there is a token, or a call for one may be made now.
    pub fn check(&self) -> Result<(), TokenTrouble> {
        match self.usable() {
            Some(_) => Ok(()),
            None => self.blocked().map_or(Ok(()), Err),
        }
    }

    /// The token, fetched first if there is no valid one. Concurrent callers share one call. After a call that
    /// failed they share its failure for a while. If it is time to renew the token of a tenant, that begins now.
    pub async fn get(&self) -> Result<Arc<Token>, TokenTrouble> {
        if let Some(token) = self.usable() {
            if self.app_token().is_some() && token.renew_at <= self.calls.clock.now() {
                self.renew_in_background();
            }
            return Ok(token);
        }
        // Boxed because the future is large and rarely needed: it would be moved with every forward.
        Box::pin(self.fetched_unless(|_, _| true)).await
    }

    /// Drops a token that Feishu rejected, unless there is another one already. Returns whether there is a token,
    /// or a call for one may be made now. `keep_fresh` makes that call at once: if it has failed when the caller
    /// gets the token, the caller shares the failure.
    pub fn reject(&self, rejected: &Arc<Token>, error: &CallError) -> Result<(), TokenTrouble> {
        let now = self.calls.clock.now();
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, rejected)) {
            state.rejected = state.current.take();
            state.pace.rejected(Arc::new(error.clone()), now);
            self.dropped.notify_one();
        }
        drop(state);
        self.check()
    }

    /// Uses another secret of the app from the next call on. `keep_fresh` makes that call now if there is no token.
    pub fn replace_secret(&self, app_secret: SecretString) {
        match &*self.issuer {
            Issuer::App(issuer) => issuer.replace_secret(app_secret),
            Issuer::StoreTenant { app, .. } => app.replace_secret(app_secret),
        }
        self.ask_again();
    }

    /// Forgets that calls for a token have failed, because an operator has removed the cause.
    pub fn ask_again(&self) {
        if let Issuer::App(issuer) = &*self.issuer {
            issuer.ask_again();
        }
        self.forget_failures();
    }

    fn forget_failures(&self) {
        let mut state = self.state();
        state.pace = TokenPace::default();
        state.causes_removed += 1;
        drop(state);
        self.dropped.notify_one();
    }

    /// Fetches a token and renews it for ever. The old token stays until there is a new one. Not for the tokens of
    /// tenants, which are renewed when they are used.
    pub async fn keep_fresh(&self) {
        let mut tickets = match &*self.issuer {
            Issuer::App(issuer) => issuer.ticket_arrivals(),
            Issuer::StoreTenant { .. } => None,
        };
        loop {
            let renew_at = match self.fetched_unless(|token, now| token.renew_at > now).await {
                Ok(token) => token.renew_at,
                Err(TokenTrouble { error, renew_at, .. }) => {
                    let retry_in = renew_at.saturating_sub(self.calls.clock.now());
                    let (app, kind) = (&self.calls.app, self.kind());
                    tracing::error!(%app, %error, ?retry_in, "no {kind} token");
                    renew_at
                }
            };
            let ticket_arrived = async {
                match &mut tickets {
                    Some(tickets) => tickets.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.calls.clock.sleep_until(renew_at) => {}
                () = self.dropped.notified() => {}
                // The ticket that was missing, or another one than the one that was refused.
                _ = ticket_arrived => self.forget_failures(),
            }
        }
    }

    /// Begins to renew a token, unless that goes on already, or has failed a short while ago.
    fn renew_in_background(&self) {
        let Ok(lock) = Arc::clone(&self.fetching).try_lock_owned() else { return };
        let now = self.calls.clock.now();
        // A renewal may have ended just now.
        let is_renewed = self.usable().is_some_and(|token| token.renew_at > now);
        let has_failed = self.trouble().is_some_and(|trouble| trouble.renew_at > now);
        if is_renewed || has_failed || self.blocked().is_some() {
            return;
        }
        let renewal = self.fetch_and_keep(lock);
        self.calls.client.runtime().spawn(async move {
            if let Err(TokenTrouble { error, .. }) = renewal.await {
                tracing::warn!(%error, "the token of a tenant was not renewed");
            }
        });
    }

    /// The token, or a new one if `is_enough` is false for it.
    async fn fetched_unless(
        &self,
        is_enough: impl Fn(&Token, Moment) -> bool,
    ) -> Result<Arc<Token>, TokenTrouble> {
        let enough = || self.usable().filter(|token| is_enough(token, self.calls.clock.now()));
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
        let fetch = self.fetch_and_keep(lock).in_current_span();
        let fetch = self.calls.client.runtime().spawn(fetch);
        fetch.await.unwrap_or_else(|_| {
            let error = Arc::new(CallError::Broken {
                cause: "the process ends".to_owned(),
                is_stale: false,
            });
            Err(self.state().pace.failed(error, self.calls.clock.now()))
        })
    }

    fn fetch_and_keep(
        &self,
        lock: OwnedMutexGuard<()>,
    ) -> impl Future<Output = Result<Arc<Token>, TokenTrouble>> + Send + 'static {
        let source = self.clone();
        async move {
            let _lock = lock;
            let causes_removed = source.state().causes_removed;
            let fetched = source.fetch().await;
            let now = source.calls.clock.now();
            let error = match fetched {
                Ok(issued) => return Ok(source.keep(issued, now)),
                Err(FetchError::NoAppToken(trouble)) => return Err(trouble),
                Err(FetchError::Call(error)) => Arc::new(error),
            };
            let mut state = source.state();
            state.calls += 1;
            if state.causes_removed == causes_removed {
                Err(state.pace.failed(error, now))
            } else {
                // The call began before the cause was removed, so it says nothing about the next one.
                Err(TokenTrouble::without_pause(error, now))
            }
        }
    }

    fn keep(&self, issued: Issued, now: Moment) -> Arc<Token> {
        let TokenCalls { app, clock, metrics, .. } = &*self.calls;
        let token = {
            let mut state = self.state();
            state.calls += 1;
            state.keep(issued, now)
        };
        // Tenants are no labels.
        if self.app_token().is_none() {
            metrics.token_expires_at(app, clock.wall_at(token.expires_at));
        }
        token
    }

    /// Takes over a token that another replica has fetched, or fetches one from Feishu for all replicas.
    async fn fetch(&self) -> Result<Issued, FetchError> {
        let Some(shared) = &self.shared else { return self.fetch_from_feishu().await };
        let clock = &self.calls.clock;
        let (own, rejected) = {
            let state = self.state();
            let own = state.usable(clock.now()).map_or(Moment::ZERO, |own| own.expires_at);
            (own, state.rejected.clone())
        };
        if let Some(token) = shared.fetched_by_others(clock, own, rejected.as_deref()).await {
            return Ok(token);
        }
        let fetched = self.fetch_from_feishu().await;
        shared.fetched(clock, &fetched).await;
        fetched
    }

    /// Boxed, because a fetch for a tenant contains one of the app token.
    fn fetch_from_feishu(&self) -> Fetching<'_> {
        Box::pin(async move {
            match &*self.issuer {
                Issuer::App(issuer) => {
                    let token = issuer.fetch(&self.calls).await?;
                    let lives = token.expires_at.saturating_sub(self.calls.clock.now());
                    let (app, kind) = (&self.calls.app, issuer.kind());
                    tracing::info!(%app, lives_seconds = lives.as_secs(), "{kind} token fetched");
                    Ok(token)
                }
                // Not logged, because an app can have thousands of tenants.
                Issuer::StoreTenant { app, tenant } => self.fetch_for_tenant(app, tenant).await,
            }
        })
    }

    /// Fetches a tenant token for the app token, and once more for another one if Feishu rejects that.
    async fn fetch_for_tenant(&self, app: &Self, tenant: &TenantKey) -> Result<Issued, FetchError> {
        let app_token = app.get().await?;
        match self.calls.store_tenant_token(&app_token.secret(), tenant).await {
            // The call has no other token that Feishu can reject.
            Err(error) if error.retry() == Some(Retry::RefreshTokenOnce) => {
                app.reject(&app_token, &error)?;
                let app_token = app.get().await?;
                Ok(self.calls.store_tenant_token(&app_token.secret(), tenant).await?)
            }
            issued => Ok(issued?),
        }
    }

    /// The source of the app token, if this is a tenant's token of a store app.
    fn app_token(&self) -> Option<&Self> {
        match &*self.issuer {
            Issuer::StoreTenant { app, .. } => Some(app),
            Issuer::App(_) => None,
        }
    }

    /// What the token is called.
    fn kind(&self) -> &'static str {
        match &*self.issuer {
            Issuer::App(issuer) => issuer.kind(),
            Issuer::StoreTenant { .. } => "tenant",
        }
    }

    fn state(&self) -> MutexGuard<'_, TokenState> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
