//! What the simulator does, over HTTP, with time that stands still until a test moves it.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

mod checks;
mod codes;
mod connections;
mod control;
mod faults;
mod feishu;
mod ledger;
mod limits;
mod message;
mod program;
mod repeats;
mod tokens;
mod wire;
