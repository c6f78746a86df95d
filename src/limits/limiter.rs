//! The limits of all receivers and apps, in memory.
//!
//! Where replicas share the limits, memory decides first and Redis has the last word: what Redis answers is
//! adopted here, so that queues, waiting times and headers are right without asking again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::bucket::AppBucket;
use super::decision::{Ahead, Grant, NotBefore, Scope, Standing};
use super::key::LimitKey;
use super::rules::Rules;
use super::shared::{OVERLAP, ServerTime, TakeReply};
use super::slots::Evicted;
use super::windows::ReceiverWindows;
use crate::clock::Moment;
use crate::model::receiver::Receiver;

/// The limits of all receivers and apps, and what was granted under them.
///
/// The apps share the receivers: to Feishu, the bots of a group share its budget.
#[derive(Debug)]
pub struct Limiter {
    rules: Rules,
    state: Mutex<LimiterState>,
}

#[derive(Debug)]
struct LimiterState {
    receivers: ReceiverWindows,
    /// The buckets of the apps that made calls lately.
    apps: HashMap<LimitKey, AppBucket>,
    /// The bucket of an app that has made no call.
    unused: AppBucket,
    authority: Authority,
}

/// Who decides, once nothing in memory is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authority {
    /// This process, which shares its limits with no other.
    Local,
    /// Redis, for all replicas.
    Shared,
    /// This process, by its share of the limits and until this moment: Redis could not be reached shortly before.
    Fallback(Moment),
}

/// When to look again if a fallback has run out: Redis is asked meanwhile.
const SOON: Duration = Duration::from_millis(50);

