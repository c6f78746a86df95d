//! One app's tenant token in Redis, sealed, for all replicas. One of them fetches it.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::credentials::Credentials;
use crate::clock::millis;
use crate::model::seal::Seal;
use crate::redis::{RedisClient, Unavailable};

/// A token lives at most this long (Feishu's documentation).
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(2);
/// How long one replica may take to fetch a token before another one tries: longer than a call takes.
const LEASE: Duration = Duration::from_secs(10);

/// The token of one app in Redis.
#[derive(Debug)]
pub struct SharedToken {
    redis: Arc<RedisClient>,
    script: Script,
    key: String,
    lease: String,
    seal: Seal,
    /// The holder's name in the lease.
    replica: String,
}

/// What Redis answers to a question for the token.
#[derive(Debug)]
pub(super) enum SharedTokenReply {
    /// The token, and how long it lives.
    Token(SecretString, Duration),
    /// There is no token, and this replica fetches one.
    FetchIt,
    /// There is no token, and another replica fetches one.
    Wait,
}

impl SharedToken {
    /// The token of this app, under keys that begin with `prefix`.
    #[must_use]
    pub fn new(redis: Arc<RedisClient>, prefix: &str, credentials: &Credentials) -> Self {
        let key = format!("{{{prefix}}}:token:{}", credentials.app_id);
        Self {
            redis,
            script: Script::new(include_str!("shared.lua")),
            lease: format!("{key}:lease"),
            key,
            seal: Seal::new(&credentials.app_secret),
            replica: Uuid::now_v7().to_string(),
        }
    }

    /// Asks for a token that lives longer than `at_least`.
    pub(super) async fn ask(&self, at_least: Duration) -> Result<SharedTokenReply, Unavailable> {
        // At the start the supervisor of the limits connects.
        self.redis.tried().await;
        let mut call = self.call("ask");
        call.arg(lifetime(at_least))
            .arg(lifetime(LEASE))
            .arg(&self.replica)
            .arg(lifetime(LONGEST_LIFE));
        let (sealed, left, is_free): (Vec<u8>, u64, bool) = self.redis.run("token", &call).await?;
        let token = self.seal.open(&self.key, &sealed).and_then(|it| String::from_utf8(it).ok());
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
    pub(super) async fn give(
        &self,
        token: &SecretString,
        lives: Duration,
    ) -> Result<(), Unavailable> {
        let sealed = self.seal.seal(&self.key, token.expose_secret().as_bytes());
        let mut call = self.call("give");
        call.arg(sealed).arg(lifetime(lives)).arg(&self.replica);
        self.redis.run("token", &call).await
    }

    /// No token could be fetched: other replicas may try.
    pub(super) async fn give_up(&self) -> Result<(), Unavailable> {
        let mut call = self.call("give up");
        call.arg("").arg("").arg(&self.replica);
        self.redis.run("token", &call).await
    }

    fn call(&self, operation: &str) -> ScriptInvocation<'_> {
        let mut call = self.script.key(&self.key);
        call.key(&self.lease).arg(operation);
        call
    }
}

/// Whole milliseconds, and one at least, because Redis refuses a life of none.
fn lifetime(time: Duration) -> u64 {
    millis(time).max(1)
}
