//! What a caller asks for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::error::ForwardError;
use crate::model::api_key::Caller;
use crate::model::broadcast_id::BroadcastId;
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::idempotency_key::IdempotentForward;
use crate::model::receiver::Receiver;
use crate::model::urgency::Urgency;

/// A caller's request to forward something.
#[derive(Clone, Debug)]
pub struct ForwardRequest {
    /// The id of the HTTP request.
    pub request_id: String,
    /// Who asks, and the app that forwards.
    pub caller: Caller,
    /// What is forwarded.
    pub forward: Forward,
    /// Who gets it.
    pub receiver: Receiver,
    /// By which Feishu recognises a repetition.
    pub uuid: DedupKey,
    /// Whether the `uuid` is the caller's or that of its key, so that this may be a repetition.
    pub uuid_is_given: bool,
    /// The forward that the caller's `Idempotency-Key` names, if it sent one.
    pub idempotent: Option<IdempotentForward>,
    /// The broadcast that this is a part of. Its store remembers every attempt under the `uuid`.
    pub broadcast: Option<BroadcastId>,
    /// Longest time to wait for a permit.
    pub wait: Duration,
    /// How urgent it is while others wait for permits too.
    pub urgency: Urgency,
}

/// Equal for a forward and its repetitions, whatever their `uuid`s.
pub(super) type ForwardId = u64;

impl ForwardRequest {
    /// Whether the caller chose the `uuid`, so that another caller may have chosen the same one.
    pub(super) fn uuid_is_chosen(&self) -> bool {
        self.uuid_is_given && self.idempotent.is_none() && self.broadcast.is_none()
    }

    pub(super) fn check_policy(&self) -> Result<(), ForwardError> {
        let is_allowed = self.caller.policy.allows(&self.receiver);
        if is_allowed { Ok(()) } else { Err(ForwardError::NotAllowed) }
    }

    pub(super) fn forward_id(&self) -> ForwardId {
        let mut hasher = DefaultHasher::new();
        (&self.forward, &self.receiver, self.receiver.kind()).hash(&mut hasher);
        hasher.finish()
    }
}
