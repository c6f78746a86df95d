//! The commands.

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
