//! A broadcast as its caller sees it, in answers and in webhooks.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::broadcast::{Broadcast, Counts, ReceiverState, State};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;
use crate::model::tenant_key::TenantKey;

/// A broadcast and its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Broadcast)]
pub struct BroadcastBody<'a> {
    /// The id of the broadcast.
    #[schema(example = "bc_019ac2f0b3a97c11a5b6c1d2e3f40516")]
    id: &'a str,
    /// The message to forward.
    #[schema(example = "om_dc13264520392913993dd051dba21dcf")]
    message_id: &'a str,
    /// The tenant in which a store app forwards. Absent for a self-built app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2ed263bf32cf1651", nullable = false)]
    tenant_key: Option<&'a str>,
    /// The state. `completed` means that every receiver has a final outcome, good or bad.
    #[schema(inline = false)]
    state: State,
    /// The problem that pauses the broadcast. It resumes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline = false, nullable = false)]
    paused_by: Option<ProblemKind>,
    /// The number of receivers.
    #[schema(example = 500)]
    total: u32,
    /// The number of receivers with each outcome. They add up to `total`.
    counts: CountsBody,
    /// When the broadcast was accepted.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:00:00Z")]
    created_at: Timestamp,
    /// When the gateway stops sending. Receivers that are still `pending` then become `expired`.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T11:00:00Z")]
    expires_at: Timestamp,
    /// When the broadcast will be completed at its present pace. Absent unless it is `running`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:32Z", nullable = false)]
    estimated_finish_at: Option<Timestamp>,
    /// When the outcome of the last receiver became final.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:31Z", nullable = false)]
    finished_at: Option<Timestamp>,
    /// The broadcast that this one retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bc_019ac2ee00117d43b2a0f9e8d7c6b5a4", nullable = false)]
    retry_of: Option<&'a str>,
}

/// The number of receivers with each outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BroadcastCounts)]
struct CountsBody {
    /// Not sent yet.
    #[schema(example = 420)]
    pending: u32,
    /// Being sent; or perhaps sent, and sent again with the same `uuid`.
    #[schema(example = 4)]
    in_doubt: u32,
    /// Delivered.
    #[schema(example = 73)]
    delivered: u32,
    /// Not delivered. The gateway does not try again.
    #[schema(example = 3)]
    not_delivered: u32,
    /// Perhaps delivered: nobody can know. The gateway does not try again.
    #[schema(example = 0)]
    unknown: u32,
    /// Not sent before the broadcast was canceled.
    #[schema(example = 0)]
    canceled: u32,
    /// Not sent before `expires_at`.
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
            tenant_key: broadcast.tenant.as_ref().map(TenantKey::as_str),
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
