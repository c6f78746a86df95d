//! A broadcast as its caller sees it, in answers and in webhooks.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::broadcast::{Broadcast, Counts, ReceiverState, State};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;

/// A broadcast, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Broadcast)]
pub struct BroadcastBody<'a> {
    /// Its id.
    #[schema(example = "bc_019ac2f0b3a97c11a5b6c1d2e3f40516")]
    id: &'a str,
    /// The message.
    #[schema(example = "om_dc13264520392913993dd051dba21dcf")]
    message_id: &'a str,
    /// Where it stands. `completed`: each receiver has a final outcome, which need not be a good one.
    #[schema(inline = false)]
    state: State,
    /// Why it is paused. It goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline = false, nullable = false)]
    paused_by: Option<ProblemKind>,
    /// How many receivers it has.
    #[schema(example = 500)]
    total: u32,
    /// How many receivers have which outcome so far. They add up to `total`.
    counts: CountsBody,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:00:00Z")]
    created_at: Timestamp,
    /// From when on what is pending is not sent any more.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T11:00:00Z")]
    expires_at: Timestamp,
    /// When it will be completed, if all goes on as it does; while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:32Z", nullable = false)]
    estimated_finish_at: Option<Timestamp>,
    /// When the last receiver got its final outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:31Z", nullable = false)]
    finished_at: Option<Timestamp>,
    /// The broadcast to some of whose receivers this one sends again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bc_019ac2ee00117d43b2a0f9e8d7c6b5a4", nullable = false)]
    retry_of: Option<&'a str>,
}

/// How many receivers have which outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BroadcastCounts)]
struct CountsBody {
    /// Nothing was sent so far.
    #[schema(example = 420)]
    pending: u32,
    /// It is being sent, or may have been sent and is sent again with its `uuid`.
    #[schema(example = 4)]
    in_doubt: u32,
    /// It was delivered.
    #[schema(example = 73)]
    delivered: u32,
    /// It was not delivered, and never will be.
    #[schema(example = 3)]
    not_delivered: u32,
    /// Nobody knows whether it was delivered, and it is not sent again.
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
            created_at: in_millis(broadcast.created_at),
            expires_at: in_millis(broadcast.expires_at),
            estimated_finish_at: estimated_finish_at.map(in_millis),
            finished_at: broadcast.finished_at.map(in_millis),
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

/// The time in whole milliseconds, as the store has it.
#[must_use]
pub fn in_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
