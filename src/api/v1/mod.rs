//! The routes below `/v1`.

pub(crate) mod dry_run;
pub(crate) mod forward;
pub(crate) mod message;
