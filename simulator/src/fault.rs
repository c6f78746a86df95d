//! Faults on demand: what shall go wrong, for whom, and how often.

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::cut::Cut;
use crate::ledger::Api;

/// Something that goes wrong at the next request it fits.
///
/// Faults wait in a queue; a request is struck by the first that fits it, and by that one only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The API it strikes; `None`: any.
    #[serde(default)]
    pub api: Option<Api>,
    /// The receiver it strikes; `None`: any, and requests without a receiver too.
    #[serde(default)]
    pub receive_id: Option<String>,
    /// Whether it strikes only a request that is not the first one on its connection: one that the caller
    /// kept open.
    #[serde(default)]
    pub reused: bool,
    /// How many requests it strikes; `None`: all of them, for ever. Left out of JSON it is 1.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Whether Feishu has done its work when it goes wrong. Left out of JSON it is `before_commit`.
    #[serde(default)]
    pub phase: Phase,
}

/// How far a request that a fault strikes has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The request has no effect: nothing is delivered, and no limit counts it.
    ///
    /// [`FaultKind::Latency`] and [`FaultKind::Held`] then wait before Feishu looks at the request, which is
    /// answered and delivered afterwards unless the caller has hung up.
    #[default]
    BeforeCommit,
    /// The request has its full effect, and only its answer suffers.
    AfterCommit,
    /// The next connection is struck as soon as it is accepted, or, where it is reset, as soon as its
    /// first byte arrives: nothing is read, nothing counted.
    ///
    /// A connection has neither API nor receiver and is not reused, so a fault that asks for one of
    /// these never strikes it; and only [`FaultKind::Cut`], [`FaultKind::Reset`], [`FaultKind::Garbage`] and
    /// [`FaultKind::Silence`] can.
    BeforeRequest,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The normal answer comes late.
    Latency {
        /// Real milliseconds, whatever the simulator's clock does.
        ms: u64,
    },
    /// The normal answer comes once the faults are cleared.
    Held,
    /// An error of Feishu's.
    Code {
        /// Feishu's code.
        code: i64,
        /// HTTP status; `None`: what Feishu uses for the code, 400 if it is unknown.
        #[serde(default)]
        status: Option<u16>,
        /// Feishu's text; `None`: its own for the code.
        #[serde(default)]
        msg: Option<String>,
        /// Seconds in the header `x-ogw-ratelimit-reset`; `None`: no such header.
        #[serde(default)]
        reset: Option<u64>,
    },
    /// An answer that is not Feishu's own, such as HTML from a proxy or a body that does not parse.
    Status {
        /// HTTP status, 200 to 599.
        status: u16,
        /// The body as it is sent.
        #[serde(default)]
        body: String,
        /// The header `Content-Type`; left out of JSON it is `text/html`.
        #[serde(default = "html")]
        content_type: String,
    },
    /// The connection is closed without an answer.
    Cut,
    /// The headers and half of the body, then the connection is closed.
    CutInBody,
    /// The connection is reset without an answer.
    Reset,
    /// The headers and half of the body, then the connection is reset.
    ResetInBody,
    /// Bytes that are no HTTP, then the connection is closed.
    Garbage,
    /// No answer until the caller hangs up.
    Silence,
    /// The normal answer, one byte of the body at a time; the phase does not matter.
    SlowDrip {
        /// Real milliseconds before each byte.
        ms_per_byte: u64,
    },
}

impl Fault {
    /// A fault that strikes the next request of any API, once, before it has an effect.
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

    fn fits(&self, call: &Call) -> bool {
        self.phase != Phase::BeforeRequest
            && self.api.is_none_or(|api| api == call.api)
            && self.receive_id.as_ref().is_none_or(|id| Some(id) == call.receive_id.as_ref())
            && (call.is_on_reused_connection || !self.reused)
    }

    fn fits_a_connection(&self) -> bool {
        self.phase == Phase::BeforeRequest
            && self.api.is_none()
            && self.receive_id.is_none()
            && !self.reused
            && self.kind.strikes_connections()
    }
}

impl FaultKind {
    /// How it ends the connection instead of answering, if that is what it does.
    pub(crate) fn cut(&self) -> Option<Cut> {
        match self {
            Self::Cut => Some(Cut::Closed),
            Self::Reset => Some(Cut::Reset),
            Self::Garbage => Some(Cut::Garbage),
            _ => None,
        }
    }

    /// Whether it makes sense without a request.
    pub(crate) fn strikes_connections(&self) -> bool {
        *self == Self::Silence || self.cut().is_some()
    }
}

/// The first fault that fits the call, which is then used up by one.
pub(crate) fn take(faults: &mut Vec<Fault>, call: &Call) -> Option<Fault> {
    take_first(faults, |fault| fault.fits(call))
}

/// The first fault that strikes connections as they are accepted, which is then used up by one.
pub(crate) fn take_for_connection(faults: &mut Vec<Fault>) -> Option<Fault> {
    take_first(faults, Fault::fits_a_connection)
}

fn take_first(faults: &mut Vec<Fault>, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
    let index = faults.iter().position(fits)?;
    let Some(times) = &mut faults[index].times else {
        return Some(faults[index].clone());
    };
    *times = times.saturating_sub(1);
    if *times == 0 { Some(faults.remove(index)) } else { Some(faults[index].clone()) }
}

#[expect(clippy::unnecessary_wraps, reason = "it is the default of a field that may be None")]
fn once() -> Option<u32> {
    Some(1)
}

fn html() -> String {
    "text/html".into()
}
