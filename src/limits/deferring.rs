//! Following others: Redis, where replicas share the limits, or a process that was there before. Or keeping
//! to a share by oneself.

use std::num::NonZeroU32;
use std::time::Duration;

use super::shared::OVERLAP;
use super::{Decides, Limits, Pass, Seen, State};
use crate::clock::Moment;
use crate::model::receiver::Receiver;

impl Limits {
    /// Another process may have sent until now, under the same rules. Nothing goes until all of that is out
    /// of every receiver's window. An app begins with its bucket empty, so that it has
    /// no more left than the other process had: both together send no more than one would.
    pub fn follow_another(&self, now: Moment) {
        self.with(|state| {
            let limit = self.rules.receiver_per_second;
            state.receivers.set_limit(limit, now.saturating_add(self.rules.window()));
            state.apps.values_mut().for_each(|app| app.begin_empty(self.rules.pace(), now));
        });
    }

    /// From now on Redis has the last word; what is known here is what it said last. Not if something
    /// can have been sent by this replica's own decision, unless Redis knows of that.
    #[must_use]
    pub fn defer(&self, is_known: bool, now: Moment) -> bool {
        self.with(|state| {
            if state.uses_share(now) && !is_known {
                return false;
            }
            state.decides = Decides::Redis;
            state.receivers.set_defers(true);
            state.receivers.set_limit(self.rules.receiver_per_second, Moment::ZERO);
            state.apps.values_mut().for_each(|app| app.set_pace(self.rules.pace()));
            true
        })
    }

    /// From now on each of so many replicas keeps to its share by itself, once it has asked Redis in vain
    /// again. Before anything goes, whatever Redis has allowed, to whichever of them, is out of every
    /// receiver's window; and the app's limits begin empty.
    pub fn keep_to_share(&self, replicas: NonZeroU32, now: Moment) {
        let limit = self.rules.receiver_per_second.get() / replicas;
        let limit = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
        let pace = self.rules.pace().share(replicas);
        // A replica that is just slow to hear from Redis is back before it comes to that.
        let opens_at = now.saturating_add(self.rules.window() + OVERLAP);
        self.with(|state| {
            state.decides = Decides::Share(now);
            state.receivers.set_defers(false);
            state.receivers.set_limit(limit, opens_at);
            // Another replica may hear from Redis for a while yet.
            let empty_at = now.saturating_add(OVERLAP);
            state.apps.values_mut().for_each(|app| app.begin_empty(pace, empty_at));
        });
    }

    /// Redis was asked in vain at this moment, so who keeps to a share may for a while.
    pub fn asked_in_vain(&self, asked_at: Moment) {
        self.with(|state| {
            if let Decides::Share(until) = &mut state.decides {
                *until = asked_at.saturating_add(OVERLAP);
            }
        });
    }

    /// Whether Redis has the last word.
    #[must_use]
    pub fn defers(&self) -> bool {
        self.with(|state| state.decides == Decides::Redis)
    }

    /// Whether something can have been sent by this replica's own decision.
    #[must_use]
    pub fn uses_share(&self, now: Moment) -> bool {
        self.with(|state| state.uses_share(now))
    }

    /// Leave to ask Redis about a receiver under caution, if it is time to: another replica's trial may have
    /// been accepted.
    #[must_use]
    pub fn is_to_be_asked(&self, receiver: &Receiver, now: Moment) -> Option<Pass> {
        self.with(|state| state.is_to_be_asked(receiver, now))
    }

    /// When to look again at a receiver that is ready at `ready_at`.
    #[must_use]
    pub fn look_at(&self, receiver: &Receiver, ready_at: Moment, now: Moment) -> Moment {
        self.with(|state| match state.decides {
            Decides::Redis => state.receivers.cautions.look_at(receiver, ready_at, now),
            Decides::Whole | Decides::Share(_) => ready_at,
        })
    }

    /// What Redis says to one who asked at `asked_at`; false, and nothing is learned, where it no longer has
    /// the last word.
    pub fn learn(
        &self,
        app: &str,
        receiver: &Receiver,
        seen: &Seen,
        asked_at: Moment,
        now: Moment,
    ) -> bool {
        let at = |left: Duration| now.saturating_add(left);
        self.with(|state| {
            let defers = state.decides == Decides::Redis;
            if defers {
                if seen.granted {
                    state.receivers.own(receiver, asked_at, now);
                }
                let cells = seen.cells.iter().map(|left| at(*left)).collect();
                state.receivers.learn(receiver, cells, now);
                state.receivers.open_at(at(seen.opens_in));
                state.receivers.cautions.learn(receiver, seen.pause, seen.closed_for, now);
                state.app(app).learn(at(seen.spent_for), at(seen.app_closed_for));
            }
            defers
        })
    }

    /// The turn that was taken now is kept for as long as its message is under way: until it has arrived, or the
    /// turn is given back.
    pub fn hold(&self, receiver: &Receiver, taken_at: Moment) {
        self.with(|state| state.receivers.hold(receiver, taken_at));
    }

    /// A turn is given back: nothing is sent, or nothing has reached Feishu.
    pub fn give_back(&self, receiver: &Receiver, taken_at: Moment) {
        self.with(|state| state.receivers.ended(receiver, taken_at));
    }

    /// A message to the receiver whose turn was taken at `taken_at`, and that was sent at `sent_at`, was answered,
    /// or given up: its span begins now, because it may have arrived only now.
    ///
    /// Where Redis has the last word this is a guess, until it has told.
    pub fn arrived(&self, receiver: &Receiver, taken_at: Moment, sent_at: Moment, now: Moment) {
        self.with(|state| {
            state.receivers.ended(receiver, taken_at);
            match state.decides {
                Decides::Redis => {
                    state.receivers.guess_arrived(receiver, sent_at, now);
                    state.receivers.own_arrived(receiver, sent_at, now);
                }
                Decides::Whole | Decides::Share(_) => {
                    state.receivers.arrived(receiver, taken_at, now);
                }
            }
        });
    }

    /// What Redis says when it is told that a message has arrived: how long each of the receiver's cells is
    /// still taken.
    pub fn learn_cells(&self, receiver: &Receiver, cells: Vec<Duration>, now: Moment) {
        self.with(|state| {
            if state.decides == Decides::Redis {
                let cells = cells.into_iter().map(|left| now.saturating_add(left)).collect();
                state.receivers.learn(receiver, cells, now);
            }
        });
    }
}

impl State {
    pub(super) fn is_to_be_asked(&mut self, receiver: &Receiver, now: Moment) -> Option<Pass> {
        let is_to_be_asked =
            self.decides == Decides::Redis && self.receivers.cautions.is_to_be_asked(receiver, now);
        is_to_be_asked.then_some(Pass { trial: false, is_final: false })
    }

    fn uses_share(&self, now: Moment) -> bool {
        matches!(self.decides, Decides::Share(_)) && self.receivers.is_open(now)
    }
}
