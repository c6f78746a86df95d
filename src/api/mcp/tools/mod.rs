//! The tools: what each is for, and its call.

pub(super) mod answer;
mod broadcast_message;
mod check_forward;
mod forward_message;
pub(super) mod get_broadcast;
mod schema;
pub(super) mod tool_name;
