//! What keeps broadcasts: a small trait with two implementations, SQLite for one process and Redis for replicas.
//!
//! The rules that both keep:
//!
//! - A receiver goes from `pending` to `in_doubt` when it is claimed, which is before its call, and from there to a final
//!   state or back to `pending`. A final state never changes.
//! - A claim holds while the process that claimed goes on to call [`Store::beat`], and for [`CLAIM_OUTLIVES`] after the
//!   last time. Then another process may claim the receiver. A settlement by an older claim is ignored, unless it says
//!   `delivered` and the receiver has no final state.
//! - `in_doubt_since` is set by the first claim, and forgotten only when a settlement says that nothing was sent.
//! - A broadcast is `completed` with the change that leaves no receiver `pending` or `in_doubt`. A canceled one stays
//!   `canceled`; its `finished_at` is set by the same rule. [`Broadcast::revision`] grows with each change.
//! - In a canceled broadcast nothing is claimed any more, and what comes back as not sent is `canceled`.
//! - Every time is one of the wall clock in whole milliseconds, and none is older than the store has seen already, unless
//!   the clock of a single process was set back by more than five minutes. A pause begins at such a time: for a replica
//!   whose clock is behind, a time of its own would be over at once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::broadcast::{Broadcast, NewBroadcast, ReceiverProblem, ReceiverRecord, ReceiverState};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::Receiver;

/// For how long claims hold after the last [`Store::beat`] of their process.
pub const CLAIM_OUTLIVES: Duration = Duration::from_secs(5);
/// How often a process that has claims calls [`Store::beat`].
pub const BEAT: Duration = Duration::from_secs(1);
/// The most receivers of one page, and of one claim.
pub const MOST_AT_ONCE: u32 = 1000;

/// What a store answers, when it does.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps broadcasts. The module's documentation has the rules.
pub trait Store: fmt::Debug + Send + Sync {
    /// Accepts a broadcast whole, durably, or not at all.
    fn accept(&self, new: NewBroadcast) -> Answer<'_, Acceptance>;

    /// The broadcast with this id, whoever asked for it.
    fn find<'a>(&'a self, id: &'a BroadcastId) -> Answer<'a, Option<Broadcast>>;

