//! The rules in the plainest form: a list of broadcasts in memory.

use jiff::Timestamp;

use crate::broadcasts::{
    Acceptance, Broadcast, Claimed, Counts, NewBroadcast, ReceiverRecord, ReceiverState, Settled,
    Settlement, State,
};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;

/// What a store holds. Every revision is 0.
#[derive(Default)]
pub(super) struct Model {
    pub(super) broadcasts: Vec<Entry>,
    latest: Timestamp,
}

pub(super) struct Entry {
    new: NewBroadcast,
    state: State,
    paused_by: Option<ProblemKind>,
    finished_at: Option<Timestamp>,
    receivers: Vec<ReceiverEntry>,
}

struct ReceiverEntry {
    record: ReceiverRecord,
    is_held: bool,
    due: Timestamp,
    in_doubt_since: Option<Timestamp>,
}

impl Entry {
    /// The broadcast, but for its revision.
    pub(super) fn broadcast(&self) -> Broadcast {
        let mut counts = Counts::default();
        for it in &self.receivers {
            *counts.of_mut(it.record.state) += 1;
        }
        Broadcast {
            id: self.new.id.clone(),
            caller: self.new.caller.clone(),
            app: self.new.app.clone(),
            tenant: None,
            message: self.new.message.clone(),
            state: self.state,
            paused_by: self.paused_by,
            total: self.new.receivers.len().try_into().unwrap(),
            counts,
            created_at: self.new.created_at,
            expires_at: self.new.created_at + self.new.expires_in,
            finished_at: self.finished_at,
            retry_of: None,
            revision: 0,
        }
    }

    pub(super) fn records(&self) -> Vec<ReceiverRecord> {
        self.receivers.iter().map(|it| it.record.clone()).collect()
    }

    fn finish_if_done(&mut self, now: Timestamp) {
        let is_done = self.receivers.iter().all(|it| it.record.state.is_final());
        if is_done && self.finished_at.is_none() {
            self.finished_at = Some(now);
            if self.state != State::Canceled {
                (self.state, self.paused_by) = (State::Completed, None);
            }
        }
    }
}

impl ReceiverEntry {
    fn end(&mut self, state: ReceiverState, now: Timestamp) {
        (self.record.state, self.record.ended_at, self.is_held) = (state, Some(now), false);
    }
}

impl Model {
    fn seen(&mut self, time: Timestamp) -> Timestamp {
        self.latest = self.latest.max(time);
        self.latest
    }

    pub(super) fn accept(&mut self, mut new: NewBroadcast) -> Acceptance {
        if let Some(known) = self.broadcasts.iter().find(|it| it.new.key == new.key) {
            return if known.new.content == new.content {
                Acceptance::Known(known.broadcast())
            } else {
                Acceptance::KeyReused
            };
        }
        let active =
            self.broadcasts.iter().filter(|it| it.new.caller == new.caller && it.state.is_active());
        if active.count() >= new.most_active as usize {
            return Acceptance::TooMany;
        }
        new.created_at = self.seen(new.created_at);
        let receivers = (0..).zip(&new.receivers).map(|(place, receiver)| ReceiverEntry {
            record: ReceiverRecord {
                place,
                receiver: receiver.clone(),
                state: ReceiverState::Pending,
                message_id: None,
                problem: None,
                attempts: 0,
                ended_at: None,
            },
            is_held: false,
            due: Timestamp::MIN,
            in_doubt_since: None,
        });
        let receivers = receivers.collect();
        let entry =
            Entry { state: State::Running, paused_by: None, finished_at: None, receivers, new };
        let accepted = entry.broadcast();
        self.broadcasts.push(entry);
        Acceptance::Accepted(accepted)
    }

    fn find(&mut self, id: &BroadcastId) -> Option<&mut Entry> {
        self.broadcasts.iter_mut().find(|it| it.new.id == *id)
    }

