//! What every request of the public listener passes: admission, access log, body, headers of answers.

pub(crate) mod access_log;
pub(crate) mod admission;
pub(crate) mod body;
pub(crate) mod security_headers;
