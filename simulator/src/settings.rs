//! How the simulated Feishu behaves where it could behave in more than one way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The switches of a simulator; they can be changed while it runs.
///
/// As JSON every field has its own name, but for `token_lifetime`, which is the whole number
/// `token_lifetime_seconds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches, each by itself")]
pub struct Settings {
    /// How long a new token lives; 2 hours at most in Feishu (doc).
    #[serde(rename = "token_lifetime_seconds", with = "seconds")]
    pub token_lifetime: Duration,
    /// What a uuid gets that was forwarded to the same receiver within the hour (not documented).
    pub duplicate: Duplicate,
    /// Forwards to one receiver in any span of one second (doc: 5; that the span slides: guess).
    pub receiver_per_second: usize,
    /// Forwards of one app in any span of one second (doc: 50; sliding: guess).
    pub app_per_second: usize,
    /// Forwards of one app in any span of one minute (doc: 1000; sliding: guess).
    pub app_per_minute: usize,
    /// Whether the three limits above refuse anything.
    pub enforce_limits: bool,
    /// Whether an attempt that a limit refused still takes room in that limit's span (not documented).
    ///
    /// Off: with it on, the user who sent 20 messages at once and retried twice within 1.5 s could
    /// not have got all of them through, and that was seen.
    pub refused_attempts_count: bool,
    /// HTTP status of 99991400 (doc: 429; 400 in some old APIs).
    pub app_limit_status: u16,
    /// HTTP status of 99991663 (400 and 200 were both seen).
    pub rejected_token_status: u16,
    /// Whether answers carry fields that the documentation page does not list but the SDKs know.
    pub extra_fields: bool,
    /// Whether a connection is kept open after an answer; each connection keeps to what held as it was
    /// accepted. Off: each answer says `Connection: close`, and it is closed.
    pub keep_alive: bool,
    /// Most attempts, and most deliveries, that the ledger keeps; the oldest are dropped.
    pub ledger_limit: usize,
}

/// What Feishu says to a uuid that it has already forwarded to the same receiver within the hour.
///
/// None of them delivers a second message: that a uuid succeeds once is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicate {
    /// Success with the first message's id (seen for the send API).
    OriginalId,
    /// Success with an id that was never given before (guess).
    AnotherId,
    /// 230049, the message is being sent (guess).
    InProgress,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_hours(2),
            duplicate: Duplicate::OriginalId,
            receiver_per_second: 5,
            app_per_second: 50,
            app_per_minute: 1000,
            enforce_limits: true,
            refused_attempts_count: false,
            app_limit_status: 429,
            rejected_token_status: 400,
            extra_fields: true,
            keep_alive: true,
            ledger_limit: 100_000,
        }
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}