    pub(super) fn claim(&mut self, id: &BroadcastId, most: usize, now: Timestamp) -> Vec<Claimed> {
        let now = self.seen(now);
        let entry = self.find(id).filter(|it| it.state.is_active());
        let Some(entry) = entry else { return Vec::new() };
        let expires_at = entry.new.created_at + entry.new.expires_in;
        let due = entry.receivers.iter_mut().filter(|it| {
            it.due <= now
                && match it.record.state {
                    ReceiverState::Pending => now < expires_at,
                    state => state == ReceiverState::InDoubt && !it.is_held,
                }
        });
        let claims = due.take(most).map(|it| {
            it.record.attempts += 1;
            (it.record.state, it.is_held) = (ReceiverState::InDoubt, true);
            let claimed = Claimed {
                place: it.record.place,
                receiver: it.record.receiver.clone(),
                claim: it.record.attempts,
                in_doubt_since: it.in_doubt_since,
            };
            it.in_doubt_since.get_or_insert(now);
            claimed
        });
        claims.collect()
    }

    pub(super) fn settle(&mut self, id: &BroadcastId, settled: Vec<Settled>, at: Timestamp) {
        let at = self.seen(at);
        let Some(entry) = self.find(id) else { return };
        for Settled { place, claim, result } in settled {
            let Some(it) = entry.receivers.get_mut(place as usize) else { continue };
            let state = it.record.state;
            let is_current = state == ReceiverState::InDoubt && claim == it.record.attempts;
            let is_delivered = matches!(result, Settlement::Delivered(_));
            if state.is_final() || !(is_current || is_delivered) {
                continue;
            }
            match result {
                Settlement::Delivered(message) => {
                    it.end(ReceiverState::Delivered, at);
                    (it.record.message_id, it.record.problem) = (Some(message), None);
                }
                Settlement::NotDelivered(problem) => {
                    it.end(ReceiverState::NotDelivered, at);
                    it.record.problem = Some(problem);
                }
                Settlement::Unknown(problem) => {
                    it.end(ReceiverState::Unknown, at);
                    it.record.problem = Some(problem);
                }
                Settlement::NotSent(problem, _) if entry.state == State::Canceled => {
                    it.end(ReceiverState::Canceled, at);
                    it.record.problem = Some(problem);
                }
                Settlement::NotSent(problem, pause) => {
                    (it.record.state, it.record.problem) = (ReceiverState::Pending, Some(problem));
                    (it.is_held, it.due, it.in_doubt_since) = (false, at + pause, None);
                }
                Settlement::InDoubt(problem, pause) => {
                    (it.record.problem, it.is_held, it.due) = (Some(problem), false, at + pause);
                }
            }
        }
        entry.finish_if_done(at);
    }

    pub(super) fn cancel(&mut self, id: &BroadcastId, at: Timestamp) -> Option<Broadcast> {
        let at = self.seen(at);
        let entry = self.find(id)?;
        if entry.state.is_active() {
            (entry.state, entry.paused_by) = (State::Canceled, None);
            let pending =
                entry.receivers.iter_mut().filter(|it| it.record.state == ReceiverState::Pending);
            pending.for_each(|it| it.end(ReceiverState::Canceled, at));
            entry.finish_if_done(at);
        }
        Some(entry.broadcast())
    }

    pub(super) fn pause(&mut self, id: &BroadcastId, by: Option<ProblemKind>) {
        if let Some(entry) = self.find(id).filter(|it| it.state.is_active()) {
            entry.state = if by.is_some() { State::Paused } else { State::Running };
            entry.paused_by = by;
        }
    }

    pub(super) fn tidy(
        &mut self,
        now: Timestamp,
        doubtful_before: Timestamp,
        finished_before: Timestamp,
    ) {
        let now = self.seen(now);
        for entry in &mut self.broadcasts {
            let expires_at = entry.new.created_at + entry.new.expires_in;
            for it in &mut entry.receivers {
                let is_doubtful = it.in_doubt_since.is_some_and(|it| it < doubtful_before);
                match it.record.state {
                    ReceiverState::Pending if expires_at <= now => {
                        it.end(ReceiverState::Expired, now);
                    }
                    ReceiverState::InDoubt
                        if !it.is_held && (is_doubtful || entry.state == State::Canceled) =>
                    {
                        it.end(ReceiverState::Unknown, now);
                    }
                    _ => {}
                }
            }
            entry.finish_if_done(now);
        }
        self.broadcasts.retain(|it| it.finished_at.is_none_or(|it| it >= finished_before));
    }

    /// The process dies.
    pub(super) fn die(&mut self) {
        for it in self.broadcasts.iter_mut().flat_map(|it| &mut it.receivers) {
            it.is_held = false;
        }
    }

    /// The latest time that it has seen.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest
    }
}
