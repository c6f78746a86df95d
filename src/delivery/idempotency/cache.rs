//! The keys of all callers, in memory.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::entry::{Entry, Follower, Taken};
use super::kept::KeptIdempotency;
use super::leader::Leader;
use super::remembered::{REMEMBERED, RemoteClaim};
use super::shared::{ASK_AGAIN, LeaseReply, SharedIdempotency};
use crate::clock::{Clock, Moment};
use crate::delivery::conclusion::Conclusion;
use crate::delivery::horizon::Horizon;
use crate::delivery::sent::{Fate, Sent};
use crate::model::fingerprint::Fingerprint;
use crate::model::idempotency_key::IdempotentForward;

/// Memory for keys and their answers, in bytes. Beyond it the least recently used are evicted.
const MOST_MEMORY: u64 = 64 << 20;

/// The keys of all callers.
#[derive(Debug)]
pub struct Idempotency {
    clock: Clock,
    entries: Cache<Fingerprint, Arc<Entry>>,
    horizon: Horizon,
    pub(in crate::delivery) shared: Option<Arc<SharedIdempotency>>,
    pub(in crate::delivery) kept: Option<Arc<KeptIdempotency>>,
}

/// What a request with a key has to do.
#[derive(Debug)]
pub(in crate::delivery) enum Claim {
    /// No other request forwards: lead.
    Lead(Leader),
    /// Another request forwards: follow it.
    Follow(Follower),
    /// The forward has ended.
    Done(Conclusion),
    /// The key is in use for another forward.
    Reused,
}

impl From<Taken> for Claim {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::Led(follower) => Self::Follow(follower),
            Taken::Done(conclusion) => Self::Done(conclusion),
            Taken::Reused => Self::Reused,
        }
    }
}

impl Idempotency {
    /// A cache without keys.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let horizon = Horizon::default();
        let forgot = horizon.clone();
        let entries = Cache::builder()
            .max_capacity(MOST_MEMORY)
            .weigher(|_, entry: &Arc<Entry>| entry.weight())
            .eviction_policy(EvictionPolicy::lru())
            // By the machine's clock, which bounds the memory. Whether a key counts is decided by our clock.
            .time_to_live(REMEMBERED)
            .eviction_listener(move |_, entry: Arc<Entry>, cause| {
                if cause == RemovalCause::Size {
                    forgot.forgot(entry.used_at());
                }
            })
            .build();
        Self { clock, entries, horizon, shared: None, kept: None }
    }

    /// A cache that is shared with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedIdempotency) -> Self {
        Self { shared: Some(Arc::new(shared)), ..self }
    }

    /// A cache of a single process, whose file keeps the keys.
    #[must_use]
    pub fn kept_in(self, kept: KeptIdempotency) -> Self {
        Self { kept: Some(Arc::new(kept)), ..self }
    }

    /// Since when every key is known, if that is less than the time for which keys are remembered.
    pub(in crate::delivery) fn known_since(&self) -> Option<Moment> {
        self.horizon.get().filter(|moment| self.clock.since(*moment) < REMEMBERED)
    }

    /// What a request with the key has to do instead of leading. None if it could lead. Claims nothing.
    pub(in crate::delivery) async fn look(
        &self,
        forward: &IdempotentForward,
        app: &str,
    ) -> Option<Claim> {
        if let Some(taken) = self.look_here(forward) {
            return Some(taken.into());
        }
        if let Some(kept) = &self.kept {
            return match Box::pin(kept.look(*forward, app)).await? {
                RemoteClaim::Done(conclusion) => Some(Claim::Done(conclusion)),
                RemoteClaim::Reused => Some(Claim::Reused),
                RemoteClaim::Lead { .. } | RemoteClaim::Busy(_) => None,
            };
        }
        match Box::pin(self.shared.as_ref()?.look(*forward, app)).await.ok()?? {
            LeaseReply::Busy(_) => Some(Claim::Follow(Follower::of_another_replica())),
            LeaseReply::Done(conclusion) => Some(Claim::Done(conclusion)),
            LeaseReply::Reused => Some(Claim::Reused),
            LeaseReply::Lead { .. } => None,
        }
    }

    fn look_here(&self, forward: &IdempotentForward) -> Option<Taken> {
        let entry = self.entries.get(&forward.key)?;
        if self.is_forgotten(&entry) { None } else { entry.taken(forward) }
    }

    fn is_forgotten(&self, entry: &Entry) -> bool {
        self.clock.since(entry.used_at()) >= REMEMBERED
    }

    /// Claims the key in this process.
    pub(in crate::delivery) fn claim(&self, forward: &IdempotentForward) -> Claim {
        let now = self.clock.now();
        let new_entry = || Arc::new(Entry::new(forward.fingerprint, now));
        let mut entry = self.entries.get_with(forward.key, new_entry);
        if self.is_forgotten(&entry) {
            entry = new_entry();
            self.entries.insert(forward.key, Arc::clone(&entry));
        }
        let followers = match entry.lead(forward, now) {
            Ok(followers) => followers,
            Err(taken) => return taken.into(),
        };
        let (entries, is_shared) = (self.entries.clone(), self.shared.is_some());
        Claim::Lead(Leader::new(forward.key, entry, entries, followers, is_shared))
    }

    /// Claims a key that is led here among the replicas, or in the file. Waits until `until` for another replica that
    /// forwards.
    pub(in crate::delivery) async fn claim_remotely(
        &self,
        leader: &Leader,
        forward: &IdempotentForward,
        app: &Arc<str>,
        until: Moment,
    ) -> RemoteClaim {
        let nobody_knows = RemoteClaim::Lead { first_attempt: None, is_whole: false };
        let Some(shared) = &self.shared else {
            let Some(kept) = &self.kept else { return nobody_knows };
            return Box::pin(leader.kept(|| kept.lead(*forward, app)).claim()).await;
        };
        let lease = leader.lease(|| shared.lease(*forward, app));
        loop {
            let (now, stamp) = (self.clock.now(), self.clock.stamp());
            let first_attempt = |age| stamp.earlier_by(age);
            match Box::pin(lease.acquire()).await {
                Ok(LeaseReply::Lead { age, is_whole }) => {
                    let first_attempt = age.map(first_attempt);
                    return RemoteClaim::Lead { first_attempt, is_whole };
                }
                Ok(LeaseReply::Done(conclusion)) => return RemoteClaim::Done(conclusion),
                Ok(LeaseReply::Reused) => return RemoteClaim::Reused,
                Ok(LeaseReply::Busy(_)) if now + ASK_AGAIN < until => {
                    self.clock.sleep_until(now + ASK_AGAIN).await;
                }
                Ok(LeaseReply::Busy(age)) => return RemoteClaim::Busy(first_attempt(age)),
                // Feishu recognises the `uuid`, so nothing is delivered twice.
                Err(_unavailable) => return nobody_knows,
            }
        }
    }

    /// The forwards that were delivered, if their leaders began since then.
    pub(in crate::delivery) fn delivered_since(
        &self,
        since: Moment,
    ) -> Vec<Sent<IdempotentForward>> {
        let (now, stamp) = (self.clock.now(), self.clock.stamp());
        let delivered = self.entries.iter().filter_map(|(key, entry)| {
            let led_at = entry.delivered_since(since)?;
            let first_attempt = stamp.earlier_by(now.saturating_sub(led_at));
            Some(Sent { name: entry.forward(*key), first_attempt, fate: Fate::Delivered })
        });
        delivered.collect()
    }
}
