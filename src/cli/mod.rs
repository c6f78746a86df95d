//! The commands.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what talks to people")]

mod commands;
mod config_file;
#[cfg(feature = "dev")]
mod dev;
mod ending;
mod health;
mod signals;

pub use commands::main;
