//! What makes a forward a repetition of another.

use super::request::ForwardRequest;
use crate::model::fingerprint::{Fingerprint, fingerprint};
use crate::model::idempotency_key::IdempotentForward;

/// Half of a SHA-256: enough that no two are alike, and of one size whatever a caller sends.
pub(super) type Digest = u128;

/// What makes a forward a repetition of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    /// The caller and the `uuid`.
    pub(super) name: Digest,
    /// What the caller uses the `uuid` for: the forward's fingerprint.
    pub(super) content: Digest,
    /// The `uuid` as Feishu tells it from others: with the app and the receiver.
    pub(super) at_feishu: Digest,
    /// The forward that the caller's key names, if it gave a key.
    pub(super) idempotent: Option<IdempotentForward>,
    /// Whether the caller chose the `uuid`, so that another caller may have chosen the same one.
    pub(super) is_chosen: bool,
}

impl Identity {
    pub(super) fn of(request: &ForwardRequest) -> Self {
        let (caller, app) = (&*request.caller.name, &*request.caller.app);
        let (uuid, receiver) = (request.uuid.as_str(), &request.receiver);
        Self {
            name: half(fingerprint([caller, uuid])),
            content: half(request.forward.fingerprint(app, receiver)),
            at_feishu: half(fingerprint([app, receiver.kind().as_str(), receiver.name(), uuid])),
            idempotent: request.idempotent,
            is_chosen: request.uuid_is_chosen(),
        }
    }

    /// The `uuid` of this caller, and what it is used for.
    pub(super) fn whole(&self) -> (Digest, Digest) {
        (self.name, self.content)
    }
}

fn half(fingerprint: Fingerprint) -> Digest {
    let (half, _) = fingerprint.split_first_chunk().expect("32 bytes are more than 16");
    Digest::from_le_bytes(*half)
}
