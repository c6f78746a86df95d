//! Injected faults: which requests they affect, how often, and what goes wrong.

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::cut::Cut;
use crate::ledger::Api;

/// A fault that affects the next matching requests.
///
/// Faults form a queue. A request is affected by the first fault that matches it, and by no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The API of the affected requests. `None` matches any API.
    #[serde(default)]
    pub api: Option<Api>,
    /// The receiver of the affected requests. `None` matches any receiver, and requests without a receiver.
    #[serde(default)]
    pub receive_id: Option<String>,
    /// Whether the fault affects only requests that are not the first one on their connection.
    #[serde(default)]
    pub reused: bool,
    /// How many requests the fault affects. `None` means all. The default in JSON is 1.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Whether the request takes effect before the fault applies. The default in JSON is `before_commit`.
    #[serde(default)]
    pub phase: Phase,
}

/// The point in the processing of a request at which a fault applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the request takes effect. Nothing is delivered, and no limit counts the request.
    ///
    /// [`FaultKind::Latency`] and [`FaultKind::Held`] then wait before Feishu looks at the request, which is
    /// answered and delivered afterwards unless the caller has hung up.
    #[default]
    BeforeCommit,
    /// After the request has taken effect. The fault affects the answer only.
    AfterCommit,
    /// When the next connection is accepted, before a request is read. [`FaultKind::Reset`] applies when the first
    /// byte arrives. The ledger records no attempt.
    ///
    /// Only [`FaultKind::Cut`], [`FaultKind::Reset`], [`FaultKind::Garbage`] and [`FaultKind::Silence`] can affect a
    /// connection. A fault with an API, with a receiver or with `reused` never affects a connection.
    BeforeRequest,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The normal answer, after a delay.
    Latency {
        /// The delay in milliseconds of real time. The simulator's clock does not matter.
        ms: u64,
    },
    /// The normal answer comes once the faults are cleared.
    Held,
    /// An error of Feishu's.
    Code {
        /// Feishu's code.
        code: i64,
        /// The HTTP status. `None` means Feishu's status for the code, or 400 for an unknown code.
        #[serde(default)]
        status: Option<u16>,
        /// The text in `msg`. `None` means Feishu's text for the code.
        #[serde(default)]
        msg: Option<String>,
        /// The value of the header `x-ogw-ratelimit-reset` in seconds. `None` omits the header.
        #[serde(default)]
        reset: Option<u64>,
    },
    /// An answer that is not one of Feishu, such as HTML from a proxy or a body that is not valid JSON.
    Status {
        /// The HTTP status, 200 to 599.
        status: u16,
        /// The body.
        #[serde(default)]
        body: String,
        /// The header `Content-Type`. The default in JSON is `text/html`.
        #[serde(default = "html")]
        content_type: String,
    },
    /// No answer. The connection is closed.
    Cut,
    /// The headers and half of the body. Then the connection is closed.
    CutInBody,
    /// No answer. The connection is reset.
    Reset,
    /// The headers and half of the body. Then the connection is reset.
    ResetInBody,
    /// Bytes that are not HTTP. Then the connection is closed.
    Garbage,
    /// No answer. The connection stays open until the caller closes it.
    Silence,
    /// The normal answer, with the body one byte at a time. The phase does not matter.
    SlowDrip {
        /// The delay before each byte, in milliseconds of real time.
        ms_per_byte: u64,
    },
}

impl Fault {
    /// A fault that affects the next request to any API once, before the request takes effect.
    #[must_use]
    pub fn once(kind: FaultKind) -> Self {
        Self {
            api: None,
            receive_id: None,
            reused: false,
            times: once(),
            kind,
            phase: Phase::default(),
        }
    }

    fn matches(&self, call: &Call) -> bool {
        self.phase != Phase::BeforeRequest
            && self.api.is_none_or(|api| api == call.api)
            && self.receive_id.as_ref().is_none_or(|id| Some(id) == call.receive_id.as_ref())
            && (call.connection.is_reused || !self.reused)
    }

    fn matches_connection(&self) -> bool {
        self.phase == Phase::BeforeRequest
            && self.api.is_none()
            && self.receive_id.is_none()
            && !self.reused
            && self.kind.can_affect_connections()
    }
}

impl FaultKind {
    /// How the fault ends the connection without an answer. `None` if it does not.
    pub(crate) fn cut(&self) -> Option<Cut> {
        match self {
            Self::Cut => Some(Cut::Closed),
            Self::Reset => Some(Cut::Reset),
            Self::Garbage => Some(Cut::Garbage),
            _ => None,
        }
    }

    /// Whether the fault can affect a connection before a request.
    pub(crate) fn can_affect_connections(&self) -> bool {
        *self == Self::Silence || self.cut().is_some()
    }
}

/// Takes the first fault that matches a request, and decrements the number of requests that it still affects.
pub(crate) fn take(faults: &mut Vec<Fault>, call: &Call) -> Option<Fault> {
    take_first(faults, |fault| fault.matches(call))
}

/// Takes the first fault that affects a new connection, and decrements the number of connections that it still
/// affects.
pub(crate) fn take_for_connection(faults: &mut Vec<Fault>) -> Option<Fault> {
    take_first(faults, Fault::matches_connection)
}

fn take_first(faults: &mut Vec<Fault>, matches: impl Fn(&Fault) -> bool) -> Option<Fault> {
    let index = faults.iter().position(matches)?;
    let Some(times) = &mut faults[index].times else {
        return Some(faults[index].clone());
    };
    *times = times.saturating_sub(1);
    if *times == 0 { Some(faults.remove(index)) } else { Some(faults[index].clone()) }
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn once() -> Option<u32> {
    Some(1)
}

fn html() -> String {
    "text/html".into()
}
