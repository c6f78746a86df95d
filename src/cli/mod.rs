//! The commands.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what talks to people")]

mod commands;
mod config_file;
#[cfg(feature = "dev")]
mod dev;
mod doctor;
mod ending;
mod health;
mod language;
mod mcp;
mod mcp_gateway;
mod mcp_message;
mod signals;

pub use commands::{command, main};
