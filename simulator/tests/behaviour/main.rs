//! Tests of the simulator over HTTP. Its time advances only when a test moves the clock.

#![expect(clippy::unwrap_used, reason = "a test fails at an unexpected value")]

mod about_app;
mod checks;
mod codes;
mod connections;
mod control;
mod faults;
mod feishu;
mod ledger;
mod limits;
mod merges;
mod message;
mod messages;
mod program;
mod pushes;
mod receiver;
mod repeats;
mod store;
mod store_control;
mod store_tokens;
mod tokens;
mod wire;
