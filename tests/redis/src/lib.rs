//! A Redis in memory, for tests: the commands that the gateway uses, and scripts that a real Lua carries out. It asks
//! nobody for the time and has no connections; `src/redis/simulated` in the gateway has both.
//!
//! It answers as Redis 7 does, except that its errors do not say in which line of a script they are. `make test-replicas`
//! compares it with a real one (`tests/real.rs`).
#![expect(clippy::unnecessary_wraps, reason = "all commands are functions of one type")]

mod cmsgpack;
mod commands;
mod database;
mod engine;
mod master;
mod numbers;
mod replica;
mod reply;
mod server;
mod sorted_set;

pub use master::NoWrites;
pub use replica::MOST_LOST;
pub use reply::Reply;
pub use server::Server;
