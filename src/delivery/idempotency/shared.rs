//! The keys of all callers, in Redis for all replicas. Conclusions are sealed there.
//!
//! A leader holds a lease in Redis for longer than a forward may take, with a note that the message may have
//! been delivered. When it ends, it writes its conclusion. A replica that dies in between leaves the note: the
//! forward is in doubt, and is sent again with the same `uuid`.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use secrecy::SecretString;

use super::remembered::REMEMBERED;
use super::sealed::ConclusionSeals;
use crate::clock::{Clock, Stamp, millis};
use crate::delivery::agreement::REPEATING;
use crate::delivery::conclusion::Conclusion;
use crate::delivery::in_doubt;
use crate::delivery::sent::{Fate, Sent};
use crate::limits::epoch_key;
use crate::model::idempotency_key::IdempotentForward;
use crate::random::uuid;
use crate::redis::{Checkpoint, RedisClient, Unavailable};

/// What the replicas know of the callers' keys.
#[derive(Debug)]
pub struct SharedIdempotency {
    redis: Arc<RedisClient>,
    script: Script,
    prefix: String,
    epoch_key: String,
    clock: Clock,
    checkpoint: Arc<Checkpoint>,
    seals: ConclusionSeals,
    /// How long a lease lasts: longer than any forward takes.
    lease: Duration,
}

/// How often to ask whether another replica has ended.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How long a key is kept whose forward was not delivered and may yet be: so long a repetition with another
/// message is noticed.
const UNSENT: Duration = Duration::from_secs(10);
/// How much longer than a forward's deadline its lease is.
const GRACE: Duration = Duration::from_secs(5);

/// A leader's lease of a key, for all replicas.
#[derive(Debug)]
pub(super) struct Lease {
    keys: Arc<SharedIdempotency>,
    forward: IdempotentForward,
    app: Arc<str>,
    owner: String,
    /// The holder has made no attempt before.
    since: Stamp,
}

/// What Redis answers about a key.
#[derive(Debug)]
pub(super) enum LeaseReply {
    /// The lease is this replica's.
    Lead {
        /// How long ago the first attempt was made, if one may have been delivered.
        age: Option<Duration>,
        /// Whether Redis knows everything that any replica knows.
        is_whole: bool,
    },
    /// Another replica has the lease. Its first attempt was no longer ago than this.
    Busy(Duration),
    /// The forward has ended.
    Done(Conclusion),
    /// The key is in use for another forward.
    Reused,
}

