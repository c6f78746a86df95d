//! From what a caller sent to an order, whatever the door.

pub(crate) mod body;
pub(crate) mod forward;
pub(crate) mod headers;
pub(crate) mod misplaced;
pub(crate) mod query;
