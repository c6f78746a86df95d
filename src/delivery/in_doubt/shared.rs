//! The `uuid`s that callers have chosen, in Redis for all replicas: what one replica has sent, another one
//! neither denies nor loses. No request waits for another one and nothing is replayed, as Feishu replays nothing
//! either.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::prior::{AttemptEnd, HOUR, Prior, REMEMBERED, UuidReused};
use crate::clock::{Clock, Stamp, millis};
use crate::delivery::agreement::{Agreement, REPEATING};
use crate::delivery::identity::{Digest, Identity};
use crate::delivery::sent::Sent;
use crate::limits::epoch_key;
use crate::random::uuid;
use crate::redis::{Checkpoint, RedisClient, Unavailable};

/// How long a `uuid` is kept under which nothing was delivered.
const KEPT: Duration = Duration::from_mins(1);

/// The `uuid`s of all callers, in Redis.
#[derive(Debug)]
pub struct SharedUuids {
    redis: Arc<RedisClient>,
    clock: Clock,
    script: Script,
    prefix: String,
    epoch_key: String,
    checkpoint: Arc<Checkpoint>,
}

/// What the other replicas know of a `uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct RemoteUuid {
    /// What attempts came to, if one was delivered or may have been.
    pub(in crate::delivery) prior: Option<Prior>,
    /// Whether Redis knows everything that any replica knows.
    pub(in crate::delivery) is_whole: bool,
}

/// A forward's claim to a `uuid`. The other replicas hear what became of the forward when the
/// claim is dropped.
#[derive(Debug)]
pub(in crate::delivery) struct UuidClaim {
    uuids: Arc<SharedUuids>,
    identity: Identity,
    owner: String,
    /// No attempt was made before.
    since: Stamp,
    progress: Mutex<Progress>,
    pub(in crate::delivery) agreement: Agreement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing was delivered.
    NotDelivered,
    /// An attempt is under way.
    Sent,
    Unknown,
    Delivered,
}

impl SharedUuids {
    /// Under keys that begin with `prefix`.
    #[must_use]
    pub fn new(
        redis: Arc<RedisClient>,
        prefix: &str,
        clock: Clock,
        checkpoint: Arc<Checkpoint>,
    ) -> Self {
        let script = Script::new(include_str!("shared.lua"));
        let (epoch_key, prefix) = (epoch_key(prefix), format!("{{{prefix}}}:uuid:"));
        Self { redis, clock, script, prefix, epoch_key, checkpoint }
    }

    /// A claim to a `uuid`, which [`UuidClaim::join`] makes known to the other replicas. No attempt was made
    /// before `since`.
    pub(in crate::delivery) fn claim(
        self: &Arc<Self>,
        identity: Identity,
        since: Stamp,
    ) -> UuidClaim {
        let (uuids, owner) = (Arc::clone(self), uuid().to_string());
        let (progress, agreement) = (Mutex::new(Progress::NotDelivered), Agreement::default());
        UuidClaim { uuids, identity, owner, since, progress, agreement }
    }

    /// Writes to Redis what it may have lost.
    pub(in crate::delivery) async fn repeat(
        &self,
        known: &Sent<(Digest, Digest)>,
    ) -> Result<(), Unavailable> {
        let Sent { name: (name, content), first_attempt, fate } = *known;
        let mut call = self.call("leave", name, content, "", first_attempt);
        call.arg(fate.as_str());
        self.run(&call).await.map(drop)
    }

    async fn run(&self, call: &ScriptInvocation<'_>) -> Result<Vec<String>, Unavailable> {
        self.redis.run("uuid", call).await
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
        call.key(&self.epoch_key);
        call.arg(operation).arg(format!("{content:032x}")).arg(owner);
        call.arg(self.clock.wall().as_millisecond().max(0));
        for time in [self.clock.age(since), HOUR, REMEMBERED, KEPT, REPEATING] {
            call.arg(millis(time));
        }
        call
    }
}

impl UuidClaim {
    /// Makes the claim known, and returns what other replicas have done. It may be called again.
    pub(in crate::delivery) async fn join(
        &self,
    ) -> Result<Result<RemoteUuid, UuidReused>, Unavailable> {
        // Before the question, so that no attempt seems younger than it is, however long the answer takes.
        let asked = self.uuids.clock.stamp();
        let reply = self.uuids.run(&self.call("join")).await?;
        let part = |number: usize| reply.get(number).map_or("", String::as_str);
        if part(0) == "reused" {
            return Ok(Err(UuidReused));
        }
        let prior = if part(1) == "out" { Prior::Delivered } else { Prior::InDoubt };
        let age = part(2).parse().map(Duration::from_millis).ok();
        let prior = age.map(|age| prior(asked.earlier_by(age)));
        Ok(Ok(RemoteUuid { prior, is_whole: part(3) == "whole" }))
    }

    fn call(&self, operation: &str) -> ScriptInvocation<'_> {
        let Identity { name, content, .. } = self.identity;
        self.uuids.call(operation, name, content, &self.owner, self.since)
    }

    /// An attempt is made.
    pub(in crate::delivery) fn sends(&self) {
        let mut progress = self.progress();
        if *progress == Progress::NotDelivered {
            *progress = Progress::Sent;
        }
    }

    /// An attempt has ended.
    pub(in crate::delivery) fn ended(&self, end: AttemptEnd) {
        let mut progress = self.progress();
        *progress = match (end, *progress) {
            (AttemptEnd::Delivered, _) => Progress::Delivered,
            (AttemptEnd::Unknown, _) => Progress::Unknown,
            (AttemptEnd::NotDelivered, Progress::Sent) => Progress::NotDelivered,
            (AttemptEnd::NotDelivered, other) => other,
        };
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // No code that can panic runs under this lock.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UuidClaim {
    fn drop(&mut self) {
        let progress = match *self.progress() {
            Progress::NotDelivered => "nothing",
            Progress::Sent | Progress::Unknown => "unknown",
            Progress::Delivered => "out",
        };
        let (uuids, Identity { name, content, .. }) = (Arc::clone(&self.uuids), self.identity);
        let (owner, since) = (std::mem::take(&mut self.owner), self.since);
        let leave = async move {
            let mut call = uuids.call("leave", name, content, &owner, since);
            call.arg(progress);
            if uuids.run(&call).await.is_err() {
                uuids.checkpoint.missed();
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(leave);
        }
    }
}
