//! A simulator of the Feishu (Lark) open API for tests and experiments. It listens on loopback.
//!
//! A test can inject a [`Fault`], move the clock, and read the [`Ledger`], which records every request and every
//! delivered message. A control API under `/_simulator/` offers these functions over HTTP.
//!
//! Comments name the source of each behaviour: "doc" is Feishu's documentation, "sdk" an official SDK, "seen" a report
//! of somebody who called the real Feishu, and "guess" an assumption. `README.md` lists all behaviours.

mod answer;
mod app_api;
mod apps;
mod call;
mod clock;
mod codes;
mod connections;
mod control_api;
mod control_body;
mod cut;
mod event;
mod fault;
mod forward_api;
mod forward_call;
mod handler;
mod ids;
mod ledger;
mod ledger_writer;
mod limits;
mod merge_rules;
mod messages;
mod options;
mod outbox;
mod port;
mod push;
mod push_writer;
mod pusher;
mod receiver;
mod refusal;
mod repeats;
mod sealing;
mod server;
mod settings;
mod simulator;
mod state;
mod store_control;
mod token_api;
mod tokens;
mod windows;
mod wire_body;

pub use clock::{TimeSource, real_time};
pub use event::{Event, EventVersion};
pub use fault::{Fault, FaultKind, Phase};
pub use ledger::{Api, Attempt, Delivery, Ledger};
pub use messages::{KnownMessage, MessageState};
pub use options::{App, Options, StoreApp};
pub use push::{NotPushed, Push, PushAnswer, PushFault, PushKind};
pub use settings::{Duplicate, Settings, WindowShape};
pub use simulator::Simulator;
