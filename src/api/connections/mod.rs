//! Connections of callers, and the bounds on them that actix does not have.
//!
//! actix bounds only the first head of a connection. After the first answer, a head that never ends, the
//! rest of a body that nobody reads and an answer that the caller does not read would each hold a
//! connection for ever. And above a limit actix accepts no connection, although idle ones could make room.
//!
//! So `app/way_in.rs` puts the servers together from actix's parts instead of `HttpServer`: each
//! connection is a task of its own, which can be ended from outside, and the listener accepts every
//! connection at once and leaves it to [`slots`] which of them stay.
//!
//! Under TLS a connection has its slot before its [`handshake`] begins, and is idle until its first request. Callers that
//! choose [`http2`] have several requests on a connection, which is busy while one of them is answered.

pub(crate) mod active_request;
pub(crate) mod activity;
pub(crate) mod connection;
pub(crate) mod eviction;
pub(crate) mod handshake;
pub(crate) mod http2;
pub(crate) mod serve;
pub(crate) mod slots;
pub(crate) mod socket;