    /// The broadcasts of a caller, newest first, those before `before` only. At most `most`.
    fn list<'a>(
        &'a self,
        caller: &'a str,
        before: Option<&'a BroadcastId>,
        most: u32,
    ) -> Answer<'a, Vec<Broadcast>>;

    /// The receivers in these states, by place, from place `from` on. At most `most`, which is at most [`MOST_AT_ONCE`].
    /// Empty where there is no such broadcast.
    fn receivers<'a>(
        &'a self,
        id: &'a BroadcastId,
        states: &'a [ReceiverState],
        from: u32,
        most: u32,
    ) -> Answer<'a, Vec<ReceiverRecord>>;

    /// Cancels a broadcast that runs or is paused: what is pending is `canceled`. Returns it as it is then; one that has
    /// ended is as it was.
    fn cancel<'a>(&'a self, id: &'a BroadcastId, at: Timestamp) -> Answer<'a, Option<Broadcast>>;

    /// The broadcasts of an app that run or are paused, oldest first. At most [`MOST_AT_ONCE`].
    fn active<'a>(&'a self, app: &'a str) -> Answer<'a, Vec<Broadcast>>;

    /// The apps that have broadcasts that run or are paused, in the store's order, those behind `after` only. At most
    /// [`MOST_AT_ONCE`]. Empty text is before all apps.
    fn active_apps<'a>(&'a self, after: &'a str) -> Answer<'a, Vec<Arc<str>>>;

    /// Claims receivers of an active broadcast that are due at `now`, by place: `pending` ones before `expires_at`, and
    /// those in doubt that nobody holds. At most `most`. They are `in_doubt` when this returns.
    fn claim<'a>(
        &'a self,
        id: &'a BroadcastId,
        most: u32,
        now: Timestamp,
    ) -> Answer<'a, Vec<Claimed>>;

    /// Writes down what became of claimed receivers. All of them, or none if it fails.
    fn settle<'a>(
        &'a self,
        id: &'a BroadcastId,
        settled: Vec<Settled>,
        at: Timestamp,
    ) -> Answer<'a, ()>;

    /// Pauses a running broadcast because of this problem, or lets a paused one run (`None`). One that has ended stays as
    /// it is.
    fn pause<'a>(&'a self, id: &'a BroadcastId, by: Option<ProblemKind>) -> Answer<'a, ()>;

    /// Keeps the claims of this process for [`CLAIM_OUTLIVES`] more.
    fn beat(&self, now: Timestamp) -> Answer<'_, ()>;

    /// Ends what time has ended: what is pending past `expires_at` is `expired`; what is in doubt, held by nobody, and was
    /// first attempted before `doubtful_before` is `unknown`, and so is everything that nobody holds in a canceled
    /// broadcast. Forgets broadcasts that finished before `finished_before`, and the oldest finished ones if the store
    /// holds more than it may.
    fn tidy(
        &self,
        now: Timestamp,
        doubtful_before: Timestamp,
        finished_before: Timestamp,
    ) -> Answer<'_, ()>;

    /// Takes the ends of broadcasts that are to be announced at `now`, oldest first. At most `most`. Each is taken again
    /// after this pause, unless [`Store::announced`] says otherwise before.
    fn announcements(
        &self,
        most: u32,
        now: Timestamp,
        pause: Duration,
    ) -> Answer<'_, Vec<Announcement>>;

    /// An announcement was made or given up (`None`), or is to be made again after a pause.
    fn announced<'a>(
        &'a self,
        id: &'a BroadcastId,
        pause: Option<Duration>,
        at: Timestamp,
    ) -> Answer<'a, ()>;
}

/// What became of a request to accept a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It was accepted.
    Accepted(Broadcast),
    /// It was accepted before, by a request with the same key.
    Known(Broadcast),
    /// The key is that of another broadcast.
    KeyReused,
    /// As many broadcasts of the caller are active as may be.
    TooMany,
}

/// A receiver that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Its place.
    pub place: u32,
    /// Who it is.
    pub receiver: Receiver,
    /// Which claim of it this is, from 1. A settlement names it.
    pub claim: u32,
    /// When it was first attempted, if an earlier claim may have delivered the message.
    pub in_doubt_since: Option<Timestamp>,
}

/// What became of a claimed receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its place.
    pub place: u32,
    /// The claim.
    pub claim: u32,
    /// What became of it.
    pub result: Settlement,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The message was delivered, as a message with this id.
    Delivered(Box<str>),
    /// The message was not delivered, and never will be.
    NotDelivered(ReceiverProblem),
    /// Nobody will ever know.
    Unknown(ReceiverProblem),
    /// Nothing can have been sent: it is pending again, and due after this pause. The problem is what was in the way.
    NotSent(ReceiverProblem, Duration),
    /// It may have been sent: it is in doubt, held by nobody, and due after this pause.
    InDoubt(ReceiverProblem, Duration),
}

impl Settlement {
    /// The final state that the receiver gets. None if it gets none.
    #[must_use]
    pub const fn outcome(&self) -> Option<ReceiverState> {
        match self {
            Self::Delivered(_) => Some(ReceiverState::Delivered),
            Self::NotDelivered(_) => Some(ReceiverState::NotDelivered),
            Self::Unknown(_) => Some(ReceiverState::Unknown),
            Self::NotSent(..) | Self::InDoubt(..) => None,
        }
    }
}

/// The end of a broadcast that its caller is to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The broadcast.
    pub broadcast: Broadcast,
    /// How often it was taken before.
    pub attempts: u32,
}

/// The store did not do what it was asked to do. Nothing of it was done, unless the answer was lost on its way.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the store of broadcasts failed: {0}")]
pub struct StoreError(pub String);
