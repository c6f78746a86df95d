//! What the limiter answers.

use std::time::Duration;

use crate::clock::Moment;

/// Which of the two kinds of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The limit of one receiver.
    Receiver,
    /// The limits of one app.
    App,
}

impl Scope {
    /// The name in metrics and headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::App => "app",
        }
    }
}

/// The right to make one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whether the attempt probes a receiver that is cooling down.
    pub is_probe: bool,
    /// Whether the grant holds as it is; if not, Redis has to confirm it.
    pub is_final: bool,
}

/// A refusal: which limit refuses, and the earliest moment at which it allows one attempt more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBefore {
    /// The limit that refuses.
    pub scope: Scope,
    /// When it no longer does.
    pub moment: Moment,
}

/// How many others go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// To the same receiver.
    pub for_receiver: usize,
    /// With the same app.
    pub for_app: usize,
}

/// How much of a receiver's limit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Messages that may go to the receiver at once.
    pub remaining: u32,
    /// Time until one more may go; zero when the whole limit is left.
    pub reset: Duration,
}
