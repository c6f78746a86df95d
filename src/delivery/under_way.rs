//! An attempt on its way.

use super::turn::Turns;
use crate::clock::Moment;
use crate::limits::{Hold, Note};
use crate::model::receiver::Receiver;

/// An attempt that is made. When this is dropped, it has arrived, perhaps only now.
#[must_use]
pub struct UnderWay<'a> {
    turns: &'a Turns,
    receiver: &'a Receiver,
    hold: Hold,
    /// When it began.
    pub(super) sent_at: Moment,
    has_left: bool,
}

impl UnderWay<'_> {
    /// Nothing reached Feishu.
    pub(super) fn never_left(mut self) {
        self.has_left = false;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Self { turns, receiver, hold, sent_at, has_left } = *self;
        if !has_left {
            turns.give_back(receiver, hold);
            return;
        }
        turns.limits.arrived(receiver, hold.taken_at, sent_at, turns.clock.now());
        let shared = hold.shared.and_then(|(asker, cell)| Some((asker, cell?)));
        turns.note(receiver, Note::Arrived(shared));
    }
}

impl Turns {
    /// An attempt is made, for which a turn was taken.
    pub fn departs<'a>(&'a self, receiver: &'a Receiver, hold: Hold) -> UnderWay<'a> {
        UnderWay { turns: self, receiver, hold, sent_at: self.clock.now(), has_left: true }
    }

    /// A turn is not used.
    pub fn give_back(&self, receiver: &Receiver, hold: Hold) {
        self.limits.give_back(receiver, hold.taken_at);
        if let Some((asker, _)) = hold.shared {
            self.note(receiver, Note::NotSent(asker));
        }
        self.lines().wake_first(receiver);
    }
}
