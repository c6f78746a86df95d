//! The Model Context Protocol: what assistants may do with the gateway, through the same core as every other door.
//!
//! `rmcp` speaks the protocol, and `adapter` calls it as a function: there is no second server. `server` answers for the
//! gateway, and each of `tools` decodes its arguments, calls once and encodes what became of it.

pub(crate) mod adapter;
mod arguments;
mod context;
pub(crate) mod door;
mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod long_list;
mod receivers;
mod repeated;
mod server;
mod tasks;
mod text;
mod tools;
