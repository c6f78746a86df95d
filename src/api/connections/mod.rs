//! Connections of callers, and the bounds on them that actix does not have.
//!
//! actix bounds only the first head of a connection. Once one request was answered, a head that never
//! ends, the rest of a body that nobody reads and an answer that the caller does not read would each hold
//! a connection for ever. actix also refuses to accept connections above a limit, although idle ones could
//! make room. So `app/listeners.rs` puts the servers together from actix's parts instead of `HttpServer`:
//! each connection is a task of its own, which other code can end, and the listener accepts every
//! connection at once and leaves it to [`slots`] which of them stay.

pub(crate) mod active_request;
pub(crate) mod activity;
pub(crate) mod connection;
pub(crate) mod serve;
pub(crate) mod slots;
pub(crate) mod socket;
