//! Caution with the receivers that Feishu refused: other bots spend the same budget, and only trying
//! tells when there is some left.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::model::receiver::Receiver;

/// How long a receiver is left alone after its first refusal; doubled by each trial that is refused.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a caution is kept when its pause is over and nobody tries.
const KEPT: Duration = Duration::from_mins(1);

/// The receivers under caution: each may get one attempt a pause, a trial, until one is accepted.
#[derive(Debug, Default)]
pub(super) struct Cautions(HashMap<Receiver, Caution>);

#[derive(Debug)]
struct Caution {
    pause: Duration,
    closed_until: Moment,
}

impl Cautions {
    /// When an attempt with `ahead` others before it may go, if they are all trials.
    pub(super) fn ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        let Some(Caution { pause, closed_until }) = self.0.get(receiver) else { return now };
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
        let caution = Caution { pause, closed_until: now.saturating_add(pause) };
        self.0.insert(receiver.clone(), caution);
    }

    /// A trial was accepted.
    pub(super) fn accepted(&mut self, receiver: &Receiver) {
        self.0.remove(receiver);
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
