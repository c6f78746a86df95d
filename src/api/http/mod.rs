//! What every request of the public listener passes, whatever its route: the access log, admission, and
//! the completion of its answer.

pub(crate) mod access_log;
pub(crate) mod admission;
pub(crate) mod body;
pub(crate) mod context;
pub(crate) mod draining;
pub(crate) mod places;
pub(crate) mod response;
pub(crate) mod security_headers;
pub(crate) mod streamed;
