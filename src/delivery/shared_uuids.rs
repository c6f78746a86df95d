//! What stands under a `uuid` that a caller has chosen, known to all replicas: what one of them has sent,
//! another one neither denies nor lets be lost. Nothing is replayed, as Feishu replays nothing either.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use uuid::Uuid;

use super::agreement::{Agreement, REPEATING};
use super::identity::{Digest, Identity};
use super::register::{Earlier, End, HOUR, REMEMBERED, Reused};
use super::repeating::{Mark, Sent};
use crate::clock::{Clock, Stamp};
use crate::limits::birth_key;
use crate::store::{Gone, Store, millis};

/// How long a `uuid` is held of which nothing went out.
const KEPT: Duration = Duration::from_mins(1);

/// The `uuid`s of all callers, in Redis.
#[derive(Debug)]
pub struct SharedUuids {
    store: Arc<Store>,
    clock: Clock,
    script: Script,
    prefix: String,
    birth_key: String,
    mark: Arc<Mark>,
}

/// What the other replicas know of a `uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// What earlier attempts came to, if one went out or may have.
    pub(super) earlier: Option<Earlier>,
    /// Whether Redis knows all that any replica does.
    pub(super) is_whole: bool,
}

/// A forward at work under a `uuid`. The other replicas hear what became of it when the last clone of it is
/// dropped.
#[derive(Debug)]
pub(super) struct Joined {
    uuids: Arc<SharedUuids>,
    identity: Identity,
    owner: String,
    /// No attempt was made before.
    since: Stamp,
    became: Mutex<Became>,
    pub(super) agreement: Agreement,
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
    pub fn new(store: Arc<Store>, prefix: &str, clock: Clock, mark: Arc<Mark>) -> Self {
        let script = Script::new(include_str!("shared_uuids.lua"));
        let (birth_key, prefix) = (birth_key(prefix), format!("{{{prefix}}}:uuid:"));
        Self { store, clock, script, prefix, birth_key, mark }
    }

    /// What is to be joined, and left whether or not the answer is heard. No attempt was made before `since`.
    pub(super) fn to_join(self: &Arc<Self>, identity: Identity, since: Stamp) -> Joined {
        let (uuids, owner) = (Arc::clone(self), Uuid::now_v7().to_string());
        let (became, agreement) = (Mutex::new(Became::Nothing), Agreement::default());
        Joined { uuids, identity, owner, since, became, agreement }
    }

    /// Writes down what Redis may not know, or no longer.
    pub(super) async fn repeat(&self, known: &Sent<(Digest, Digest)>) -> Result<(), Gone> {
        let Sent { name: (name, content), first_attempt, fate } = *known;
        let mut call = self.call("leave", name, content, "", first_attempt);
        call.arg(fate.as_str());
        self.run(&call).await.map(drop)
    }

    async fn run(&self, call: &ScriptInvocation<'_>) -> Result<Vec<String>, Gone> {
        self.store.run("uuid", call).await
    }

    fn call(
        &self,
        operation: &str,
        name: Digest,
        content: Digest,
        owner: &str,
        since: Stamp,
    ) -> ScriptInvocation<'_> {
        let mut call = self.script.key(format!("{}{name:032x}", self.prefix));
        call.key(&self.birth_key);
        call.arg(operation).arg(format!("{content:032x}")).arg(owner);
        call.arg(self.clock.wall().as_millisecond().max(0));
        for time in [self.clock.age(since), HOUR, REMEMBERED, KEPT, REPEATING] {
            call.arg(millis(time));
        }
        call
    }
}

impl Joined {
    /// Says that it is at work, and hears what others have done, however often it asks.
    pub(super) async fn join(&self) -> Result<Result<Elsewhere, Reused>, Gone> {
        // By the clocks before the question: however long the answer takes, nothing gets younger.
        let asked = self.uuids.clock.stamp();
        let reply = self.uuids.run(&self.call("join")).await?;
        let part = |number: usize| reply.get(number).map_or("", String::as_str);
        if part(0) == "reused" {
            return Ok(Err(Reused));
        }
        let earlier = if part(1) == "out" { Earlier::Out } else { Earlier::MayBeOut };
        let age = part(2).parse().map(Duration::from_millis).ok();
        let earlier = age.map(|age| earlier(asked.earlier_by(age)));
        Ok(Ok(Elsewhere { earlier, is_whole: part(3) == "whole" }))
    }

    fn call(&self, operation: &str) -> ScriptInvocation<'_> {
        let Identity { name, content, .. } = self.identity;
        self.uuids.call(operation, name, content, &self.owner, self.since)
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
        let (uuids, Identity { name, content, .. }) = (Arc::clone(&self.uuids), self.identity);
        let (owner, since) = (std::mem::take(&mut self.owner), self.since);
        let leave = async move {
            let mut call = uuids.call("leave", name, content, &owner, since);
            call.arg(became);
            if uuids.run(&call).await.is_err() {
                uuids.mark.missed();
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(leave);
        }
    }
}
