//! What was sent under which `uuid`, so that whatever is said of a forward is true of its repetitions too,
//! and no message is lost because its `uuid` stands for another one.
//!
//! All of it is the caller's own: one learns nothing of another's forwards. But Feishu has one namespace
//! for the `uuid`s of all who forward with an app, and what one of them has sent to a receiver, another one
//! cannot use there for another message.
//!
//! It lives in memory. What survives a restart would be read in [`Register::new`] and written where an
//! attempt begins and ends; until then `known_since` says how far back it reaches.

mod earlier;
mod held;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use moka::Entry;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::horizon::{Horizon, memory};
use super::identity::{Digest, Identity};
use super::repeating::{Changed, Fate, Sent};
use super::shared_uuids::SharedUuids;
use crate::clock::{Clock, Moment, Stamp};
use crate::model::idempotency_key::NamedForward;

pub(super) use earlier::{Earlier, End, Reused};
use held::Held;

/// How long after the first attempt it is safe to repeat one: Feishu knows a `uuid` for an hour
/// (Feishu's documentation), and a repetition takes its time to get there.
pub(super) const SAFE_TO_REPEAT: Duration = Duration::from_mins(55);
/// How long a doubt is remembered, so that a repetition that comes too late is not sent.
pub(super) const REMEMBERED: Duration = Duration::from_hours(24);
/// How long Feishu knows a `uuid` (Feishu's documentation).
pub(super) const HOUR: Duration = Duration::from_hours(1);
/// How long after the gateway gave an attempt up Feishu may still be at it.
const LINGERS: Duration = Duration::from_mins(1);

/// What nobody knows yet of a forward.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    first_attempt: Stamp,
    changed_at: Moment,
    named: Option<NamedForward>,
    /// Attempts whose end is still to come; a caller that hung up may ask again meanwhile.
    under_way: u32,
    /// Whether one that has ended may have gone out.
    may_be_out: bool,
}

/// What a caller uses a `uuid` for.
#[derive(Clone, Copy, Debug)]
struct Use {
    content: Digest,
    used_at: Moment,
    went_out: Option<WentOut>,
}

/// A forward that was delivered.
#[derive(Clone, Copy, Debug)]
struct WentOut {
    first_attempt: Stamp,
    told_at: Moment,
}

/// All that was sent under a `uuid`.
#[derive(Debug)]
pub struct Register {
    clock: Clock,
    doubts: Cache<(Digest, Digest), Doubt>,
    uses: Cache<Digest, Use>,
    held: Held,
    horizon: Horizon,
    pub(super) shared: Option<Arc<SharedUuids>>,
}

