//! One forward for one key of a caller's, however often it is asked for.
//!
//! Whoever asks first leads. Who asks meanwhile joins and hears what the leader hears; who asks later
//! is told it again, if it is final. A leader that hangs up leaves the lead to one that has joined.
//! All of them send with the `uuid` that the key stands for, so what is forgotten here, or never was
//! known because the gateway was restarted, is still not sent twice.
//!
//! Where replicas share a Redis, whoever leads here claims the key from the other replicas too, and those
//! who joined here wait for that as well.

mod entry;
mod lead;
mod shared;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::watch;

use super::error::ForwardError;
use super::horizon::Horizon;
use super::past::Known;
use super::repeating::{Fate, Sent};
use crate::clock::{Clock, Moment, Stamp};
use crate::feishu::error::Forwarded;
use crate::model::idempotency_key::NamedForward;

use entry::Entry;
pub(super) use lead::Lead;

pub use shared::SharedKeys;
use shared::{ASK_AGAIN, Asked};

/// How long a key is remembered.
const REMEMBERED: Duration = Duration::from_hours(1);
/// Memory for keys and their answers, in bytes; beyond it the least recently used are forgotten.
const MOST_MEMORY: u64 = 64 << 20;

/// The keys of all callers.
#[derive(Debug)]
pub struct Idempotency {
    clock: Clock,
    entries: Cache<[u8; 32], Arc<Entry>>,
    horizon: Horizon,
    pub(super) shared: Option<Arc<SharedKeys>>,
}

/// What became of a forward, for all that ask by its key.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) result: Result<Forwarded, ForwardError>,
    /// When it was first attempted, where nobody knows whether the message went out.
    pub(super) in_doubt_since: Option<Stamp>,
    /// Where nothing went out as far as the gateway knows: how much it knows.
    pub(super) known: Known,
}

/// What a request with a key has to do.
#[derive(Debug)]
pub(super) enum Claim {
    /// Nobody does it: lead.
    Lead(Lead),
    /// Somebody does it: listen.
    Join(Following),
    /// It was done before.
    Done(Outcome),
    /// The key was used for something else.
    Reused,
}

/// What the other replicas say to one who leads here.
#[derive(Debug)]
pub(super) enum Elsewhere {
    /// None of them is at it.
    Lead {
        /// If one may have gone out: when its first attempt was.
        first_attempt: Option<Stamp>,
        /// Whether Redis knows all that any replica does.
        is_whole: bool,
    },
    /// One of them is at it still, and its first attempt was not before.
    Busy(Stamp),
    /// One of them has done it.
    Done(Outcome),
    /// The key was used for something else.
    Reused,
}

/// Listens to the one who leads.
#[derive(Debug)]
pub(super) struct Following(watch::Receiver<Option<Outcome>>);

