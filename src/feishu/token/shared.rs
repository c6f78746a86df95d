//! A token in Redis, sealed, for all replicas. One of them fetches it.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use secrecy::{ExposeSecret, SecretString};

use super::access_token::{Token, bearer};
use super::calls::{Issued, LONGEST_LIFE, SHORTEST_LIFE};
use super::credentials::Credentials;
use crate::clock::{Clock, Moment, millis};
use crate::model::seal::Seal;
use crate::model::tenant_key::TenantKey;
use crate::random::uuid;
use crate::redis::{RedisClient, Unavailable};

/// How long one replica may take to fetch a token before another one tries: longer than a call takes.
const LEASE: Duration = Duration::from_secs(10);
/// How often to look whether another replica has fetched a token.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long to look.
const LOOK_FOR: Duration = Duration::from_secs(10);

/// A token in Redis.
#[derive(Debug)]
pub struct SharedToken {
    app: Arc<SharedApp>,
    key: String,
    lease: String,
}

/// What the tokens of an app share.
#[derive(Debug)]
struct SharedApp {
    redis: Arc<RedisClient>,
    script: Script,
    /// What the keys of the app's tokens begin with.
    key: String,
    seal: Seal,
    /// The holder's name in the lease.
    replica: String,
}

/// What Redis answers to a question for the token.
#[derive(Debug)]
enum SharedTokenReply {
    /// The token, and how long it lives.
    Token(SecretString, Duration),
    /// There is no token, and this replica fetches one.
    FetchIt,
    /// There is no token, and another replica fetches one.
    Wait,
}

impl SharedToken {
    /// The tenant token of a self-built app, under keys that begin with `prefix`.
    #[must_use]
    pub fn self_built(redis: Arc<RedisClient>, prefix: &str, credentials: &Credentials) -> Self {
        let app = SharedApp::new(redis, prefix, credentials);
        Self::under(app.key.clone(), Arc::new(app))
    }

    /// The app token of a store app, under keys that begin with `prefix`.
    #[must_use]
    pub fn store_app(redis: Arc<RedisClient>, prefix: &str, credentials: &Credentials) -> Self {
        let app = SharedApp::new(redis, prefix, credentials);
        Self::under(format!("{}:app", app.key), Arc::new(app))
    }

    /// The token of the same store app in a tenant.
    #[must_use]
    pub(super) fn in_tenant(&self, tenant: &TenantKey) -> Self {
        Self::under(format!("{}:tenant:{tenant}", self.app.key), Arc::clone(&self.app))
    }

    fn under(key: String, app: Arc<SharedApp>) -> Self {
        Self { app, lease: format!("{key}:lease"), key }
    }

    /// The token that another replica has fetched or is about to fetch, if it lives longer than `own`. None if this
    /// replica has to fetch it. Feishu has rejected `rejected`.
    pub(super) async fn fetched_by_others(
        &self,
        clock: &Clock,
        own: Moment,
        rejected: Option<&Token>,
    ) -> Option<Issued> {
        let look_until = clock.now() + LOOK_FOR;
        loop {
            let asked_at = clock.now();
            let at_least = own.saturating_sub(asked_at) + SHORTEST_LIFE;
            match self.ask(at_least).await.ok()? {
                SharedTokenReply::Token(secret, lives) => {
                    let authorization = bearer(&secret)?;
                    let is_good = rejected.is_none_or(|it| it.authorization != authorization);
                    let expires_at = asked_at + lives;
                    return is_good.then_some(Issued { secret, authorization, expires_at });
                }
                SharedTokenReply::Wait if asked_at < look_until => {
                    clock.sleep_until(asked_at + LOOK_AGAIN).await;
                }
                SharedTokenReply::Wait | SharedTokenReply::FetchIt => return None,
            }
        }
    }

    /// Tells the other replicas what came of this replica's call. If that fails, another replica fetches a token too.
    pub(super) async fn fetched<E>(&self, clock: &Clock, result: &Result<Issued, E>) {
        let _ = match result {
            Ok(token) => {
                self.give(&token.secret, token.expires_at.saturating_sub(clock.now())).await
            }
            Err(_) => self.give_up().await,
        };
    }

    /// Asks for a token that lives longer than `at_least`.
    async fn ask(&self, at_least: Duration) -> Result<SharedTokenReply, Unavailable> {
        // At the start the supervisor of the limits connects.
        self.app.redis.tried().await;
        let mut call = self.call("ask");
        call.arg(lifetime(at_least))
            .arg(lifetime(LEASE))
            .arg(&self.app.replica)
            .arg(lifetime(LONGEST_LIFE));
        let (sealed, left, is_free): (Vec<u8>, u64, bool) =
            self.app.redis.run("token", &call).await?;
        let token =
            self.app.seal.open(&self.key, &sealed).and_then(|it| String::from_utf8(it).ok());
        Ok(match token {
            Some(token) => {
                SharedTokenReply::Token(token.into(), Duration::from_millis(left).min(LONGEST_LIFE))
            }
            // A token that cannot be opened was sealed with another secret.
            None if is_free || !sealed.is_empty() => SharedTokenReply::FetchIt,
            None => SharedTokenReply::Wait,
        })
    }

    /// Shares a token with the other replicas.
    async fn give(&self, token: &SecretString, lives: Duration) -> Result<(), Unavailable> {
        let sealed = self.app.seal.seal(&self.key, token.expose_secret().as_bytes());
        let mut call = self.call("give");
        call.arg(sealed).arg(lifetime(lives)).arg(&self.app.replica);
        self.app.redis.run("token", &call).await
    }

    /// No token could be fetched: other replicas may try.
    async fn give_up(&self) -> Result<(), Unavailable> {
        let mut call = self.call("give up");
        call.arg("").arg("").arg(&self.app.replica);
        self.app.redis.run("token", &call).await
    }

    fn call(&self, operation: &str) -> ScriptInvocation<'_> {
        let mut call = self.app.script.key(&self.key);
        call.key(&self.lease).arg(operation);
        call
    }
}

impl SharedApp {
    fn new(redis: Arc<RedisClient>, prefix: &str, credentials: &Credentials) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("shared.lua")),
            key: format!("{{{prefix}}}:token:{}", credentials.app_id),
            seal: Seal::new(&credentials.app_secret),
            replica: uuid().to_string(),
        }
    }
}

/// Whole milliseconds, and one at least, because Redis refuses a life of none.
fn lifetime(time: Duration) -> u64 {
    millis(time).max(1)
}
