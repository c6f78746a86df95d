//! One call for a forward.

use super::super::agenda::Moment;

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
