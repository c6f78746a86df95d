//! The headers of a forward's answer.

use std::fmt;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::seconds_up;
use crate::delivery::Timings;
use crate::limits::{BudgetStanding, Standing};
use crate::model::share::Budget;

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
pub(crate) const FEISHU_LOG_ID: HeaderName = HeaderName::from_static("x-feishu-log-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Sets `RateLimit`, what is left of the receiver's limit and of the caller's budget, and `Server-Timing`, where the
/// time went.
pub(super) fn set_measured(
    headers: &mut HeaderMap,
    standing: Standing,
    budget: BudgetStanding,
    timings: &Timings,
    attempts: u32,
) {
    let item = |name: &str, standing: Standing| {
        format!("\"{name}\";r={};t={}", standing.remaining, seconds_up(standing.reset))
    };
    let mut rate_limit = item("receiver", standing);
    for (name, standing) in [("caller", budget.minute), ("caller_month", budget.month)] {
        if let Some(standing) = standing {
            rate_limit = [rate_limit, item(name, standing)].join(", ");
        }
    }
    set(headers, RATE_LIMIT, rate_limit);
    set(headers, SERVER_TIMING, server_timing(timings, attempts));
}

/// Sets `RateLimit-Policy`: what holds for all callers, and the caller's budget.
pub(super) fn set_policy(headers: &mut HeaderMap, for_all: &HeaderValue, budget: Budget) {
    headers.insert(RATE_LIMIT_POLICY, for_all.clone());
    if budget.is_unlimited() {
        return;
    }
    let for_all = for_all.to_str().unwrap_or_default().to_owned();
    let minute = budget.per_minute.map(|limit| format!("\"caller\";q={limit};w=60"));
    // Without `w`, because months are not equally long.
    let month = budget.per_month.map(|limit| format!("\"caller_month\";q={limit}"));
    let items: Vec<String> = [Some(for_all), minute, month].into_iter().flatten().collect();
    set(headers, RATE_LIMIT_POLICY, items.join(", "));
}

/// Sets a header, unless the value holds characters that no header may hold.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
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
