//! What can go wrong between a gateway and the server, or with the server.

use std::time::Duration;

use jiff::SignedDuration;

use simulated_redis::NoWrites;

/// What becomes of a request. On one connection nothing overtakes what was sent before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// What happens to the server right before the request arrives.
    pub(crate) before: Option<Event>,
    /// How long it takes to arrive. It has its effect then.
    pub(crate) there: Duration,
    /// How long its answer takes.
    pub(crate) back: Duration,
    /// What fails.
    pub(crate) failure: Option<Failure>,
}

/// What fails of a request. The connection ends with it, unless the request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It does not arrive, and the gateway learns that at once.
    NotSent,
    /// It has its effect, and then the connection ends before the answer.
    AnswerLost,
    /// It has its effect, its answer is lost, and the client sends it again: it has its effect twice.
    AnswerLostAndSentAgain,
    /// It does not arrive, and the gateway learns nothing.
    Silence,
}

/// What happens to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// All keys are gone.
    Emptied,
    /// It ends and begins again with all its keys. It closes its connections and forgets scripts.
    Restarted,
    /// The replica takes over, which must have been added. It lacks so many of the last writes, at most 64. A script's
    /// writes are one.
    FailedOver(usize),
    /// It forgets scripts.
    ScriptsForgotten,
    /// Its wall clock is set forward, or back.
    ClockStepped(SignedDuration),
    /// From now on its wall clock goes too fast by so many millionths.
    ClockDrifts(i32),
    /// From now on it takes no writes, or takes them again.
    Writes(Option<NoWrites>),
}

/// Whether a gateway reaches the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It does.
    #[default]
    Open,
    /// What it sends is refused at once.
    Refused,
    /// What it sends is lost.
    Silent,
}
