//! Records the attempts and deliveries of which a [`Ledger`] is a snapshot.

use std::collections::VecDeque;

use crate::answer::Answer;
use crate::call::Call;
use crate::ledger::{Attempt, Delivery, Ledger};
use crate::push::{Push, PushAnswer};
use crate::tokens::Caller;

/// The recorded attempts and deliveries, oldest first.
#[derive(Default)]
pub(crate) struct LedgerWriter {
    attempts: VecDeque<Attempt>,
    deliveries: VecDeque<Delivery>,
    pushes: VecDeque<Push>,
    dropped: u64,
    last_number: u64,
    last_push: u64,
}

impl LedgerWriter {
    /// Records a request without an answer, and returns its number.
    pub(crate) fn record_attempt(&mut self, call: &Call, at_ns: u64, limit: usize) -> u64 {
        self.last_number += 1;
        self.attempts.push_back(Attempt {
            number: self.last_number,
            connection: call.connection.number,
            at_ns,
            api: call.api,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
            app_id: call.app_id().map(str::to_owned),
            tenant_key: call.text("tenant_key").map(str::to_owned),
            message_id: call.message_id.clone(),
            message_ids: call.message_ids.clone(),
            thread_id: call.thread_id.clone(),
            receive_id: call.receive_id.clone(),
            receive_id_type: call.receive_id_type.clone(),
            uuid: call.uuid.clone(),
            status: None,
            code: None,
            log_id: None,
            new_message_id: None,
        });
        self.dropped += drop_oldest(&mut self.attempts, limit);
        self.last_number
    }

    /// Records the app and the tenant whose token the request carried.
    pub(crate) fn note_caller(&mut self, number: u64, caller: &Caller) {
        if let Some(attempt) = self.attempt(number) {
            attempt.app_id = Some(caller.app_id.clone());
            attempt.tenant_key = Some(caller.tenant_key.clone());
        }
    }

    /// Records the id of the message that the request created.
    pub(crate) fn note_new_message(&mut self, number: u64, new_message_id: &str) {
        if let Some(attempt) = self.attempt(number) {
            attempt.new_message_id = Some(new_message_id.to_owned());
        }
    }

    /// Records the answer to the request.
    pub(crate) fn note_answer(&mut self, number: u64, answer: &Answer) {
        if let Some(attempt) = self.attempt(number) {
            attempt.status = Some(answer.status);
            attempt.code = answer.code;
            attempt.log_id.clone_from(&answer.log_id);
        }
    }

    /// Records a delivery.
    pub(crate) fn record_delivery(&mut self, delivery: Delivery, limit: usize) {
        self.deliveries.push_back(delivery);
        self.dropped += drop_oldest(&mut self.deliveries, limit);
    }

    /// Records a push without an answer, and returns it with its number.
    pub(crate) fn record_push(&mut self, mut push: Push, limit: usize) -> Push {
        self.last_push += 1;
        push.number = self.last_push;
        self.pushes.push_back(push.clone());
        self.dropped += drop_oldest(&mut self.pushes, limit);
        push
    }

    /// Records the answer to a push.
    pub(crate) fn note_push_answer(&mut self, number: u64, answer: Option<&PushAnswer>) {
        if let Some(push) = self.pushes.iter_mut().rev().find(|push| push.number == number) {
            push.answer = answer.cloned();
        }
    }

    pub(crate) fn snapshot(&self) -> Ledger {
        Ledger {
            attempts: self.attempts.iter().cloned().collect(),
            deliveries: self.deliveries.iter().cloned().collect(),
            pushes: self.pushes.iter().cloned().collect(),
            dropped: self.dropped,
        }
    }

    /// Deletes all records. The numbering continues, so that a late answer is not recorded for a new attempt.
    pub(crate) fn clear(&mut self) {
        let Self { last_number, last_push, .. } = *self;
        *self = Self { last_number, last_push, ..Self::default() };
    }

    /// The attempt with this number. `None` if it was dropped.
    fn attempt(&mut self, number: u64) -> Option<&mut Attempt> {
        // The numbers have no gaps, so the number determines the index.
        let first = self.attempts.front()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.attempts.get_mut(index)
    }
}

fn drop_oldest<T>(entries: &mut VecDeque<T>, limit: usize) -> u64 {
    let surplus = entries.len().saturating_sub(limit);
    entries.drain(..surplus);
    surplus as u64
}
