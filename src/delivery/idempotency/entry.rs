//! What is kept of one key, in memory of its own whose size counts.

use std::mem::size_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::clock::Moment;
use crate::delivery::conclusion::Conclusion;
use crate::delivery::error::ForwardError;
use crate::feishu::error::{CallError, FieldViolation, Forwarded, Refusal};
use crate::model::fingerprint::Fingerprint;
use crate::model::idempotency_key::IdempotentForward;

/// The size of one key beside its answer, in bytes, including the cache and the allocator: measured with
/// `make memory`, and rounded up.
const ENTRY: usize = 512;

/// What is known of one key.
#[derive(Debug)]
pub(super) struct Entry {
    fingerprint: Fingerprint,
    state: Mutex<EntryState>,
}

#[derive(Debug)]
struct EntryState {
    /// When the last leader began.
    used_at: Moment,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The next request leads.
    Free,
    /// A request leads, unless the channel is closed.
    Led(watch::Receiver<Option<Conclusion>>),
    /// The forward has ended, and its answer is kept.
    Done(Box<Conclusion>),
}

/// Why a request cannot lead.
#[derive(Debug)]
pub(super) enum Taken {
    /// Another request leads.
    Led(Follower),
    /// The forward has ended.
    Done(Conclusion),
    /// The key is in use for another forward.
    Reused,
}

/// Follows the leader.
#[derive(Debug)]
pub(in crate::delivery) struct Follower(watch::Receiver<Option<Conclusion>>);

impl Follower {
    /// A follower of a leader at another replica, of which it hears nothing.
    pub(super) fn of_another_replica() -> Self {
        Self(watch::channel(None).1)
    }

    /// The leader's conclusion. None if the leader gave up.
    pub(in crate::delivery) async fn conclusion(mut self) -> Option<Conclusion> {
        let heard = self.0.wait_for(Option::is_some).await.ok()?;
        heard.clone()
    }
}

impl Entry {
    pub(super) fn new(fingerprint: Fingerprint, used_at: Moment) -> Self {
        let state = EntryState { used_at, phase: Phase::Free };
        Self { fingerprint, state: Mutex::new(state) }
    }

    pub(super) fn used_at(&self) -> Moment {
        self.state().used_at
    }

    /// Leads from now on. Returns the channel to the followers.
    pub(super) fn lead(
        &self,
        forward: &IdempotentForward,
        now: Moment,
    ) -> Result<watch::Sender<Option<Conclusion>>, Taken> {
        let mut state = self.state();
        if let Some(taken) = self.taken_in(&state, forward) {
            return Err(taken);
        }
        let (followers, follower) = watch::channel(None);
        *state = EntryState { used_at: now, phase: Phase::Led(follower) };
        Ok(followers)
    }

    /// Why a request cannot lead, if it cannot.
    pub(super) fn taken(&self, forward: &IdempotentForward) -> Option<Taken> {
        self.taken_in(&self.state(), forward)
    }

    fn taken_in(&self, state: &EntryState, forward: &IdempotentForward) -> Option<Taken> {
        if self.fingerprint != forward.fingerprint {
            return Some(Taken::Reused);
        }
        match &state.phase {
            Phase::Done(conclusion) => Some(Taken::Done(Conclusion::clone(conclusion))),
            Phase::Led(leader) if leader.has_changed().is_ok() => {
                Some(Taken::Led(Follower(leader.clone())))
            }
            Phase::Led(_) | Phase::Free => None,
        }
    }

    /// The forward has ended. A final conclusion is kept, but not a refusal where replicas share the keys:
    /// another replica may come to know better.
    pub(super) fn conclude(&self, conclusion: &Conclusion, is_shared: bool) {
        let is_kept = conclusion.is_final() && (conclusion.result.is_ok() || !is_shared);
        self.state().phase = if is_kept { Phase::Done(kept(conclusion)) } else { Phase::Free };
    }

    /// The forward of this entry, which has this key.
    pub(super) fn forward(&self, key: Fingerprint) -> IdempotentForward {
        IdempotentForward { key, fingerprint: self.fingerprint }
    }

    /// When the last leader began, if that was since then and the message was delivered.
    pub(super) fn delivered_since(&self, since: Moment) -> Option<Moment> {
        let EntryState { used_at, phase } = &*self.state();
        let is_delivered = matches!(phase, Phase::Done(conclusion) if conclusion.result.is_ok());
        (is_delivered && *used_at >= since).then_some(*used_at)
    }

    /// The size of the entry, in bytes.
    pub(super) fn weight(&self) -> u32 {
        let more = match &self.state().phase {
            // There are no more leaders than requests in flight.
            Phase::Free | Phase::Led(_) => 0,
            Phase::Done(conclusion) => size_of::<Conclusion>() + weight(conclusion),
        };
        u32::try_from(ENTRY + more).unwrap_or(u32::MAX)
    }

    fn state(&self) -> MutexGuard<'_, EntryState> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A copy in memory of its own.
fn kept(conclusion: &Conclusion) -> Box<Conclusion> {
    let mut conclusion = conclusion.clone();
    if let Ok(forwarded) = &mut conclusion.result {
        // Feishu's answer is a slice of what was read from the connection, and would keep all of that alive.
        forwarded.data = Bytes::copy_from_slice(&forwarded.data);
    }
    Box::new(conclusion)
}

/// The size of a conclusion beside the struct itself, in bytes.
fn weight(conclusion: &Conclusion) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
    match &conclusion.result {
        Ok(Forwarded { data, message_id, invalid_message_ids, log_id }) => {
            let ids = invalid_message_ids.iter().map(String::capacity);
            data.len()
                + message_id.capacity()
                + invalid_message_ids.capacity() * size_of::<String>()
                + ids.sum::<usize>()
                + text(log_id)
        }
        Err(ForwardError::Failed(CallError::Refused(refusal))) => {
            let Refusal { msg, log_id, troubleshooter, fields, details, .. } = &**refusal;
            let in_fields = fields.iter().map(|it| it.field.capacity() + it.description.capacity());
            size_of::<Refusal>()
                + msg.capacity()
                + text(log_id)
                + text(troubleshooter)
                + text(details)
                + fields.capacity() * size_of::<FieldViolation>()
                + in_fields.sum::<usize>()
        }
        // No other failure is final.
        Err(_) => 0,
    }
}
