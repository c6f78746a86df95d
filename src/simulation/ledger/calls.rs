//! The calls for forwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::agenda::Moment;
use super::super::process::ATTEMPT_TIMEOUT;

/// How long after a call nothing of it is in the way of the next one to its receiver, refused or not.
const FORGOTTEN: Duration = Duration::from_mins(2);

/// All calls that were made.
#[derive(Default)]
pub(in crate::simulation) struct Calls {
    /// In their order. The place of a call names it.
    pub(in crate::simulation) all: Vec<Call>,
    /// When somebody called for a receiver last.
    last_sent: BTreeMap<String, Moment>,
    /// The processes that have ended.
    gone: BTreeSet<(usize, u64)>,
}

/// One call for a forward.
pub(in crate::simulation) struct Call {
    pub(in crate::simulation) gateway: usize,
    /// Which process of the gateway made it.
    pub(in crate::simulation) process: u64,
    pub(in crate::simulation) sent: Moment,
    pub(in crate::simulation) app: String,
    pub(in crate::simulation) message: String,
    pub(in crate::simulation) receiver: String,
    pub(in crate::simulation) uuid: String,
    /// Who asked for it, where that is known.
    pub(in crate::simulation) flow: Option<Flow>,
    /// Whether the gateway has stopped to wait for the answer without it.
    pub(in crate::simulation) is_given_up: bool,
    /// Since when the gateway no longer waits for the answer.
    pub(in crate::simulation) ended_at: Option<Moment>,
}

/// What takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation) struct Flow {
    pub(in crate::simulation) caller: usize,
    pub(in crate::simulation) is_bulk: bool,
    /// Whether it waited for its turn, if its turn was not at once. Who does not wait takes what the others leave.
    pub(in crate::simulation) has_waited: bool,
}

impl Calls {
    /// A call is made.
    pub(super) fn add(&mut self, call: Call) {
        self.last_sent.insert(call.receiver.clone(), call.sent);
        self.all.push(call);
    }

    /// Whether no earlier call is in the way of the next one to the receiver.
    pub(super) fn are_past(&self, receiver: &str, now: Moment) -> bool {
        self.last_sent.get(receiver).is_none_or(|it| *it + FORGOTTEN <= now)
    }

    /// Since when another gateway has called for the same, and waits for the answer. One that has not given the call up after
    /// the time for it stands still, and others may take over.
    pub(super) fn elsewhere(&self, call: &Call) -> Option<Moment> {
        let Call { gateway, message, receiver, .. } = call;
        let is_elsewhere = |it: &&Call| {
            it.gateway != *gateway && it.message == *message && it.receiver == *receiver
        };
        let waits = |it: &Call| it.ended_at.is_none() && call.sent < it.sent + ATTEMPT_TIMEOUT;
        let under_way = self.all.iter().filter(|it| waits(it));
        under_way.filter(is_elsewhere).map(|it| it.sent).min()
    }

    /// Whether a call to the receiver was under way since then.
    pub(super) fn are_under_way(&self, receiver: &str, since: Moment) -> bool {
        let is_under_way = |it: &Call| it.ended_at.is_none_or(|end| end > since);
        self.all.iter().any(|it| it.receiver == receiver && is_under_way(it))
    }

    /// A process of a gateway has ended.
    pub(super) fn has_ended(&mut self, gateway: usize, process: u64) {
        self.gone.insert((gateway, process));
    }

    /// Those of the processes that have ended.
    pub(super) fn of_ended(&self) -> impl Iterator<Item = &Call> {
        self.all.iter().filter(|it| self.gone.contains(&(it.gateway, it.process)))
    }
}
