//! The ledger while it is being written.

use std::collections::VecDeque;

use crate::answer::Answer;
use crate::call::Call;
use crate::ledger::{Attempt, Delivery, Ledger};

/// Attempts and deliveries, oldest first.
#[derive(Default)]
pub(crate) struct Book {
    attempts: VecDeque<Attempt>,
    deliveries: VecDeque<Delivery>,
    dropped: u64,
    last_number: u64,
}

impl Book {
    /// Writes a request down as unanswered and returns its number.
    pub(crate) fn open(&mut self, call: &Call, at_ns: u64, limit: usize) -> u64 {
        self.last_number += 1;
        self.attempts.push_back(Attempt {
            number: self.last_number,
            connection: call.connection,
            at_ns,
            api: call.api,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
            app_id: call.app_id().map(str::to_owned),
            message_id: call.message_id.clone(),
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

    pub(crate) fn note_app(&mut self, number: u64, app_id: &str) {
        if let Some(attempt) = self.attempt(number) {
            attempt.app_id = Some(app_id.to_owned());
        }
    }

    pub(crate) fn note_new_message(&mut self, number: u64, new_message_id: &str) {
        if let Some(attempt) = self.attempt(number) {
            attempt.new_message_id = Some(new_message_id.to_owned());
        }
    }

    pub(crate) fn note_answer(&mut self, number: u64, answer: &Answer) {
        if let Some(attempt) = self.attempt(number) {
            attempt.status = Some(answer.status);
            attempt.code = answer.code;
            attempt.log_id.clone_from(&answer.log_id);
        }
    }

    pub(crate) fn deliver(&mut self, delivery: Delivery, limit: usize) {
        self.deliveries.push_back(delivery);
        self.dropped += drop_oldest(&mut self.deliveries, limit);
    }

    pub(crate) fn snapshot(&self) -> Ledger {
        Ledger {
            attempts: self.attempts.iter().cloned().collect(),
            deliveries: self.deliveries.iter().cloned().collect(),
            dropped: self.dropped,
        }
    }

    /// Forgets everything but the last number, so that late answers find no wrong attempt.
    pub(crate) fn clear(&mut self) {
        *self = Self { last_number: self.last_number, ..Self::default() };
    }

    /// An attempt by its number, unless it was dropped; numbers follow each other without gaps.
    fn attempt(&mut self, number: u64) -> Option<&mut Attempt> {
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
