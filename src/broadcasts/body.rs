//! A broadcast as its caller sees it, in answers and in webhooks.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::broadcast::{Broadcast, Counts, ReceiverState, State};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;

/// One message to many receivers, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Broadcast)]
pub struct BroadcastBody<'a> {
    /// Its id.
    #[schema(example = "bc_019b76da90007f3aa3f5d7c9b0e1a2c3")]
    id: &'a str,
    /// The message that is forwarded.
    #[schema(example = "om_dc13264520392913993dd051dba21dcf")]
    message_id: &'a str,
    /// Where it stands. `completed`: each receiver has a final outcome, which need not be a good one.
    state: State,
    /// Why it is paused. It goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    paused_by: Option<ProblemKind>,
    /// How many receivers it has.
    #[schema(example = 500, minimum = 1)]
    total: u32,
    /// How many receivers have which outcome. They add up to `total`.
    counts: CountsBody,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:55:00Z")]
    created_at: Timestamp,
    /// From when on nothing is sent any more.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T11:55:00Z")]
    expires_at: Timestamp,
    /// When the last receiver will have a final outcome, if all goes on as it does now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:55:32Z", nullable = false)]
    estimated_finish_at: Option<Timestamp>,
    /// When the last receiver got its final outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:55:33Z", nullable = false)]
    finished_at: Option<Timestamp>,
    /// The broadcast whose receivers these are, if this one is a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bc_019b76d9a5a07c1e8f42b6d8c0a1e3f5", nullable = false)]
    retry_of: Option<&'a str>,
}

/// How many receivers have which outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BroadcastCounts)]
struct CountsBody {
    /// Nothing was sent yet.
    #[schema(example = 120)]
    pending: u32,
    /// An attempt is being made, or one may have been delivered and is repeated with the same `uuid`.
    #[schema(example = 4)]
    in_doubt: u32,
    /// The message was delivered.
    #[schema(example = 370)]
    delivered: u32,
    /// The message was not delivered, and never will be.
    #[schema(example = 6)]
    not_delivered: u32,
    /// Nobody knows whether the message was delivered, and it is not sent again.
    #[schema(example = 0)]
    unknown: u32,
    /// The broadcast was canceled before anything was sent.
    #[schema(example = 0)]
    canceled: u32,
    /// Nothing could be sent in time.
    #[schema(example = 0)]
    expired: u32,
}

impl<'a> BroadcastBody<'a> {
    /// A broadcast, and when it will be finished as far as that is known.
    #[must_use]
    pub fn new(broadcast: &'a Broadcast, estimated_finish_at: Option<Timestamp>) -> Self {
        Self {
            id: broadcast.id.as_str(),
            message_id: broadcast.message.as_str(),
            state: broadcast.state,
            paused_by: broadcast.paused_by,
            total: broadcast.total,
            counts: CountsBody::new(&broadcast.counts),
            created_at: broadcast.created_at,
            expires_at: broadcast.expires_at,
            estimated_finish_at,
            finished_at: broadcast.finished_at,
            retry_of: broadcast.retry_of.as_ref().map(BroadcastId::as_str),
        }
    }
}

impl CountsBody {
    fn new(counts: &Counts) -> Self {
        Self {
            pending: counts.of(ReceiverState::Pending),
            in_doubt: counts.of(ReceiverState::InDoubt),
            delivered: counts.of(ReceiverState::Delivered),
            not_delivered: counts.of(ReceiverState::NotDelivered),
            unknown: counts.of(ReceiverState::Unknown),
            canceled: counts.of(ReceiverState::Canceled),
            expired: counts.of(ReceiverState::Expired),
        }
    }
}
