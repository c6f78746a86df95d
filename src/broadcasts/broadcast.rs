//! A broadcast, and what has become of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::broadcast_id::BroadcastId;
use crate::model::fingerprint::Fingerprint;
use crate::model::message_id::MessageId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::Receiver;
use crate::model::tenant_key::TenantKey;

/// A broadcast that is to be accepted. Everything in it is checked.
#[derive(Clone, Debug)]
pub struct NewBroadcast {
    /// Its id.
    pub id: BroadcastId,
    /// The name of the API key that asks for it.
    pub caller: Arc<str>,
    /// The name of the app that forwards.
    pub app: Arc<str>,
    /// The tenant in which it forwards, if it is a store app.
    pub tenant: Option<TenantKey>,
    /// The message.
    pub message: MessageId,
    /// Who gets it, in the caller's order. At least one, each one once.
    pub receivers: Vec<Receiver>,
    /// The fingerprint of the caller and its `Idempotency-Key`.
    pub key: Fingerprint,
    /// The fingerprint of what is asked for. Another one under the same key is a mistake.
    pub content: Fingerprint,
    /// When it is accepted.
    pub created_at: Timestamp,
    /// For how long from then on what is pending is sent.
    pub expires_in: Duration,
    /// The broadcast whose receivers these are, if this one is a retry.
    pub retry_of: Option<BroadcastId>,
    /// How many broadcasts of the caller may run or be paused, this one included.
    pub most_active: u32,
}

impl NewBroadcast {
    /// It, when it has just been accepted with `total` receivers.
    #[must_use]
    pub(super) fn begun(&self, total: u32, created_at: Timestamp) -> Broadcast {
        Broadcast {
            id: self.id.clone(),
            caller: Arc::clone(&self.caller),
            app: Arc::clone(&self.app),
            tenant: self.tenant.clone(),
            message: self.message.clone(),
            state: State::Running,
            paused_by: None,
            total,
            counts: Counts::pending(total),
            created_at,
            expires_at: created_at.saturating_add(self.expires_in).unwrap_or(Timestamp::MAX),
            finished_at: None,
            retry_of: self.retry_of.clone(),
            revision: 1,
        }
    }
}

/// A broadcast, as its store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Its id.
    pub id: BroadcastId,
    /// The name of the API key that asked for it.
    pub caller: Arc<str>,
    /// The name of the app that forwards.
    pub app: Arc<str>,
    /// The tenant in which it forwards, if it is a store app.
    pub tenant: Option<TenantKey>,
    /// The message.
    pub message: MessageId,
    /// Where it stands.
    pub state: State,
    /// Why it is paused. None unless it is.
    pub paused_by: Option<ProblemKind>,
    /// How many receivers it has.
    pub total: u32,
    /// How many receivers are in which state. They add up to `total`.
    pub counts: Counts,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// From when on what is pending is not sent any more.
    pub expires_at: Timestamp,
    /// When the last receiver got its final state. None before that.
    pub finished_at: Option<Timestamp>,
    /// The broadcast whose receivers these are, if this one is a retry.
    pub retry_of: Option<BroadcastId>,
    /// Grows with each change of the members above.
    pub revision: u64,
}

/// The state of a broadcast:
///
/// - `running`: it is being delivered;
/// - `paused`: nothing is sent for now, and it resumes by itself;
/// - `completed`: every receiver has a final outcome;
/// - `canceled`: by a request, or because its API key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BroadcastState, example = "running")]
pub enum State {
    /// It is being delivered.
    Running,
    /// Nothing is delivered for now, and it goes on by itself.
    Paused,
    /// Every receiver has a final state.
    Completed,
    /// The caller has canceled it, or its API key has ended. What was begun before may still be in doubt.
    Canceled,
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Running, Self::Paused, Self::Completed, Self::Canceled];

    /// The name in answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// Whether receivers are still to be sent to.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// The outcome for one receiver of a broadcast. `pending` and `in_doubt` still change; all others are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReceiverOutcome, example = "delivered")]
pub enum ReceiverState {
    /// Nothing was sent.
    Pending,
    /// An attempt is being made, or one may have been delivered and is repeated with the same `uuid`.
    InDoubt,
    /// The message was delivered.
    Delivered,
    /// The message was not delivered, and never will be.
    NotDelivered,
    /// Nobody knows whether the message was delivered, and it is not sent again.
    Unknown,
    /// The broadcast was canceled before anything was sent.
    Canceled,
    /// Nothing could be sent before `expires_at`.
    Expired,
}

impl ReceiverState {
    /// All states, in the order of [`Counts`].
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::InDoubt,
        Self::Delivered,
        Self::NotDelivered,
        Self::Unknown,
        Self::Canceled,
        Self::Expired,
    ];

    /// The name in answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InDoubt => "in_doubt",
            Self::Delivered => "delivered",
            Self::NotDelivered => "not_delivered",
            Self::Unknown => "unknown",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// Whether it never changes.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InDoubt)
    }
}

/// How many receivers are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u32; 7]);

impl Counts {
    /// The counts of a broadcast that begins.
    #[must_use]
    pub fn pending(total: u32) -> Self {
        let mut counts = Self::default();
        *counts.of_mut(ReceiverState::Pending) = total;
        counts
    }

    /// How many receivers are in this state.
    #[must_use]
    pub const fn of(&self, state: ReceiverState) -> u32 {
        self.0[state as usize]
    }

    /// The count of this state, to be changed.
    pub const fn of_mut(&mut self, state: ReceiverState) -> &mut u32 {
        &mut self.0[state as usize]
    }

    /// How many receivers have no final state.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.of(ReceiverState::Pending).saturating_add(self.of(ReceiverState::InDoubt))
    }
}

/// One receiver of a broadcast, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverRecord {
    /// Its place in the caller's list, from 0.
    pub place: u32,
    /// Who it is.
    pub receiver: Receiver,
    /// Where it stands.
    pub state: ReceiverState,
    /// The id of the new message, if it was delivered.
    pub message_id: Option<Box<str>>,
    /// Why it was not delivered, or is not yet.
    pub problem: Option<ReceiverProblem>,
    /// How many forwards were begun. Each may have been several calls.
    pub attempts: u32,
    /// When it got its final state.
    pub ended_at: Option<Timestamp>,
}

/// Why a receiver has not got the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverProblem {
    /// The problem.
    pub kind: ProblemKind,
    /// Feishu's result code, if Feishu refused it.
    pub feishu_code: Option<i64>,
    /// Feishu's id for its answer, at most 128 bytes.
    pub log_id: Option<Box<str>>,
}
