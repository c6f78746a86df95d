//! HTTP out: Feishu's wire protocol, and nothing of the gateway's own API.

pub mod client;
pub mod codes;
pub mod error;
pub mod token;
mod wire;
