//! What stands under a `uuid` that a caller has chosen, known to all replicas: what one of them has sent,
//! another one neither denies nor lets be lost. Nothing is replayed, as Feishu replays nothing either.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use uuid::Uuid;

use super::identity::Identity;
use super::register::{End, HOUR, REMEMBERED, Reused};
use crate::clock::Clock;
use crate::store::{Gone, Store};

/// How long a `uuid` is held of which nothing went out.
const KEPT: Duration = Duration::from_mins(1);

/// The `uuid`s of all callers, in Redis.
#[derive(Debug)]
pub struct SharedUuids {
    store: Arc<Store>,
    clock: Clock,
    script: Script,
    prefix: String,
}

/// What earlier attempts came to, also at other replicas, and how long ago the first of them was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) age: Duration,
    pub(super) is_out: bool,
}

/// A forward at work under a `uuid`. The other replicas hear what became of it when the last clone of it is
/// dropped.
#[derive(Debug)]
pub(super) struct Joined {
    uuids: Arc<SharedUuids>,
    identity: Identity,
    owner: String,
    became: Mutex<Became>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    /// Nothing went out.
    Nothing,
    /// An attempt is under way.
    Sent,
    Unknown,
    Out,
}

impl SharedUuids {
    /// In Redis under names that begin with `prefix`.
    #[must_use]
    pub fn new(store: Arc<Store>, prefix: &str, clock: Clock) -> Self {
        let script = Script::new(include_str!("shared_uuids.lua"));
        Self { store, clock, script, prefix: format!("{{{prefix}}}:uuid:") }
    }

    /// What is to be joined, and left whether or not the answer is heard.
    pub(super) fn to_join(self: &Arc<Self>, identity: Identity) -> Joined {
        let (uuids, owner) = (Arc::clone(self), Uuid::now_v7().to_string());
        Joined { uuids, identity, owner, became: Mutex::new(Became::Nothing) }
    }

    async fn run(&self, call: &ScriptInvocation<'_>) -> Result<Vec<String>, Gone> {
        self.store.run("uuid", call).await
    }

    fn call(&self, operation: &str, identity: &Identity, owner: &str) -> ScriptInvocation<'_> {
        let mut call = self.script.key(format!("{}{:032x}", self.prefix, identity.name));
        call.arg(operation).arg(format!("{:032x}", identity.content)).arg(owner);
        call.arg(self.clock.wall().as_millisecond().max(0));
        for kept in [HOUR, REMEMBERED, KEPT] {
            call.arg(kept.as_secs() * 1000);
        }
        call
    }
}

impl Joined {
    /// Says that it is at work, and hears what was before.
    pub(super) async fn join(&self) -> Result<Result<Option<Elsewhere>, Reused>, Gone> {
        let Self { uuids, identity, owner, .. } = self;
        let reply = uuids.run(&uuids.call("join", identity, owner)).await?;
        let part = |number: usize| reply.get(number).map_or("", String::as_str);
        if part(0) == "reused" {
            return Ok(Err(Reused));
        }
        let age = part(2).parse().map(Duration::from_millis).ok();
        Ok(Ok(age.map(|age| Elsewhere { age, is_out: part(1) == "out" })))
    }

    /// An attempt is made.
    pub(super) fn sends(&self) {
        let mut became = self.became();
        if *became == Became::Nothing {
            *became = Became::Sent;
        }
    }

    /// An attempt has ended.
    pub(super) fn ended(&self, end: End) {
        let mut became = self.became();
        *became = match (end, *became) {
            (End::Out, _) => Became::Out,
            (End::Unknown, _) => Became::Unknown,
            (End::NotOut, Became::Sent) => Became::Nothing,
            (End::NotOut, other) => other,
        };
    }

    fn became(&self) -> MutexGuard<'_, Became> {
        // No code that can panic runs under this lock.
        self.became.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let became = match *self.became() {
            Became::Nothing => "nothing",
            Became::Sent | Became::Unknown => "unknown",
            Became::Out => "out",
        };
        let (uuids, identity) = (Arc::clone(&self.uuids), self.identity);
        let owner = std::mem::take(&mut self.owner);
        let leave = async move {
            let mut call = uuids.call("leave", &identity, &owner);
            call.arg(became);
            // Where it cannot be said, the forward stays at work, and so in doubt.
            let _ = uuids.run(&call).await;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(leave);
        }
    }
}