impl Idempotency {
    /// Knows no keys.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let horizon = Horizon::default();
        let forgot = horizon.clone();
        let entries = Cache::builder()
            .max_capacity(MOST_MEMORY)
            .weigher(|_, entry: &Arc<Entry>| entry.weight())
            .eviction_policy(EvictionPolicy::lru())
            // By the machine's clock, for the sake of memory; what counts is asked of ours.
            .time_to_live(REMEMBERED)
            .eviction_listener(move |_, entry: Arc<Entry>, cause| {
                if cause == RemovalCause::Size {
                    forgot.forgot(entry.used_at());
                }
            })
            .build();
        Self { clock, entries, horizon, shared: None }
    }

    /// The same, shared with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedKeys) -> Self {
        Self { shared: Some(Arc::new(shared)), ..self }
    }

    /// Since when keys are known.
    pub(super) fn known_since(&self) -> Option<Moment> {
        self.horizon.get().filter(|moment| self.clock.since(*moment) < REMEMBERED)
    }

    /// What there is of a forward already, so that nobody can lead; nothing is claimed.
    pub(super) async fn look(&self, named: &NamedForward, app: &str) -> Option<Claim> {
        if let Some(claim) = self.look_here(named) {
            return Some(claim);
        }
        match Box::pin(self.shared.as_ref()?.look(*named, app)).await.ok()?? {
            Asked::Busy(_) => Some(Claim::Join(Following(watch::channel(None).1))),
            Asked::Done(outcome) => Some(Claim::Done(outcome)),
            Asked::Reused => Some(Claim::Reused),
            Asked::Lead { .. } => None,
        }
    }

    fn look_here(&self, named: &NamedForward) -> Option<Claim> {
        let entry = self.entries.get(&named.key)?;
        if self.is_forgotten(&entry) { None } else { entry.used(named) }
    }

    fn is_forgotten(&self, entry: &Entry) -> bool {
        self.clock.since(entry.used_at()) >= REMEMBERED
    }

    pub(super) fn claim(&self, named: &NamedForward) -> Claim {
        let now = self.clock.now();
        let new_entry = || Arc::new(Entry::new(named.content, now));
        let mut entry = self.entries.get_with(named.key, new_entry);
        if self.is_forgotten(&entry) {
            entry = new_entry();
            self.entries.insert(named.key, Arc::clone(&entry));
        }
        let tell = match entry.claim(named, now) {
            Ok(tell) => tell,
            Err(used) => return used,
        };
        let (entries, is_shared) = (self.entries.clone(), self.shared.is_some());
        Claim::Lead(Lead::new(named.key, entry, entries, tell, is_shared))
    }

    /// Claims for one who leads here what other replicas may be at, and waits for them until `until`.
    pub(super) async fn claim_elsewhere(
        &self,
        lead: &Lead,
        named: &NamedForward,
        app: &Arc<str>,
        until: Moment,
    ) -> Elsewhere {
        let nobody_knows = Elsewhere::Lead { first_attempt: None, is_whole: false };
        let Some(shared) = &self.shared else { return nobody_knows };
        let claimed = lead.claimed(|| shared.to_claim(*named, app));
        loop {
            let (now, stamp) = (self.clock.now(), self.clock.stamp());
            let first_attempt = |age| stamp.earlier_by(age);
            match Box::pin(claimed.claim()).await {
                Ok(Asked::Lead { age, is_whole }) => {
                    let first_attempt = age.map(first_attempt);
                    return Elsewhere::Lead { first_attempt, is_whole };
                }
                Ok(Asked::Done(outcome)) => return Elsewhere::Done(outcome),
                Ok(Asked::Reused) => return Elsewhere::Reused,
                Ok(Asked::Busy(_)) if now + ASK_AGAIN < until => {
                    self.clock.sleep_until(now + ASK_AGAIN).await;
                }
                Ok(Asked::Busy(age)) => return Elsewhere::Busy(first_attempt(age)),
                // Feishu knows the `uuid`: it is not sent twice.
                Err(_gone) => return nobody_knows,
            }
        }
    }

    /// What was delivered of what somebody began to lead since then.
    pub(super) fn delivered_since(&self, since: Moment) -> Vec<Sent<NamedForward>> {
        let (now, stamp) = (self.clock.now(), self.clock.stamp());
        let delivered = self.entries.iter().filter_map(|(key, entry)| {
            let led_at = entry.delivered_since(since)?;
            let first_attempt = stamp.earlier_by(now.saturating_sub(led_at));
            Some(Sent { name: entry.named(*key), first_attempt, fate: Fate::Out })
        });
        delivered.collect()
    }
}

impl Outcome {
    /// It failed before anything was sent.
    pub(super) fn failed(error: ForwardError) -> Self {
        Self { result: Err(error), in_doubt_since: None, known: Known::Wholly }
    }

    /// Whether asking again would change nothing: it is delivered, or it cannot be. What may come
    /// right by itself or at the operator's hands is asked again.
    fn is_final(&self) -> bool {
        match &self.result {
            Ok(_) => true,
            Err(error) => {
                let is_unsure = matches!(self.known, Known::NotByOthers(_));
                self.in_doubt_since.is_none() && !is_unsure && error.is_final()
            }
        }
    }
}

impl Following {
    /// What the leader was told, or none if it gave up.
    pub(super) async fn listen(mut self) -> Option<Outcome> {
        let heard = self.0.wait_for(Option::is_some).await.ok()?;
        heard.clone()
    }
}
