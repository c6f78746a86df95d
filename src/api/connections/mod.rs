//! Bounds on connections that actix does not have.

pub(crate) mod connection;
pub(crate) mod serve;
pub(crate) mod slots;
