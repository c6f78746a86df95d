//! What is kept of one key, in memory of its own that is weighed.

use std::mem::size_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Claim, Following, Outcome};
use crate::clock::Moment;
use crate::delivery::error::ForwardError;
use crate::feishu::error::{CallError, FieldViolation, Forwarded, Refusal};
use crate::model::idempotency_key::NamedForward;

/// What one key takes beside its answer, in bytes, that of the cache and the allocator included: measured
/// with `make memory`, and rounded up.
const ENTRY: usize = 512;

#[derive(Debug)]
pub(super) struct Entry {
    content: [u8; 32],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When somebody last began to lead.
    used_at: Moment,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Whoever comes leads.
    Free,
    /// Somebody leads, unless the channel is closed.
    Led(watch::Receiver<Option<Outcome>>),
    /// It was done, and is told again.
    Done(Box<Outcome>),
}

impl Entry {
    pub(super) fn new(content: [u8; 32], used_at: Moment) -> Self {
        Self { content, state: Mutex::new(State { used_at, phase: Phase::Free }) }
    }

    pub(super) fn used_at(&self) -> Moment {
        self.state().used_at
    }

    /// Leads from now on, or tells why not.
    pub(super) fn claim(
        &self,
        named: &NamedForward,
        now: Moment,
    ) -> Result<watch::Sender<Option<Outcome>>, Claim> {
        let mut state = self.state();
        if let Some(used) = self.used_as(&state, named) {
            return Err(used);
        }
        let (tell, listen) = watch::channel(None);
        *state = State { used_at: now, phase: Phase::Led(listen) };
        Ok(tell)
    }

    /// What keeps this from being led.
    pub(super) fn used(&self, named: &NamedForward) -> Option<Claim> {
        self.used_as(&self.state(), named)
    }

    fn used_as(&self, state: &State, named: &NamedForward) -> Option<Claim> {
        if self.content != named.content {
            return Some(Claim::Reused);
        }
        match &state.phase {
            Phase::Done(outcome) => Some(Claim::Done(Outcome::clone(outcome))),
            Phase::Led(heard) if heard.has_changed().is_ok() => {
                Some(Claim::Join(Following(heard.clone())))
            }
            Phase::Led(_) | Phase::Free => None,
        }
    }

    /// It has ended: what is final is kept. A refusal is not where it is shared: another replica may come to
    /// know better.
    pub(super) fn keep(&self, outcome: &Outcome, is_shared: bool) {
        let is_kept = outcome.is_final() && (outcome.result.is_ok() || !is_shared);
        self.state().phase = if is_kept { Phase::Done(kept(outcome)) } else { Phase::Free };
    }

    /// The forward that this is of.
    pub(super) fn named(&self, key: [u8; 32]) -> NamedForward {
        NamedForward { key, content: self.content }
    }

    /// When somebody began to lead, if that was since then and it was delivered.
    pub(super) fn delivered_since(&self, since: Moment) -> Option<Moment> {
        let State { used_at, phase } = &*self.state();
        let is_delivered = matches!(phase, Phase::Done(outcome) if outcome.result.is_ok());
        (is_delivered && *used_at >= since).then_some(*used_at)
    }

    pub(super) fn weight(&self) -> u32 {
        let more = match &self.state().phase {
            // There are no more that lead than requests are answered.
            Phase::Free | Phase::Led(_) => 0,
            Phase::Done(outcome) => size_of::<Outcome>() + weight(outcome),
        };
        u32::try_from(ENTRY + more).unwrap_or(u32::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same in memory of its own: Feishu's answer is a slice of what was read from the connection.
fn kept(outcome: &Outcome) -> Box<Outcome> {
    let mut outcome = outcome.clone();
    if let Ok(forwarded) = &mut outcome.result {
        forwarded.message = Bytes::copy_from_slice(&forwarded.message);
    }
    Box::new(outcome)
}

/// What an outcome takes beside itself.
fn weight(outcome: &Outcome) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
    match &outcome.result {
        Ok(Forwarded { message, message_id, log_id }) => {
            message.len() + message_id.capacity() + text(log_id)
        }
        Err(ForwardError::Failed(CallError::Refused(refusal))) => {
            let Refusal { msg, log_id, troubleshooter, fields, .. } = &**refusal;
            let in_fields = fields.iter().map(|it| it.field.capacity() + it.description.capacity());
            size_of::<Refusal>()
                + msg.capacity()
                + text(log_id)
                + text(troubleshooter)
                + fields.capacity() * size_of::<FieldViolation>()
                + in_fields.sum::<usize>()
        }
        // Nothing else is final.
        Err(_) => 0,
    }
}
