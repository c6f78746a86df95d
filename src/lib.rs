//! feishu-forward-gateway: forwards Feishu (Lark) messages for a company's internal services.
//!
//! ARCHITECTURE.md says how the parts fit together.

pub mod api;
pub mod app;
pub mod broadcasts;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod feishu;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod limits;
pub mod model;
pub mod queue;
pub mod random;
pub mod redis;
#[cfg(test)]
mod simulation;
pub mod sqlite;
pub mod telemetry;
pub mod tls;
