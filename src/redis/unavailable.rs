//! Why Redis cannot be used.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError};
use thiserror::Error;

/// Longest time for one answer, and for a connection to be made: longer than a healthy Redis takes, and short
/// beside a forward's deadline.
pub const TIMEOUT: Duration = Duration::from_millis(250);

/// Redis did not do what it was asked to do.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// There is no connection. If there was one, this is why it was given up.
    #[error("there is no connection{}", .0.as_ref().map(|why| format!(" any more: {why}")).unwrap_or_default())]
    NotConnected(Option<Arc<str>>),
    /// No answer came in time. Redis may still carry out the command.
    #[error("no answer within {TIMEOUT:?}")]
    Late,
    /// The connection failed, or Redis answered with an error.
    #[error("{}", reason(.0))]
    Failed(#[from] RedisError),
    /// Redis' clock was stepped by so many milliseconds, so the times that it holds are wrong.
    #[error("its clock was stepped by {0} ms")]
    ClockStepped(i64),
}

impl Unavailable {
    /// The kind of failure, for traces.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::NotConnected(_) => "not_connected",
            Self::Late => "timeout",
            Self::Failed(error) => error.code().unwrap_or("failed"),
            Self::ClockStepped(_) => "clock_stepped",
        }
    }
}

/// The longest reason that is kept, in bytes.
const LONGEST_REASON: usize = 300;

/// Redis' own error, which holds no values. redis-rs drops it where a login is refused.
fn reason(error: &RedisError) -> String {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return format!("{error}: the password is wrong (WRONGPASS), missing, or not expected");
    }
    // The innermost cause says most: for TLS, what is wrong with which certificate.
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_says = cause.to_string();
        if !reason.contains(&cause_says) {
            reason = format!("{reason}: {cause_says}");
        }
        source = cause.source();
    }
    // Redis' own name of the error, because redis-rs has names of its own.
    let code = error.code().filter(|code| !reason.contains(code));
    // Redis refuses the script of a stranger with a text that names no code.
    let code = if reason.contains("unauthenticated") { Some("NOAUTH") } else { code };
    if let Some(code) = code {
        reason = format!("{code}: {reason}");
    }
    let end = reason.floor_char_boundary(LONGEST_REASON);
    reason.truncate(end);
    reason.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}
