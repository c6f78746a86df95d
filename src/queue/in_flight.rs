//! An attempt that is under way.

use super::scheduler::Scheduler;
use crate::clock::Moment;
use crate::limits::{Feedback, Hold};
use crate::model::receiver::Receiver;

/// Guards an attempt that is under way. Dropping it means that the message has arrived, perhaps only now.
#[must_use]
pub struct InFlightAttempt<'a> {
    scheduler: &'a Scheduler,
    receiver: &'a Receiver,
    hold: Hold,
    sent_at: Moment,
    /// When the message had arrived, where that was noted.
    arrived_at: Option<Moment>,
    has_left: bool,
}

impl<'a> InFlightAttempt<'a> {
    /// An attempt begins at `sent_at`, with the hold of its permit.
    pub fn begin(
        scheduler: &'a Scheduler,
        receiver: &'a Receiver,
        hold: Hold,
        sent_at: Moment,
    ) -> Self {
        Self { scheduler, receiver, hold, sent_at, arrived_at: None, has_left: true }
    }

    /// The message has arrived by `now`.
    pub fn arrived(mut self, now: Moment) {
        self.arrived_at = Some(now);
    }

    /// Nothing reached Feishu.
    pub fn never_left(mut self) {
        self.has_left = false;
    }
}

impl Drop for InFlightAttempt<'_> {
    fn drop(&mut self) {
        let Self { scheduler, receiver, hold, sent_at, arrived_at, has_left } = *self;
        if !has_left {
            scheduler.release(receiver, hold);
            return;
        }
        let now = arrived_at.unwrap_or_else(|| scheduler.clock.now());
        scheduler.limiter.arrived(receiver, hold.taken_at, sent_at, now);
        let shared = hold.shared.and_then(|(hold_id, slot)| Some((hold_id, slot?)));
        scheduler.report(receiver, Feedback::Arrived(shared));
    }
}
