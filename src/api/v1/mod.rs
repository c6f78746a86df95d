//! The routes below `/v1`.

pub(crate) mod dry_run;
pub(crate) mod forward;
mod headers;
mod schema;
