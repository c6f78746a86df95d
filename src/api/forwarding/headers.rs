//! The headers of a forward's answer.

use std::fmt;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::seconds_up;
use crate::delivery::Timings;
use crate::limits::Standing;

pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
pub(crate) const FEISHU_LOG_ID: HeaderName = HeaderName::from_static("x-feishu-log-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Sets `RateLimit`, what is left of the receiver's limit, and `Server-Timing`, where the time went.
pub(super) fn set_measured(
    headers: &mut HeaderMap,
    standing: Standing,
    timings: &Timings,
    attempts: u32,
) {
    let reset = seconds_up(standing.reset);
    set(headers, RATE_LIMIT, format!("\"receiver\";r={};t={reset}", standing.remaining));
    set(headers, SERVER_TIMING, server_timing(timings, attempts));
}

/// Sets a header, unless the value holds characters that no header may hold.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// The value of `Server-Timing`, in milliseconds.
fn server_timing(timings: &Timings, attempts: u32) -> String {
    let Timings { wait, token, feishu, total } = timings;
    format!(
        "wait;dur={}, token;dur={}, feishu;dur={}, total;dur={}, attempts;desc=\"{attempts}\"",
        Milliseconds(*wait),
        Milliseconds(*token),
        Milliseconds(*feishu),
        Milliseconds(*total)
    )
}

/// Shows a time in milliseconds with three digits after the point. Integers are faster than floating point.
struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every time fits into 64 bits, and 128 bits are slow to write.
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}
