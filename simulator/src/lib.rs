//! A Feishu (Lark) open API that runs on loopback, for tests and for trying things out.
//!
//! It behaves as Feishu's documentation says, and where that is silent as others saw Feishu behave;
//! `README.md` names the source of every behaviour. Faults come on demand, the clock can be moved,
//! and a [`Ledger`] keeps every request that arrived and every message that counts as delivered.
//!
//! The same things can be reached over HTTP under `/_simulator/`.

mod answer;
mod body;
mod book;
mod call;
mod clock;
mod codes;
mod control;
mod cut;
mod fault;
mod forward;
mod ids;
mod ledger;
mod lines;
mod options;
mod port;
mod refusal;
mod repeats;
mod reply;
mod server;
mod settings;
mod simulator;
mod state;
mod token;
mod token_api;
mod window;

pub use clock::{TimeSource, real_time};
pub use fault::{Fault, FaultKind, Phase};
pub use ledger::{Api, Attempt, Delivery, Ledger};
pub use options::{App, Options};
pub use settings::{Duplicate, Settings};
pub use simulator::Simulator;
