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
    has_left: bool,
}

impl<'a> InFlightAttempt<'a> {
    /// An attempt begins, with the hold of its permit.
    pub fn begin(scheduler: &'a Scheduler, receiver: &'a Receiver, hold: Hold) -> Self {
        Self { scheduler, receiver, hold, sent_at: scheduler.clock.now(), has_left: true }
    }

    /// When the attempt began.
    #[must_use]
    pub fn sent_at(&self) -> Moment {
        self.sent_at
    }

    /// Nothing reached Feishu.
    pub fn never_left(mut self) {
        self.has_left = false;
    }
}

impl Drop for InFlightAttempt<'_> {
    fn drop(&mut self) {
        let Self { scheduler, receiver, hold, sent_at, has_left } = *self;
        if !has_left {
            scheduler.release(receiver, hold);
            return;
        }
        scheduler.limiter.arrived(receiver, hold.taken_at, sent_at, scheduler.clock.now());
        let shared = hold.shared.and_then(|(hold_id, slot)| Some((hold_id, slot?)));
        scheduler.report(receiver, Feedback::Arrived(shared));
    }
}