impl SharedIdempotency {
    /// The keys of apps with these secrets, whose forwards take no longer than `deadline`.
    #[must_use]
    pub fn new<'a>(
        redis: Arc<RedisClient>,
        prefix: &str,
        secrets: impl IntoIterator<Item = (&'a String, &'a SecretString)>,
        deadline: Duration,
        clock: Clock,
        checkpoint: Arc<Checkpoint>,
    ) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("shared.lua")),
            prefix: format!("{{{prefix}}}:key:"),
            epoch_key: epoch_key(prefix),
            clock,
            checkpoint,
            seals: ConclusionSeals::new(secrets),
            lease: deadline + GRACE,
        }
    }

    /// A lease, which [`Lease::acquire`] asks for. It has to be ended even if Redis' answer was not heard.
    pub(super) fn lease(self: &Arc<Self>, forward: IdempotentForward, app: &Arc<str>) -> Lease {
        let (keys, app, owner) = (Arc::clone(self), Arc::clone(app), uuid().to_string());
        Lease { keys, forward, app, owner, since: self.clock.stamp() }
    }

    /// Writes to Redis what it may have lost.
    pub(in crate::delivery) async fn repeat(
        &self,
        known: &Sent<IdempotentForward>,
    ) -> Result<(), Unavailable> {
        let mut call = self.end(known.name, "", known.fate.as_str(), known.first_attempt);
        call.arg("");
        self.run(&call).await.map(drop)
    }

    /// What in Redis keeps a request here from leading the key. None if nothing does. Claims nothing.
    pub(super) async fn look(
        &self,
        forward: IdempotentForward,
        app: &str,
    ) -> Result<Option<LeaseReply>, Unavailable> {
        let [what, detail, _] = self.run(&self.call("look", forward, "")).await?;
        Ok(self.read(&what, &detail, forward, app))
    }

    /// None if the replica may lead. That is so too if a conclusion cannot be read, because the `uuid` is the
    /// same.
    fn read(
        &self,
        what: &[u8],
        detail: &[u8],
        forward: IdempotentForward,
        app: &str,
    ) -> Option<LeaseReply> {
        match what {
            b"reused" => Some(LeaseReply::Reused),
            b"busy" => Some(LeaseReply::Busy(age(detail).unwrap_or_default())),
            b"done" => self.seals.open(app, &self.place(forward), detail).map(LeaseReply::Done),
            _ => None,
        }
    }

    /// Redis' answer, its detail, and whether Redis knows everything.
    async fn run(&self, call: &ScriptInvocation<'_>) -> Result<[Vec<u8>; 3], Unavailable> {
        let reply: Vec<Vec<u8>> = self.redis.run("key", call).await?;
        let mut parts = reply.into_iter();
        Ok(std::array::from_fn(|_| parts.next().unwrap_or_default()))
    }

    fn call(
        &self,
        operation: &str,
        forward: IdempotentForward,
        owner: &str,
    ) -> ScriptInvocation<'_> {
        let mut call = self.script.key(self.place(forward));
        call.key(&self.epoch_key);
        call.arg(operation).arg(&forward.fingerprint).arg(owner);
        call
    }

    fn end(
        &self,
        forward: IdempotentForward,
        owner: &str,
        outcome: &str,
        since: Stamp,
    ) -> ScriptInvocation<'_> {
        let mut call = self.call("end", forward, owner);
        call.arg(outcome).arg(millis(self.clock.age(since)));
        for kept in [REMEMBERED, in_doubt::REMEMBERED, UNSENT] {
            call.arg(millis(kept));
        }
        call
    }

    fn place(&self, forward: IdempotentForward) -> String {
        format!("{}{}", self.prefix, hex::encode(forward.key))
    }
}

impl Lease {
    /// Acquires the lease unless another replica has it. The holder may call this again.
    pub(super) async fn acquire(&self) -> Result<LeaseReply, Unavailable> {
        let Self { keys, forward, app, owner, .. } = self;
        let mut call = keys.call("claim", *forward, owner);
        call.arg(millis(keys.lease)).arg(millis(in_doubt::REMEMBERED)).arg(millis(REPEATING));
        let [what, detail, whole] = keys.run(&call).await?;
        let reply = keys.read(&what, &detail, *forward, app);
        let lead = || LeaseReply::Lead { age: age(&detail), is_whole: whole == b"whole" };
        Ok(reply.unwrap_or_else(lead))
    }

    /// Ends the lease, with the conclusion if there is one. Returns at once.
    pub(super) fn end(&self, conclusion: Option<&Conclusion>, in_doubt: bool) {
        let Self { keys, forward, app, owner, since } = self;
        let since = conclusion.and_then(|it| it.in_doubt_since).unwrap_or(*since);
        let sealed = conclusion.and_then(|it| keys.seals.seal(app, &keys.place(*forward), it));
        let outcome = match conclusion {
            Some(Conclusion { result: Ok(_), .. }) if sealed.is_some() => "delivered",
            // The message was delivered, and the answer to it is not kept.
            Some(Conclusion { result: Ok(_), .. }) => Fate::Delivered.as_str(),
            _ if in_doubt => Fate::Unknown.as_str(),
            _ => "not_out",
        };
        let (keys, forward, owner) = (Arc::clone(keys), *forward, owner.clone());
        let end = async move {
            let mut call = keys.end(forward, &owner, outcome, since);
            call.arg(sealed.unwrap_or_default());
            if keys.run(&call).await.is_err() {
                keys.checkpoint.missed();
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(end);
        }
    }
}

fn age(detail: &[u8]) -> Option<Duration> {
    str::from_utf8(detail).ok()?.parse().ok().map(Duration::from_millis)
}
