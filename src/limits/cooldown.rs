//! The cooldown of a receiver that Feishu refused.
//!
//! Feishu answers 230020 when other bots use up the budget of the same receiver. Only an attempt shows
//! whether there is budget again, so a receiver that cools down gets one attempt a pause, a probe.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::model::receiver::Receiver;

/// The pause after a receiver's first refusal. Each refused probe doubles it.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a cooldown outlives its pause if no probe is made.
pub(super) const KEPT: Duration = Duration::from_mins(1);

/// How long Redis' word on a cooldown counts: another replica's probe may be accepted meanwhile.
const BELIEVED: Duration = Duration::from_secs(1);

/// The receivers that cool down.
#[derive(Debug, Default)]
pub(super) struct Cooldowns(HashMap<Receiver, Cooldown>);

#[derive(Debug)]
struct Cooldown {
    pause: Duration,
    /// When the next probe may go.
    probe_at: Moment,
    /// When to ask Redis again, where replicas share the limits.
    ask_at: Moment,
}

impl Cooldowns {
    /// When an attempt with `ahead` others before it may go, if all of them are probes.
    pub(super) fn ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        let Some(Cooldown { pause, probe_at, .. }) = self.0.get(receiver) else { return now };
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        (*probe_at).max(now).saturating_add(pause.saturating_mul(ahead))
    }

    /// Notes an attempt that goes now, and returns whether it is a probe.
    pub(super) fn take(&mut self, receiver: &Receiver, now: Moment) -> bool {
        let Some(cooldown) = self.0.get_mut(receiver) else { return false };
        // At once and not when the probe is answered: a probe that is never answered costs one pause.
        cooldown.probe_at = now.saturating_add(cooldown.pause);
        true
    }

    pub(super) fn refused(&mut self, receiver: &Receiver, is_probe: bool, now: Moment) {
        let pause = match self.0.get(receiver) {
            // The attempt left before the cooldown began, so its refusal is no news.
            Some(_) if !is_probe => return,
            Some(cooldown) => (cooldown.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let cooldown = Cooldown {
            pause,
            probe_at: now.saturating_add(pause),
            ask_at: now.saturating_add(BELIEVED),
        };
        self.0.insert(receiver.clone(), cooldown);
    }

    /// Feishu accepted a probe: the cooldown ends.
    pub(super) fn accepted(&mut self, receiver: &Receiver) {
        self.0.remove(receiver);
    }

    /// Adopts what Redis knows: the pause of the cooldown if there is one, and the time until the next probe.
    pub(super) fn adopt(
        &mut self,
        receiver: &Receiver,
        pause: Option<Duration>,
        probe_in: Duration,
        now: Moment,
    ) {
        let Some(pause) = pause else {
            self.0.remove(receiver);
            return;
        };
        let (probe_at, ask_at) = (now.saturating_add(probe_in), now.saturating_add(BELIEVED));
        self.0.insert(receiver.clone(), Cooldown { pause, probe_at, ask_at });
    }

    /// Whether Redis is to be asked now if the receiver still cools down. The next time is a while later.
    pub(super) fn is_ask_due(&mut self, receiver: &Receiver, now: Moment) -> bool {
        let cooldown = self.0.get_mut(receiver);
        let Some(cooldown) = cooldown.filter(|it| it.ask_at <= now && now < it.probe_at) else {
            return false;
        };
        cooldown.ask_at = now.saturating_add(BELIEVED);
        true
    }

    /// When to look again at a receiver that is ready at `ready_at`: earlier if Redis is asked before.
    pub(super) fn recheck_at(&self, receiver: &Receiver, ready_at: Moment, now: Moment) -> Moment {
        let cooldown = self.0.get(receiver).filter(|it| now < it.probe_at && now < it.ask_at);
        cooldown.map_or(ready_at, |it| it.ask_at.min(ready_at))
    }

    pub(super) fn contains(&self, receiver: &Receiver) -> bool {
        self.0.contains_key(receiver)
    }

    /// How many receivers may get nothing now.
    pub(super) fn active(&self, now: Moment) -> usize {
        self.0.values().filter(|cooldown| cooldown.probe_at > now).count()
    }

    /// Drops the cooldowns that have outlived their pauses.
    pub(super) fn sweep(&mut self, now: Moment) {
        self.0.retain(|_, cooldown| cooldown.probe_at.saturating_add(KEPT) > now);
    }
}
