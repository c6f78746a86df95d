//! What Feishu pushes to the URL of a store app, and how the receiver answers.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request to the URL of a store app. The ledger records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The number of the push. It counts from 1, and clearing the ledger does not reset it.
    pub number: u64,
    /// The app.
    pub app_id: String,
    /// What is pushed.
    pub kind: PushKind,
    /// Which repetition it is. 0 is the first push.
    pub repetition: usize,
    /// The time at which it was sent, in nanoseconds on the simulator's clock.
    pub at_ns: u64,
    /// The URL.
    pub url: String,
    /// The headers, as they were sent.
    pub headers: Vec<(String, String)>,
    /// The body, as it was sent.
    pub body: String,
    /// The body before it was encrypted.
    pub content: Value,
    /// The answer. `None` while there is none, and if none came in time.
    pub answer: Option<PushAnswer>,
}

/// What a push is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushKind {
    /// A new app ticket.
    AppTicket,
    /// Another event.
    Event,
    /// The check of an address that is entered in the developer console.
    AddressCheck,
}

/// The receiver's answer to a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// Whether Feishu is content: with HTTP 200, and with the challenge in the answer to an address check.
    pub is_accepted: bool,
}

/// Why a push has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPushed {
    /// The simulator knows no store app with this id.
    NoStoreApp,
    /// The app has no URL.
    NoUrl,
    /// The setting `push_fault` prevents or delays the push.
    HeldBack,
    /// The receiver gave no answer in time, or cannot be reached.
    NoAnswer,
}

impl fmt::Display for NotPushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoStoreApp => "no store app has this id",
            Self::NoUrl => "the app has no URL",
            Self::HeldBack => "the setting push_fault prevents or delays the push",
            Self::NoAnswer => "the receiver gave no answer in time",
        })
    }
}

/// What goes wrong with every push. Only one thing goes wrong at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PushFault {
    /// Nothing is pushed. New tickets become valid all the same.
    Never,
    /// The push is due later than it should be. A ticket in it is the one of the time before.
    Late {
        /// The delay in seconds on the simulator's clock.
        seconds: u64,
    },
    /// Everything is pushed twice with the same id.
    Twice,
    /// A push of a ticket brings the one before the newest, if there is one.
    OldTicket,
    /// A push of a ticket brings one that was never valid.
    WrongTicket,
    /// The signature is that of another Encrypt Key.
    WrongSignature,
    /// There is no signature.
    NoSignature,
    /// The verification token is another one.
    WrongToken,
}
