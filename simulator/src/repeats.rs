//! Recognises repeated forwards by their uuids.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::nanos;
use crate::ledger::Api;
use crate::tokens::Caller;

/// The key by which a repeat is recognised. A uuid with another receiver (doc), another app or another
/// tenant (guess) is not a repeat.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct RepeatKey {
    pub(crate) caller: Caller,
    /// The API. `None` if a uuid counts for all APIs together.
    pub(crate) api: Option<Api>,
    pub(crate) receive_id_type: String,
    pub(crate) receive_id: String,
    pub(crate) uuid: String,
}

/// The ids of the new messages by uuid, and the order in which they expire.
#[derive(Default)]
pub(crate) struct Repeats {
    messages: HashMap<RepeatKey, String>,
    order: VecDeque<(u64, RepeatKey)>,
}

impl Repeats {
    /// The id of the message that a forward with this key has already created.
    ///
    /// `lifetime` is how long a uuid is remembered.
    pub(crate) fn find(&mut self, key: &RepeatKey, now: u64, lifetime: Duration) -> Option<&str> {
        while let Some((_, old)) = self.order.pop_front_if(|(at, _)| now - *at >= nanos(lifetime)) {
            self.messages.remove(&old);
        }
        self.messages.get(key).map(String::as_str)
    }

    /// Records the id of the message that a forward with this key has created.
    pub(crate) fn remember(&mut self, key: RepeatKey, new_message_id: String, now: u64) {
        self.order.push_back((now, key.clone()));
        self.messages.insert(key, new_message_id);
    }
}
