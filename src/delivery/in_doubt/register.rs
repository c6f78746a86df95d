//! The register in memory.
//!
//! Every answer about a forward passes it, so an answer is also true of the forward's repetitions, and no
//! message is lost because its `uuid` is in use for another one.
//!
//! Each caller has `uuid`s of its own: a caller learns nothing of another's forwards. But Feishu has one
//! namespace for the `uuid`s of all who forward with an app. What one caller has sent to a receiver under a
//! `uuid`, no caller can use there for another message.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use moka::Entry;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::feishu_uuids::FeishuUuids;
use super::prior::{AttemptEnd, HOUR, Prior, REMEMBERED, UuidReused};
use super::shared::SharedUuids;
use crate::clock::{Clock, Moment, Stamp};
use crate::delivery::horizon::{Horizon, cache};
use crate::delivery::identity::{Digest, Identity};
use crate::delivery::sent::{ChangedSince, Fate, Sent};
use crate::model::idempotency_key::IdempotentForward;

/// How long Feishu may still work on an attempt that the gateway has given up.
const LINGERS: Duration = Duration::from_mins(1);

/// A forward in doubt: attempts are under way, or one may have been delivered.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    first_attempt: Stamp,
    changed_at: Moment,
    idempotent: Option<IdempotentForward>,
    /// Attempts that have not ended. A caller that hung up may ask again meanwhile.
    under_way: u32,
    /// Whether an attempt that has ended may have been delivered.
    may_be_delivered: bool,
}

/// What a caller uses a `uuid` for.
#[derive(Clone, Copy, Debug)]
struct UuidUse {
    content: Digest,
    used_at: Moment,
    delivery: Option<KnownDelivery>,
}

/// A delivery under a `uuid`.
#[derive(Clone, Copy, Debug)]
struct KnownDelivery {
    first_attempt: Stamp,
    /// When this replica heard of it.
    heard_at: Moment,
}

/// What was sent under which `uuid`, in this process.
#[derive(Debug)]
pub struct InDoubtRegister {
    clock: Clock,
    doubts: Cache<(Digest, Digest), Doubt>,
    uses: Cache<Digest, UuidUse>,
    at_feishu: FeishuUuids,
    horizon: Horizon,
    pub(in crate::delivery) shared: Option<Arc<SharedUuids>>,
}

