//! What can go wrong with the shared limits, and what a model can leave out.

/// What a model leaves out of what the gateway does, so that its counterexample is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omission {
    /// After a new connection no new epoch begins.
    EpochAfterReconnect,
    /// A new epoch opens after a window, and not after the overlap and a window.
    Overlap,
    /// A replica that loses Redis uses its share at once.
    PauseBeforeShare,
    /// A replica uses its share for ever, however long ago it asked Redis in vain.
    EndOfShare,
    /// Nobody compares Redis' clock with the own one.
    ClockCheck,
    /// A grant is used however late it is heard.
    Freshness,
    /// Redis forgets a message that is under way for longer than its slot is taken by itself.
    Hold,
}

/// What can go wrong. The number of faults in one history has a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Redis stops and its connections break. It comes back with all it knew.
    Stop,
    /// Redis stops, and comes back empty.
    Emptied,
    /// Redis stops, and a server takes over that lacks the last writes.
    FailedOver,
    /// Redis does not answer for a while. The connections stay.
    Stall,
    /// Redis' clock is set forward by more than anything counts.
    ClockForward,
    /// Redis' clock is set back.
    ClockBack,
    /// A replica is killed, and another one starts in its place.
    Kill,
    /// A replica stands still for a while.
    Pause,
    /// One replica alone loses Redis: a documented exception.
    Cut,
    /// A cluster fails over, and its client stays connected: a documented exception.
    FailedOverUnseen,
}
