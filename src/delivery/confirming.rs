//! Redis has the last word on a turn that was taken here.

use super::lines::Wish;
use super::turn::{Turn, Turns, Waited};
use crate::clock::Moment;
use crate::limits::{Asker, Hold, Pass};
use crate::model::receiver::Receiver;
use crate::store;

impl Turns {
    /// Has Redis confirm what was taken here now, where it has the last word. None: not now, and the limits
    /// here know until when.
    pub(super) async fn confirm(
        &self,
        wish: &Wish<'_>,
        pass: Pass,
        taken_at: Moment,
    ) -> Option<Turn> {
        let waited = Waited::default();
        self.limits.hold(wish.receiver, taken_at);
        let sharing = match &self.sharing {
            Some(sharing) if !pass.is_final => sharing,
            _ => {
                let hold = Hold { taken_at, shared: None };
                return Some(Turn { waited, trial: pass.trial, hold });
            }
        };
        let asker = Asker::random();
        let hold = Hold { taken_at, shared: Some((asker, None)) };
        // Also where its caller hangs up before the answer: Redis may grant it yet.
        let unheard = Unheard { turns: self, receiver: wish.receiver, hold, is_heard: false };
        let asked_at = self.clock.now();
        match Box::pin(sharing.shared.take(wish.app, wish.receiver, asker)).await {
            Ok(seen) => {
                let now = self.clock.now();
                if let Err(stepped) = sharing.check_clock(seen.shown, asked_at, now) {
                    self.lose(sharing, &stepped);
                    return None;
                }
                // No gate is closed in the middle of somebody's look.
                let lines = self.lines();
                let was_cautious = self.limits.is_under_caution(wish.receiver);
                let is_redis_word =
                    self.limits.learn(wish.app, wish.receiver, &seen, asked_at, now);
                if was_cautious && !self.limits.is_under_caution(wish.receiver) {
                    // Another replica's trial was accepted: those who wait need wait no longer for that.
                    lines.wake_first(wish.receiver);
                }
                // Who heard of it late, as the process stood still, does not know what came after it.
                let is_fresh = now.saturating_sub(asked_at) <= store::TIMEOUT;
                drop(lines);
                if !seen.granted {
                    unheard.refused();
                    return None;
                }
                let hold = Hold { taken_at, shared: Some((asker, Some(seen.cell))) };
                let is_used = is_redis_word && is_fresh;
                is_used.then(|| {
                    unheard.granted();
                    Turn { waited, trial: seen.trial, hold }
                })
            }
            Err(gone) => {
                self.lose(sharing, &gone);
                None
            }
        }
    }
}

/// A turn that Redis was asked for. Unless its answer is heard, the turn is given back when this is dropped.
struct Unheard<'a> {
    turns: &'a Turns,
    receiver: &'a Receiver,
    hold: Hold,
    is_heard: bool,
}

impl Unheard<'_> {
    /// It is granted, and used.
    fn granted(mut self) {
        self.is_heard = true;
    }

    /// It is not granted: there is nothing to be given back to Redis.
    fn refused(mut self) {
        self.is_heard = true;
        self.turns.limits.give_back(self.receiver, self.hold.taken_at);
    }
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        if !self.is_heard {
            self.turns.give_back(self.receiver, self.hold);
        }
    }
}
