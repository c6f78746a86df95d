//! One app's tenant token for all replicas: one of them fetches it, and in Redis it is sealed.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::token::{Credentials, LONGEST_LIFE};
use crate::store::{Gone, Seal, Store};

/// How long one replica may fetch before another one tries: longer than a call takes.
const LEASE: Duration = Duration::from_secs(10);

/// The place of an app's token.
#[derive(Debug)]
pub struct SharedToken {
    store: Arc<Store>,
    script: Script,
    key: String,
    lease: String,
    seal: Seal,
    /// Whose lease it is.
    replica: String,
}

/// What there is in that place.
#[derive(Debug)]
pub(super) enum Asked {
    /// A token, and how long it lives.
    Token(SecretString, Duration),
    /// Nothing: fetch one.
    FetchIt,
    /// Nothing, but another replica fetches one.
    Wait,
}

impl SharedToken {
    /// The place of this app's token, in Redis under names that begin with `prefix`.
    #[must_use]
    pub fn new(store: Arc<Store>, prefix: &str, credentials: &Credentials) -> Self {
        let key = format!("{{{prefix}}}:token:{}", credentials.app_id);
        Self {
            store,
            script: Script::new(include_str!("shared_token.lua")),
            lease: format!("{key}:lease"),
            key,
            seal: Seal::new(&credentials.app_secret),
            replica: Uuid::now_v7().to_string(),
        }
    }

    /// A token that lives longer than `at_least`, or who fetches one.
    pub(super) async fn ask(&self, at_least: Duration) -> Result<Asked, Gone> {
        // At the start the limits' beat connects.
        self.store.tried().await;
        let mut call = self.call("ask");
        call.arg(millis(at_least)).arg(millis(LEASE)).arg(&self.replica).arg(millis(LONGEST_LIFE));
        let (sealed, left, is_free): (Vec<u8>, u64, bool) = self.store.run("token", &call).await?;
        let token = self.seal.open(&self.key, &sealed).and_then(|it| String::from_utf8(it).ok());
        Ok(match token {
            Some(token) => {
                Asked::Token(token.into(), Duration::from_millis(left).min(LONGEST_LIFE))
            }
            // One that cannot be opened was sealed with another secret.
            None if is_free || !sealed.is_empty() => Asked::FetchIt,
            None => Asked::Wait,
        })
    }

    /// Shares a token.
    pub(super) async fn give(&self, token: &SecretString, lives: Duration) -> Result<(), Gone> {
        let sealed = self.seal.seal(&self.key, token.expose_secret().as_bytes());
        let mut call = self.call("give");
        call.arg(sealed).arg(millis(lives)).arg(&self.replica);
        self.store.run("token", &call).await
    }

    /// It could not be fetched: others may try.
    pub(super) async fn give_up(&self) -> Result<(), Gone> {
        let mut call = self.call("give up");
        call.arg("").arg("").arg(&self.replica);
        self.store.run("token", &call).await
    }

    fn call(&self, operation: &str) -> ScriptInvocation<'_> {
        let mut call = self.script.key(&self.key);
        call.key(&self.lease).arg(operation);
        call
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
