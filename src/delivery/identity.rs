//! What makes a forward a repetition of another.

use super::Order;
use crate::model::idempotency_key::{NamedForward, digest};

/// Half of a SHA-256: enough that no two are alike, and of one size whatever a caller sends.
pub(super) type Digest = u128;

/// A forward, by what makes it a repetition of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    /// The caller's name for it: the caller and the `uuid`.
    pub(super) name: Digest,
    /// What the name stands for: the app, the message and the receiver.
    pub(super) content: Digest,
    /// Feishu's name for it: the app, the receiver and the `uuid`.
    pub(super) at_feishu: Digest,
    /// The caller's key for it, if it gave one.
    pub(super) named: Option<NamedForward>,
    /// Whether others could have chosen the same `uuid`, because its caller did.
    pub(super) is_chosen: bool,
}

impl Identity {
    pub(super) fn of(order: &Order) -> Self {
        let (caller, app) = (&*order.caller.name, &*order.caller.app);
        let (message, uuid) = (order.message.as_str(), order.uuid.as_str());
        let (kind, receiver) = (order.receiver.kind().as_str(), order.receiver.id());
        Self {
            name: half(digest([caller, uuid])),
            content: half(digest([app, message, kind, receiver])),
            at_feishu: half(digest([app, kind, receiver, uuid])),
            named: order.named,
            is_chosen: order.uuid_is_chosen(),
        }
    }

    /// The forward of this caller's.
    pub(super) fn whole(&self) -> (Digest, Digest) {
        (self.name, self.content)
    }
}

fn half(digest: [u8; 32]) -> Digest {
    let (half, _) = digest.split_first_chunk().expect("32 bytes are more than 16");
    Digest::from_le_bytes(*half)
}
