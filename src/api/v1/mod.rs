//! The routes below `/v1`. The routes of Feishu's own paths that forward something have the same handlers.

pub(crate) mod broadcasts;
pub(crate) mod events;
pub(crate) mod forward;
pub(crate) mod merge_forward;
mod parameters;
pub(crate) mod thread_forward;
