//! The pushes that are not due yet: what they hold, and when they are due.

use std::time::Duration;

use serde_json::Value;

use crate::clock::nanos;
use crate::push::PushKind;

/// The times after which a push without an answer is repeated, each from the push before (doc; from when: guess).
const REPEATED_AFTER: [Duration; 4] = [
    Duration::from_secs(15),
    Duration::from_mins(5),
    Duration::from_hours(1),
    Duration::from_hours(6),
];

/// The pushes that are not due yet.
#[derive(Default)]
pub(crate) struct Outbox(Vec<(u64, Parcel)>);

/// What is pushed, and each repetition brings again.
#[derive(Clone)]
pub(crate) struct Parcel {
    pub(crate) app_id: String,
    pub(crate) kind: PushKind,
    pub(crate) content: Value,
    pub(crate) repetition: usize,
}

impl Outbox {
    pub(crate) fn add(&mut self, due: u64, parcel: Parcel) {
        self.0.push((due, parcel));
    }

    /// Plans the next repetition of a push that was sent at this time. After the last one there is none.
    pub(crate) fn repeat(&mut self, mut parcel: Parcel, sent_at: u64) {
        if let Some(after) = REPEATED_AFTER.get(parcel.repetition) {
            parcel.repetition += 1;
            self.add(sent_at.saturating_add(nanos(*after)), parcel);
        }
    }

    /// Takes what is due, in the order in which it became due.
    pub(crate) fn take_due(&mut self, now: u64) -> Vec<Parcel> {
        let mut due: Vec<_> = self.0.extract_if(.., |(due, _)| *due <= now).collect();
        due.sort_by_key(|(due, _)| *due);
        due.into_iter().map(|(_, parcel)| parcel).collect()
    }
}
