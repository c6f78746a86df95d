//! Caution with the receivers that Feishu refused: other bots spend the same budget, and only trying
//! tells when there is some left.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::model::receiver::Receiver;

/// How long a receiver is left alone after its first refusal; doubled by each trial that is refused.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a caution is kept when its pause is over and nobody tries.
pub(super) const KEPT: Duration = Duration::from_mins(1);

/// How long what Redis said of a caution is believed without asking it again: another replica's trial may
/// have been accepted meanwhile.
const BELIEVED: Duration = Duration::from_secs(1);

/// The receivers under caution: each may get one attempt a pause, a trial, until one is accepted.
#[derive(Debug, Default)]
pub(super) struct Cautions(HashMap<Receiver, Caution>);

#[derive(Debug)]
struct Caution {
    pause: Duration,
    closed_until: Moment,
    /// When Redis is asked again, where it has the last word.
    ask_at: Moment,
}

impl Cautions {
    /// When an attempt with `ahead` others before it may go, if they are all trials.
    pub(super) fn ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        let Some(Caution { pause, closed_until, .. }) = self.0.get(receiver) else { return now };
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        (*closed_until).max(now).saturating_add(pause.saturating_mul(ahead))
    }

    /// Notes an attempt that goes now, and tells whether it is a trial.
    ///
    /// A trial closes the gate at once, so one that nobody reports back costs a pause and no more.
    pub(super) fn take(&mut self, receiver: &Receiver, now: Moment) -> bool {
        let Some(caution) = self.0.get_mut(receiver) else { return false };
        caution.closed_until = now.saturating_add(caution.pause);
        true
    }

    pub(super) fn refused(&mut self, receiver: &Receiver, trial: bool, now: Moment) {
        let pause = match self.0.get(receiver) {
            // It left before the gate was closed: there is nothing new in it.
            Some(_) if !trial => return,
            Some(caution) => (caution.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let caution = Caution {
            pause,
            closed_until: now.saturating_add(pause),
            ask_at: now.saturating_add(BELIEVED),
        };
        self.0.insert(receiver.clone(), caution);
    }

    /// A trial was accepted.
    pub(super) fn accepted(&mut self, receiver: &Receiver) {
        self.0.remove(receiver);
    }

    /// What Redis says: the pause, if there is a caution, and how long it is closed.
    pub(super) fn learn(
        &mut self,
        receiver: &Receiver,
        pause: Option<Duration>,
        closed_for: Duration,
        now: Moment,
    ) {
        let Some(pause) = pause else {
            self.0.remove(receiver);
            return;
        };
        let (closed_until, ask_at) = (now.saturating_add(closed_for), now.saturating_add(BELIEVED));
        self.0.insert(receiver.clone(), Caution { pause, closed_until, ask_at });
    }

    /// Whether it is time to ask Redis if a receiver is still closed; then it is not for a while.
    pub(super) fn is_to_be_asked(&mut self, receiver: &Receiver, now: Moment) -> bool {
        let caution = self.0.get_mut(receiver);
        let Some(caution) = caution.filter(|it| it.ask_at <= now && now < it.closed_until) else {
            return false;
        };
        caution.ask_at = now.saturating_add(BELIEVED);
        true
    }

    /// When to look again at a receiver that is ready at `ready_at`: Redis is asked earlier if its caution
    /// is what is in the way.
    pub(super) fn look_at(&self, receiver: &Receiver, ready_at: Moment, now: Moment) -> Moment {
        let caution = self.0.get(receiver).filter(|it| now < it.closed_until && now < it.ask_at);
        caution.map_or(ready_at, |it| it.ask_at.min(ready_at))
    }

    pub(super) fn contains(&self, receiver: &Receiver) -> bool {
        self.0.contains_key(receiver)
    }

    /// How many receivers may get nothing now.
    pub(super) fn closed(&self, now: Moment) -> usize {
        self.0.values().filter(|caution| caution.closed_until > now).count()
    }

    pub(super) fn sweep(&mut self, now: Moment) {
        self.0.retain(|_, caution| caution.closed_until.saturating_add(KEPT) > now);
    }
}