impl Register {
    /// Nothing was sent.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let horizon = Horizon::default();
        let forgot = || horizon.clone();
        let (doubts, uses) = (forgot(), forgot());
        Self {
            doubts: memory(REMEMBERED, move |it: &Doubt| doubts.forgot(it.first_attempt.moment())),
            uses: memory(HOUR, move |it: &Use| uses.forgot(it.used_at)),
            held: Held::new(clock.clone()),
            clock,
            horizon,
            shared: None,
        }
    }

    /// The same, where another process may have sent anything until now.
    #[must_use]
    pub fn after_another_process(self) -> Self {
        self.horizon.forgot(self.clock.now());
        self
    }

    /// The same, shared with other replicas.
    #[must_use]
    pub fn shared_by(self, shared: SharedUuids) -> Self {
        Self { shared: Some(Arc::new(shared)), ..self }
    }

    /// Since when it is known what went out, if that is less than the hour for which Feishu knows a `uuid`.
    pub(super) fn known_since(&self) -> Option<Moment> {
        self.horizon.get().filter(|moment| self.clock.since(*moment) < HOUR)
    }

    /// What earlier attempts of a forward came to, if one went out or may have.
    pub(super) fn earlier(&self, identity: &Identity) -> Option<Earlier> {
        if let Some(first_attempt) = self.in_doubt_since(identity) {
            return Some(Earlier::MayBeOut(first_attempt));
        }
        let known = self.uses.get(&identity.name).filter(|it| it.content == identity.content)?;
        let went_out = known.went_out.filter(|it| self.clock.since(it.told_at) < HOUR)?;
        Some(Earlier::Out(went_out.first_attempt))
    }

    /// When a forward was first attempted, if it is in doubt.
    pub(super) fn in_doubt_since(&self, identity: &Identity) -> Option<Stamp> {
        let Doubt { first_attempt, .. } = self.doubts.get(&identity.whole())?;
        self.is_remembered(first_attempt).then_some(first_attempt)
    }

    fn is_remembered(&self, first_attempt: Stamp) -> bool {
        self.clock.since(first_attempt.moment()) < REMEMBERED
    }

    /// Whether the `uuid` can be used for this: it stands for nothing else yet, neither to its caller nor to
    /// Feishu.
    pub(super) fn look(&self, identity: &Identity) -> Result<(), Reused> {
        match self.uses.get(&identity.name) {
            Some(used) if self.is_other(identity, &used) => Err(Reused),
            _ => self.held.look(identity),
        }
    }

    fn is_other(&self, identity: &Identity, used: &Use) -> bool {
        used.content != identity.content && self.clock.since(used.used_at) < HOUR
    }

    /// From now on and for an hour the `uuid` stands for this, to its caller.
    pub(super) fn take(&self, identity: &Identity) -> Result<(), Reused> {
        self.look(identity)?;
        let Identity { name, content, .. } = *identity;
        let used_at = self.clock.now();
        let mut result = Ok(());
        let _ = self.uses.entry(name).and_compute_with(|entry| {
            let known = entry.map(Entry::into_value);
            if known.is_some_and(|used| self.is_other(identity, &used)) {
                result = Err(Reused);
                return Op::Nop;
            }
            let went_out = known.filter(|it| it.content == content).and_then(|it| it.went_out);
            Op::Put(Use { content, used_at, went_out })
        });
        result
    }

    /// An attempt begins.
    pub(super) fn begin(&self, identity: &Identity, first_attempt: Stamp) -> Result<(), Reused> {
        if identity.is_chosen {
            self.held.hold(identity)?;
        }
        self.doubt(identity, first_attempt, |doubt| doubt.under_way += 1);
        Ok(())
    }

    /// An attempt has ended, whether or not it was said that it begins.
    pub(super) fn end(&self, identity: &Identity, first_attempt: Stamp, end: End) {
        self.doubt(identity, first_attempt, |doubt| {
            doubt.under_way = doubt.under_way.saturating_sub(1);
            match end {
                End::Out => doubt.may_be_out = false,
                End::Unknown => doubt.may_be_out = true,
                End::NotOut => {}
            }
        });
        match end {
            End::Out => {
                self.went_out(identity, first_attempt);
                self.held.may_be_known_since(identity, self.clock.now());
            }
            End::Unknown => {
                if !identity.is_chosen {
                    // The problem tells its caller the `uuid`, whoever made it.
                    let _ = self.take(identity).and_then(|()| self.held.hold(identity));
                }
                self.held.may_be_known_since(identity, self.clock.now() + LINGERS);
            }
            End::NotOut if identity.is_chosen => self.held.release(identity),
            End::NotOut => {}
        }
    }

    /// What went out or may have, and what is under way, of which it was told since then.
    pub(super) fn changed_since(&self, since: Moment) -> Changed {
        let mut changed = Changed::default();
        for (name, Use { content, went_out, .. }) in &self.uses {
            if let Some(WentOut { first_attempt, .. }) = went_out.filter(|it| it.told_at >= since) {
                changed.by_uuid.push(Sent {
                    name: (*name, content),
                    first_attempt,
                    fate: Fate::Out,
                });
            }
        }
        for (whole, doubt) in &self.doubts {
            let Doubt { first_attempt, changed_at, named, may_be_out, .. } = doubt;
            if changed_at < since || !self.is_remembered(first_attempt) {
                continue;
            }
            let fate = if may_be_out { Fate::Unknown } else { Fate::UnderWay };
            changed.by_uuid.push(Sent { name: *whole, first_attempt, fate });
            changed.by_key.extend(named.map(|name| Sent { name, first_attempt, fate }));
        }
        changed
    }

    /// Another replica says what became of earlier attempts.
    pub(super) fn heard(&self, identity: &Identity, earlier: Earlier) {
        match earlier {
            Earlier::MayBeOut(first_attempt) => self.untold(identity, first_attempt),
            Earlier::Out(first_attempt) => self.went_out(identity, first_attempt),
        }
    }

    /// It may have gone out, but nobody here was there to be told.
    pub(super) fn untold(&self, identity: &Identity, first_attempt: Stamp) {
        self.doubt(identity, first_attempt, |doubt| doubt.may_be_out = true);
    }

    fn doubt(&self, identity: &Identity, first_attempt: Stamp, change: impl FnOnce(&mut Doubt)) {
        let _ = self.doubts.entry(identity.whole()).and_compute_with(|entry| {
            let is_known = entry.is_some();
            let changed_at = self.clock.now();
            let named = identity.named;
            let none = Doubt { first_attempt, changed_at, named, under_way: 0, may_be_out: false };
            let known =
                entry.map(Entry::into_value).filter(|it| self.is_remembered(it.first_attempt));
            let mut doubt = known.unwrap_or(none);
            // What others say makes nothing younger.
            if self.clock.age(first_attempt) > self.clock.age(doubt.first_attempt) {
                doubt.first_attempt = first_attempt;
            }
            doubt.changed_at = changed_at;
            change(&mut doubt);
            if doubt.under_way > 0 || doubt.may_be_out {
                Op::Put(doubt)
            } else if is_known {
                Op::Remove
            } else {
                Op::Nop
            }
        });
    }

    fn went_out(&self, identity: &Identity, first_attempt: Stamp) {
        let Identity { name, content, .. } = *identity;
        let _ = self.uses.entry(name).and_compute_with(|entry| {
            match entry.map(Entry::into_value).filter(|it| it.content == content) {
                Some(known) => {
                    let told_at = self.clock.now();
                    Op::Put(Use { went_out: Some(WentOut { first_attempt, told_at }), ..known })
                }
                // One that the gateway made and told nobody.
                None => Op::Nop,
            }
        });
    }
}
