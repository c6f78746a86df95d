//! The broadcasts that were accepted, as callers have read them.

use std::collections::BTreeMap;

use super::super::agenda::Moment;
use crate::broadcasts::{Broadcast, ReceiverRecord, ReceiverState, State};

#[derive(Default)]
pub(super) struct SeenBroadcasts {
    by_id: BTreeMap<String, SeenBroadcast>,
    /// Each message belongs to one broadcast: which one was accepted last, and when.
    messages: BTreeMap<String, (String, Moment)>,
}

struct SeenBroadcast {
    accepted_at: Moment,
    revision: u64,
    receivers: Vec<ReceiverState>,
    has_ended: bool,
}

/// A broadcast that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acceptance {
    Again,
    First,
    /// Another broadcast of the same message was accepted before, the last one then.
    AfterAnother(Moment),
}

impl SeenBroadcasts {
    pub(super) fn accepted(&mut self, broadcast: &Broadcast, now: Moment) -> Acceptance {
        let id = broadcast.id.as_str();
        if self.by_id.contains_key(id) {
            return Acceptance::Again;
        }
        let receivers = vec![ReceiverState::Pending; broadcast.total as usize];
        let seen = SeenBroadcast { accepted_at: now, revision: 0, receivers, has_ended: false };
        self.by_id.insert(id.to_owned(), seen);
        let message = broadcast.message.as_str().to_owned();
        let Some((earlier, at)) = self.messages.insert(message, (id.to_owned(), now)) else {
            return Acceptance::First;
        };
        // Its caller reads the new one from now on.
        self.by_id.remove(&earlier);
        Acceptance::AfterAnother(at)
    }

    /// Nobody finds a broadcast. Returns when it was accepted, if it was.
    pub(super) fn lost(&mut self, id: &str) -> Option<Moment> {
        self.by_id.remove(id).map(|it| it.accepted_at)
    }

    /// What was read last of each may be forgotten.
    pub(super) fn may_be_as_before(&mut self) {
        for seen in self.by_id.values_mut() {
            (seen.revision, seen.has_ended) = (0, false);
            seen.receivers.fill(ReceiverState::Pending);
        }
    }

    /// Somebody has read a broadcast and all of its receivers. Returns the receivers that became final.
    pub(super) fn read<'a>(
        &mut self,
        broadcast: &Broadcast,
        records: &'a [ReceiverRecord],
    ) -> Result<Vec<&'a ReceiverRecord>, String> {
        let id = broadcast.id.as_str();
        let Some(seen) = self.by_id.get_mut(id) else { return Ok(Vec::new()) };
        if broadcast.revision < seen.revision {
            return Err(format!("the revision of {id} went back"));
        }
        seen.revision = broadcast.revision;
        if records.len() != seen.receivers.len() {
            return Err(format!("{id} has lost receivers"));
        }
        let mut settled = Vec::new();
        for (record, before) in records.iter().zip(&mut seen.receivers) {
            let (state, receiver) = (record.state, record.receiver.id());
            if before.is_final() && *before != state {
                return Err(format!("{receiver} of {id} was {before:?} and is {state:?}"));
            }
            if !before.is_final() && state.is_final() {
                settled.push(record);
            }
            *before = state;
        }
        let was_canceled = broadcast.state == State::Canceled;
        if was_canceled && seen.receivers.contains(&ReceiverState::Pending) {
            return Err(format!("{id} is canceled and has pending receivers"));
        }
        seen.has_ended = broadcast.finished_at.is_some();
        Ok(settled)
    }

    pub(super) fn all_have_ended(&self) -> bool {
        self.by_id.values().all(|it| it.has_ended)
    }
}
