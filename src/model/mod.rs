//! The values of the domain. Each is parsed once, where it enters the gateway, and is valid from then on.

pub mod api_key;
pub mod broadcast_id;
pub mod dedup_key;
pub mod derived_key;
pub mod feishu_api;
pub mod fingerprint;
pub mod forward;
mod id;
pub mod idempotency_key;
pub mod installation;
pub mod merged_messages;
pub mod message_id;
pub mod places;
pub mod policy;
pub mod problem_kind;
pub mod reach;
pub mod receiver;
pub mod seal;
pub mod share;
pub mod state_url;
pub mod tenant_key;
pub mod thread_id;
pub mod trace_id;
pub mod urgency;
pub mod web_origin;
pub mod webhook;
pub mod wording;
