//! The tools: what each is for, and its call.

pub(super) mod answer;
pub(super) mod broadcast_message;
mod check_forward;
pub(super) mod forward_message;
pub(super) mod get_broadcast;
mod schema;
pub(super) mod tool_name;
