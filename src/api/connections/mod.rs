//! Connections of callers, and the bounds on them that actix does not have.
//!
//! actix bounds only the first head of a connection. After the first answer, a head that never ends, the
//! rest of a body that nobody reads and an answer that the caller does not read would each hold a
//! connection for ever. And above a limit actix accepts no connection, although idle ones could make room.
//!
//! So `app/listeners.rs` puts the servers together from actix's parts instead of `HttpServer`: each
//! connection is a task of its own, which can be ended from outside, and the listener accepts every
//! connection at once and leaves it to [`slots`] which of them stay.

pub(crate) mod active_request;
pub(crate) mod activity;
pub(crate) mod connection;
pub(crate) mod eviction;
pub(crate) mod serve;
pub(crate) mod slots;
pub(crate) mod socket;