impl InDoubtRegister {
    /// A register of a process that has sent nothing.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let horizon = Horizon::default();
        let forgot = || horizon.clone();
        let (doubts, uses) = (forgot(), forgot());
        Self {
            doubts: cache(REMEMBERED, move |it: &Doubt| doubts.forgot(it.first_attempt.moment())),
            uses: cache(HOUR, move |it: &UuidUse| uses.forgot(it.used_at)),
            at_feishu: FeishuUuids::new(clock.clone()),
            clock,
            horizon,
            shared: None,
        }
    }

    /// A register after another process that may have sent anything until now.
    #[must_use]
    pub fn after_predecessor(self) -> Self {
        self.horizon.forgot(self.clock.now());
        self
    }

    /// A register that is shared with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedUuids) -> Self {
        Self { shared: Some(Arc::new(shared)), ..self }
    }

    /// Since when every attempt is known, if that is less than the hour for which Feishu recognises a `uuid`.
    pub(in crate::delivery) fn known_since(&self) -> Option<Moment> {
        self.horizon.get().filter(|moment| self.clock.since(*moment) < HOUR)
    }

    /// What the attempts of a forward came to, if one was delivered or may have been.
    pub(in crate::delivery) fn prior(&self, identity: &Identity) -> Option<Prior> {
        if let Some(first_attempt) = self.in_doubt_since(identity) {
            return Some(Prior::InDoubt(first_attempt));
        }
        let known = self.uses.get(&identity.name).filter(|it| it.content == identity.content)?;
        let delivery = known.delivery.filter(|it| self.clock.since(it.heard_at) < HOUR)?;
        Some(Prior::Delivered(delivery.first_attempt))
    }

    /// When a forward was first attempted, if it is in doubt.
    pub(in crate::delivery) fn in_doubt_since(&self, identity: &Identity) -> Option<Stamp> {
        let Doubt { first_attempt, .. } = self.doubts.get(&identity.whole())?;
        self.is_remembered(first_attempt).then_some(first_attempt)
    }

    fn is_remembered(&self, first_attempt: Stamp) -> bool {
        self.clock.since(first_attempt.moment()) < REMEMBERED
    }

    /// Whether the `uuid` can be used for this forward: it is in use for no other one, neither by its caller nor
    /// at Feishu.
    pub(in crate::delivery) fn check(&self, identity: &Identity) -> Result<(), UuidReused> {
        match self.uses.get(&identity.name) {
            Some(used) if self.is_other(identity, &used) => Err(UuidReused),
            _ => self.at_feishu.check(identity),
        }
    }

    fn is_other(&self, identity: &Identity, used: &UuidUse) -> bool {
        used.content != identity.content && self.clock.since(used.used_at) < HOUR
    }

    /// From now on and for an hour the caller uses the `uuid` for this forward.
    pub(in crate::delivery) fn take(&self, identity: &Identity) -> Result<(), UuidReused> {
        self.check(identity)?;
        let Identity { name, content, .. } = *identity;
        let used_at = self.clock.now();
        let mut result = Ok(());
        let _ = self.uses.entry(name).and_compute_with(|entry| {
            let known = entry.map(Entry::into_value);
            if known.is_some_and(|used| self.is_other(identity, &used)) {
                result = Err(UuidReused);
                return Op::Nop;
            }
            let delivery = known.filter(|it| it.content == content).and_then(|it| it.delivery);
            Op::Put(UuidUse { content, used_at, delivery })
        });
        result
    }

    /// An attempt begins.
    pub(in crate::delivery) fn begin(
        &self,
        identity: &Identity,
        first_attempt: Stamp,
    ) -> Result<(), UuidReused> {
        if identity.is_chosen {
            self.at_feishu.hold(identity)?;
        }
        self.doubt(identity, first_attempt, |doubt| doubt.under_way += 1);
        Ok(())
    }

    /// An attempt has ended, whether or not its beginning was registered.
    pub(in crate::delivery) fn end(
        &self,
        identity: &Identity,
        first_attempt: Stamp,
        end: AttemptEnd,
    ) {
        self.doubt(identity, first_attempt, |doubt| {
            doubt.under_way = doubt.under_way.saturating_sub(1);
            match end {
                AttemptEnd::Delivered => doubt.may_be_delivered = false,
                AttemptEnd::Unknown => doubt.may_be_delivered = true,
                AttemptEnd::NotDelivered => {}
            }
        });
        match end {
            AttemptEnd::Delivered => {
                self.delivered(identity, first_attempt);
                self.at_feishu.may_be_known_since(identity, self.clock.now());
            }
            AttemptEnd::Unknown => {
                if !identity.is_chosen {
                    // The caller learns the `uuid` from the problem, even if the gateway made it.
                    let _ = self.take(identity).and_then(|()| self.at_feishu.hold(identity));
                }
                self.at_feishu.may_be_known_since(identity, self.clock.now() + LINGERS);
            }
            AttemptEnd::NotDelivered if identity.is_chosen => self.at_feishu.release(identity),
            AttemptEnd::NotDelivered => {}
        }
    }

    /// What was delivered or may have been, and what is under way, if this replica heard of it since then.
    pub(in crate::delivery) fn changed_since(&self, since: Moment) -> ChangedSince {
        let mut changed = ChangedSince::default();
        for (name, UuidUse { content, delivery, .. }) in &self.uses {
            if let Some(delivery) = delivery.filter(|it| it.heard_at >= since) {
                changed.by_uuid.push(Sent {
                    name: (*name, content),
                    first_attempt: delivery.first_attempt,
                    fate: Fate::Delivered,
                });
            }
        }
        for (whole, doubt) in &self.doubts {
            let Doubt { first_attempt, changed_at, idempotent, may_be_delivered, .. } = doubt;
            if changed_at < since || !self.is_remembered(first_attempt) {
                continue;
            }
            let fate = if may_be_delivered { Fate::Unknown } else { Fate::UnderWay };
            changed.by_uuid.push(Sent { name: *whole, first_attempt, fate });
            changed.by_key.extend(idempotent.map(|name| Sent { name, first_attempt, fate }));
        }
        changed
    }

    /// Another replica reports what attempts came to.
    pub(in crate::delivery) fn heard(&self, identity: &Identity, prior: Prior) {
        match prior {
            Prior::InDoubt(first_attempt) => self.may_be_delivered(identity, first_attempt),
            Prior::Delivered(first_attempt) => self.delivered(identity, first_attempt),
        }
    }

    /// The message may have been delivered, and no caller has heard of it.
    pub(in crate::delivery) fn may_be_delivered(&self, identity: &Identity, first_attempt: Stamp) {
        self.doubt(identity, first_attempt, |doubt| doubt.may_be_delivered = true);
    }

    fn doubt(&self, identity: &Identity, first_attempt: Stamp, change: impl FnOnce(&mut Doubt)) {
        let _ = self.doubts.entry(identity.whole()).and_compute_with(|entry| {
            let is_known = entry.is_some();
            let changed_at = self.clock.now();
            let none = Doubt {
                first_attempt,
                changed_at,
                idempotent: identity.idempotent,
                under_way: 0,
                may_be_delivered: false,
            };
            let known =
                entry.map(Entry::into_value).filter(|it| self.is_remembered(it.first_attempt));
            let mut doubt = known.unwrap_or(none);
            // Another replica's report makes no doubt younger.
            if self.clock.age(first_attempt) > self.clock.age(doubt.first_attempt) {
                doubt.first_attempt = first_attempt;
            }
            doubt.changed_at = changed_at;
            change(&mut doubt);
            if doubt.under_way > 0 || doubt.may_be_delivered {
                Op::Put(doubt)
            } else if is_known {
                Op::Remove
            } else {
                Op::Nop
            }
        });
    }

    fn delivered(&self, identity: &Identity, first_attempt: Stamp) {
        let Identity { name, content, .. } = *identity;
        let _ = self.uses.entry(name).and_compute_with(|entry| {
            match entry.map(Entry::into_value).filter(|it| it.content == content) {
                Some(known) => {
                    let heard_at = self.clock.now();
                    let delivery = Some(KnownDelivery { first_attempt, heard_at });
                    Op::Put(UuidUse { delivery, ..known })
                }
                // A `uuid` of the gateway's own that no caller knows.
                None => Op::Nop,
            }
        });
    }
}