impl Limiter {
    /// No call was made yet. The rules hold for each app.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let state = LimiterState {
            receivers: ReceiverWindows::new(rules.receiver_per_second, rules.window()),
            apps: HashMap::new(),
            unused: AppBucket::new(rules.pace()),
            authority: Authority::Local,
        };
        Self { rules: *rules, state: Mutex::new(state) }
    }

    /// Takes a slot of the receiver and a call of the app, or neither if that would not leave enough for
    /// those ahead.
    pub fn take_after(
        &self,
        ahead: Ahead,
        key: &LimitKey,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<Grant, NotBefore> {
        self.with(|state| {
            if let Some(grant) = state.ask_about_cooldown(receiver, now) {
                return Ok(grant);
            }
            // All limits are checked before any is taken, so a refusal by the app costs the receiver nothing.
            state.ready(ahead, key, receiver, now)?;
            state.app_mut(key).take(now)?;
            let is_probe = state.receivers.take(receiver, now)?;
            Ok(Grant { is_probe, is_final: state.authority != Authority::Shared })
        })
    }

    /// Whether [`Limiter::take_after`] would grant an attempt. Takes nothing.
    pub fn ready_after(
        &self,
        ahead: Ahead,
        key: &LimitKey,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<(), NotBefore> {
        self.with(|state| state.ready(ahead, key, receiver, now))
    }

    /// Leave to ask Redis about a receiver that cools down, if it is time: another replica's probe may have passed.
    #[must_use]
    pub fn ask_about_cooldown(&self, receiver: &Receiver, now: Moment) -> Option<Grant> {
        self.with(|state| state.ask_about_cooldown(receiver, now))
    }

    /// Counts a granted message as under way until [`Limiter::arrived`] or [`Limiter::release`].
    pub fn hold(&self, receiver: &Receiver, taken_at: Moment) {
        self.with(|state| state.receivers.hold(receiver, taken_at));
    }

    /// The grant of `taken_at` is not used: nothing is sent, or nothing has reached Feishu.
    pub fn release(&self, receiver: &Receiver, taken_at: Moment) {
        self.with(|state| state.receivers.ended(receiver, taken_at));
    }

    /// A message that was granted at `taken_at` and sent at `sent_at` was answered or given up. Its window
    /// begins now, because it may have arrived only now.
    ///
    /// Where Redis decides, this is a guess until Redis answers ([`Limiter::adopt_slots`]).
    pub fn arrived(&self, receiver: &Receiver, taken_at: Moment, sent_at: Moment, now: Moment) {
        self.with(|state| {
            state.receivers.ended(receiver, taken_at);
            match state.authority {
                Authority::Shared => {
                    state.receivers.guess_arrived(receiver, sent_at, now);
                    state.receivers.own_arrived(receiver, sent_at, now);
                }
                Authority::Local | Authority::Fallback(_) => {
                    state.receivers.arrived(receiver, taken_at, now);
                }
            }
        });
    }

    /// Feishu refused a message because the receiver gets too many: other bots use up its budget too.
    ///
    /// From then on the receiver cools down and gets one probe a pause. Each refused probe doubles the pause,
    /// from half a second up to 30 s.
    pub fn receiver_refused(&self, receiver: &Receiver, is_probe: bool, now: Moment) {
        self.with(|state| state.receivers.cooldowns.refused(receiver, is_probe, now));
    }

    /// Feishu accepted a message. If it was a probe, the cooldown is over.
    pub fn receiver_accepted(&self, receiver: &Receiver, is_probe: bool) {
        if is_probe {
            self.with(|state| state.receivers.cooldowns.accepted(receiver));
        }
    }

    /// Feishu refused a call because the app makes too many: no call goes for `reset`, and for 5 minutes at most.
    pub fn app_refused(&self, key: &LimitKey, reset: Duration, now: Moment) {
        self.with(|state| state.app_mut(key).pause_for(reset, now));
    }

    /// Whether the receiver gets probes only.
    #[must_use]
    pub fn is_cooling_down(&self, receiver: &Receiver) -> bool {
        self.with(|state| state.receivers.cooldowns.contains(receiver))
    }

    /// How many receivers may get nothing now because they cool down.
    #[must_use]
    pub fn cooling_down(&self, now: Moment) -> usize {
        self.with(|state| state.receivers.cooldowns.active(now))
    }

    /// Whether the app may make no calls now because Feishu refused one.
    #[must_use]
    pub fn is_app_paused(&self, key: &LimitKey, now: Moment) -> bool {
        self.with(|state| state.app(key).is_paused(now))
    }

    /// When [`Limiter::take_after`] can grant a message for the receiver that has `ahead` others before it.
    #[must_use]
    pub fn receiver_ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        self.with(|state| state.receiver_ready_at(receiver, ahead, now))
    }

    /// The same as [`Limiter::receiver_ready_at`], if Feishu accepts the receiver's next probe.
    #[must_use]
    pub fn receiver_ready_at_best(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        self.with(|state| state.receivers.ready_at_best(receiver, ahead, now))
    }

    /// When the app's limits allow a call that has `ahead` others before it.
    #[must_use]
    pub fn app_ready_at(&self, key: &LimitKey, ahead: usize, now: Moment) -> Moment {
        self.with(|state| state.app(key).ready_at(ahead, now))
    }

    /// Half of the calls that the app may make at once, rounded down.
    #[must_use]
    pub fn half_a_burst(&self, key: &LimitKey) -> usize {
        self.with(|state| state.app(key).half_a_burst())
    }

    /// When to look again at a receiver that is ready at `ready_at`: earlier if Redis is asked before.
    #[must_use]
    pub fn recheck_at(&self, receiver: &Receiver, ready_at: Moment, now: Moment) -> Moment {
        self.with(|state| match state.authority {
            Authority::Shared => state.receivers.cooldowns.recheck_at(receiver, ready_at, now),
            Authority::Local | Authority::Fallback(_) => ready_at,
        })
    }

    /// How long to let other replicas go first that wait for the same limits of an app, which open at `moment`.
    #[must_use]
    pub fn yields_for(&self, key: &LimitKey, moment: Moment) -> Duration {
        self.with(|state| match state.authority {
            Authority::Shared => state.app(key).yields_for(moment),
            Authority::Local | Authority::Fallback(_) => Duration::ZERO,
        })
    }

    /// How much of the receiver's limit is left.
    #[must_use]
    pub fn standing(&self, receiver: &Receiver, now: Moment) -> Standing {
        self.with(|state| state.receivers.standing(receiver, now))
    }

    /// Evicts the receivers that got nothing between the last two sweeps that were a window apart, the cooldowns
    /// without a probe for a minute, and the apps whose earlier calls no longer count.
    pub fn sweep(&self, now: Moment) -> Evicted {
        self.with(|state| {
            state.apps.retain(|_, app| !app.is_as_unused(now));
            state.receivers.sweep(now)
        })
    }

    /// How many receivers are remembered.
    #[must_use]
    pub fn receivers(&self) -> usize {
        self.with(|state| state.receivers.len())
    }

    /// A process that ran before with the same apps and rules may have sent messages until now.
    pub fn start_after_predecessor(&self, now: Moment) {
        self.with(|state| {
            // After one window nothing that the other process sent counts for any receiver.
            let limit = self.rules.receiver_per_second;
            state.receivers.set_limit(limit, now.saturating_add(self.rules.window()));
            // No bucket is emptier than an empty one, so both processes together call no more often than one.
            state.all_apps().for_each(|app| app.begin_empty(self.rules.pace(), now));
        });
    }

    /// Lets Redis decide from now on. Returns false, and changes nothing, if this process may have granted
    /// attempts by itself that Redis does not know of (`is_known` is false).
    #[must_use]
    pub fn enter_shared(&self, is_known: bool, now: Moment) -> bool {
        self.with(|state| {
            if state.may_have_used_fallback(now) && !is_known {
                return false;
            }
            state.authority = Authority::Shared;
            state.receivers.set_shared(true);
            // Nothing that was granted until now is known to Redis, unless it says so.
            state.receivers.set_limit(self.rules.receiver_per_second, now);
            state.all_apps().for_each(|app| app.set_pace(self.rules.pace()));
            true
        })
    }

    /// Redis is lost: each of `replicas` keeps to its share of the limits by itself, once it has asked Redis in
    /// vain again ([`Limiter::extend_fallback`]).
    pub fn enter_fallback(&self, replicas: NonZeroU32, now: Moment) {
        let limit = self.rules.receiver_per_second.get() / replicas;
        let limit = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
        let pace = self.rules.pace().divided_by(replicas);
        // After a window nothing that Redis granted counts for any receiver. A replica that is just slow to
        // hear from Redis is back before the overlap is over.
        let opens_at = now.saturating_add(self.rules.window() + OVERLAP);
        self.with(|state| {
            state.authority = Authority::Fallback(now);
            state.receivers.set_shared(false);
            state.receivers.set_limit(limit, opens_at);
            // Another replica may hear from Redis for as long as the overlap lasts.
            let empty_at = now.saturating_add(OVERLAP);
            state.all_apps().for_each(|app| app.begin_empty(pace, empty_at));
        });
    }

    /// Redis was asked in vain at `asked_at`, so a fallback goes on for a while.
    pub fn extend_fallback(&self, asked_at: Moment) {
        self.with(|state| {
            if let Authority::Fallback(until) = &mut state.authority {
                *until = asked_at.saturating_add(OVERLAP);
            }
        });
    }

    /// Whether Redis decides.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.with(|state| state.authority == Authority::Shared)
    }

    /// Whether this process may have granted attempts by itself, without Redis.
    #[must_use]
    pub fn may_have_used_fallback(&self, now: Moment) -> bool {
        self.with(|state| state.may_have_used_fallback(now))
    }

    /// Adopts Redis' answer to a question of `asked_at`. Returns false, and adopts nothing, if Redis no longer decides.
    pub fn adopt(
        &self,
        key: &LimitKey,
        receiver: &Receiver,
        reply: &TakeReply,
        asked_at: Moment,
        now: Moment,
    ) -> bool {
        let at = |left: Duration| now.saturating_add(left);
        self.with(|state| {
            if state.authority != Authority::Shared {
                return false;
            }
            if reply.is_granted {
                state.receivers.own(receiver, asked_at, now);
                state.app_mut(key).granted(now);
            }
            let slots = reply.slots.iter().map(|left| at(*left)).collect();
            state.receivers.adopt(receiver, slots, now);
            state.receivers.open_at(reply.server_time.opens_at(now));
            state.receivers.cooldowns.adopt(receiver, reply.pause, reply.probe_in, now);
            state.app_mut(key).adopt(at(reply.spent_for), at(reply.app_paused_for));
            true
        })
    }

    /// Adopts what Redis says of its epoch now.
    pub fn adopt_epoch(&self, server_time: ServerTime, now: Moment) {
        self.with(|state| {
            if state.authority == Authority::Shared {
                state.receivers.open_at(server_time.opens_at(now));
            }
        });
    }

    /// Adopts what Redis answered to an arrival: how long each of the receiver's slots is still taken.
    pub fn adopt_slots(&self, receiver: &Receiver, slots: Vec<Duration>, now: Moment) {
        self.with(|state| {
            if state.authority == Authority::Shared {
                let slots = slots.into_iter().map(|left| now.saturating_add(left)).collect();
                state.receivers.adopt(receiver, slots, now);
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut LimiterState) -> T) -> T {
        // A panic in here leaves no half-made state behind, so a poisoned lock is used on.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LimiterState {
    fn ready(
        &mut self,
        ahead: Ahead,
        key: &LimitKey,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<(), NotBefore> {
        let moment = self.receiver_ready_at(receiver, ahead.for_receiver, now);
        if moment > now {
            return Err(NotBefore { scope: Scope::Receiver, moment });
        }
        self.app(key).ready(ahead.for_app, now)
    }

    fn receiver_ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        match self.authority {
            // The process may have stood still, and Redis may be back.
            Authority::Fallback(until) if until < now => now.saturating_add(SOON),
            _ => self.receivers.ready_at(receiver, ahead, now),
        }
    }

    fn ask_about_cooldown(&mut self, receiver: &Receiver, now: Moment) -> Option<Grant> {
        let is_due = self.authority == Authority::Shared
            && self.receivers.cooldowns.is_ask_due(receiver, now);
        is_due.then_some(Grant { is_probe: false, is_final: false })
    }

    fn may_have_used_fallback(&self, now: Moment) -> bool {
        matches!(self.authority, Authority::Fallback(_)) && self.receivers.is_open(now)
    }

    fn app(&self, key: &LimitKey) -> &AppBucket {
        self.apps.get(key).unwrap_or(&self.unused)
    }

    fn app_mut(&mut self, key: &LimitKey) -> &mut AppBucket {
        self.apps.entry(key.clone()).or_insert_with(|| self.unused.clone())
    }

    /// The buckets of all apps, of those too that have made no call.
    fn all_apps(&mut self) -> impl Iterator<Item = &mut AppBucket> {
        self.apps.values_mut().chain([&mut self.unused])
    }
}
