//! Why Redis is of no use.

use std::error::Error as _;
use std::sync::Arc;

use redis::{ErrorKind, RedisError};
use thiserror::Error;

use super::TIMEOUT;

/// Redis did not do what it was asked to.
#[derive(Debug, Error)]
pub enum Gone {
    /// There is no connection; why there is none any more, if there was one.
    #[error("there is no connection{}", .0.as_ref().map(|why| format!(" any more: {why}")).unwrap_or_default())]
    NotConnected(Option<Arc<str>>),
    /// No answer came in time; what was asked may be done yet.
    #[error("no answer within {TIMEOUT:?}")]
    Late,
    /// It failed, or said no.
    #[error("{}", reason(.0))]
    Failed(#[from] RedisError),
    /// Its clock was stepped by so many milliseconds: what is written there counts from another time.
    #[error("its clock was stepped by {0} ms")]
    Stepped(i64),
}

/// The most of what Redis says that is repeated, in bytes.
const LONGEST_REASON: usize = 300;

/// Redis' own words, which hold no values; redis-rs drops them where a login is refused.
fn reason(error: &RedisError) -> String {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return format!(
            "{error}: WRONGPASS, or a password where it has none, or none where it has one"
        );
    }
    // The innermost cause says most: of TLS, what is wrong with which certificate.
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_says = cause.to_string();
        if !reason.contains(&cause_says) {
            reason = format!("{reason}: {cause_says}");
        }
        source = cause.source();
    }
    // As Redis itself names it: redis-rs has names of its own.
    let code = error.code().filter(|code| !reason.contains(code));
    // It takes no script from a stranger, not even to say so.
    let code = if reason.contains("unauthenticated") { Some("NOAUTH") } else { code };
    if let Some(code) = code {
        reason = format!("{code}: {reason}");
    }
    let end = reason.floor_char_boundary(LONGEST_REASON);
    reason.truncate(end);
    reason.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}
