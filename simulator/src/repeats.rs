//! The uuids that were forwarded within the hour.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::nanos;

/// How long a uuid is remembered (doc: 1 hour).
const REMEMBERED: Duration = Duration::from_hours(1);

/// One uuid of one app for one receiver: for another receiver it is another forward (doc), for
/// another app too (guess).
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct RepeatKey {
    pub(crate) app_id: String,
    pub(crate) receive_id_type: String,
    pub(crate) receive_id: String,
    pub(crate) uuid: String,
}

/// The new message of each uuid, and the order in which they will be forgotten.
#[derive(Default)]
pub(crate) struct Repeats {
    messages: HashMap<RepeatKey, String>,
    order: VecDeque<(u64, RepeatKey)>,
}

impl Repeats {
    /// The message that this uuid has already made.
    pub(crate) fn find(&mut self, key: &RepeatKey, now: u64) -> Option<&str> {
        while let Some((_, old)) = self.order.pop_front_if(|(at, _)| now - *at >= nanos(REMEMBERED))
        {
            self.messages.remove(&old);
        }
        self.messages.get(key).map(String::as_str)
    }

    pub(crate) fn remember(&mut self, key: RepeatKey, new_message_id: String, now: u64) {
        self.order.push_back((now, key.clone()));
        self.messages.insert(key, new_message_id);
    }
}
