//! What goes wrong between a gateway and Feishu.

use std::time::Duration;

use super::agenda::Moment;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    NoConnection,
    /// The call is lost on its way.
    Lost,
    /// The answer is lost on its way.
    Unheard,
    /// The connection breaks before Feishu has the call.
    CutBefore,
    /// The connection breaks when Feishu has done its work.
    CutAfter,
    /// A kept connection was dead.
    Stale,
    /// A proxy answers 502, when Feishu has the call or before.
    Proxy {
        after: bool,
    },
    /// Feishu delivers and does not say which message.
    Garbage,
    /// Everything takes longer, up to so long.
    Slow {
        up_to: Duration,
    },
    /// Feishu fails, before or after its work.
    Fails {
        after: bool,
    },
    /// Feishu refuses with this code, whatever it is asked.
    Refuses {
        code: i64,
        reset: Option<u64>,
    },
    /// No token is handed out.
    NoTokens {
        code: i64,
    },
}

/// Weather that lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spell {
    pub(super) weather: Weather,
    pub(super) until: Moment,
    /// In percent of the calls.
    pub(super) share: u8,
}

impl Weather {
    /// Whether Feishu gets the call and works on it.
    pub(super) fn reaches(self) -> bool {
        matches!(
            self,
            Self::Unheard
                | Self::CutAfter
                | Self::Proxy { after: true }
                | Self::Garbage
                | Self::Slow { .. }
                | Self::Fails { after: true }
        )
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NoConnection => "no connection",
            Self::Lost => "lost call",
            Self::Unheard => "lost answer",
            Self::CutBefore => "cut before",
            Self::CutAfter => "cut after",
            Self::Stale => "stale connection",
            Self::Proxy { .. } => "502 of a proxy",
            Self::Garbage => "garbage",
            Self::Slow { .. } => "slow",
            Self::Fails { .. } => "internal error",
            Self::Refuses { .. } => "refusal",
            Self::NoTokens { .. } => "no token",
        }
    }
}
