//! The settings of a simulator: behaviour of Feishu that is configurable because it is not documented, or because a
//! test needs a variant.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::push::PushFault;

/// The settings of a simulator. They can be changed while it runs.
///
/// The JSON members have the names of the fields, except that `token_lifetime` is `token_lifetime_seconds`, a whole
/// number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the settings are independent of each other")]
pub struct Settings {
    /// The lifetime of a new token. Feishu's tokens live for at most 2 hours (doc).
    #[serde(rename = "token_lifetime_seconds", with = "seconds")]
    pub token_lifetime: Duration,
    /// The answer to a repeated uuid (not documented).
    pub duplicate: Duplicate,
    /// How long a uuid is remembered (doc: an hour; that it ends then: not seen).
    #[serde(rename = "uuid_lifetime_seconds", with = "seconds")]
    pub uuid_lifetime: Duration,
    /// Whether the three forward APIs share the uuids (not documented). If false, a uuid of one API is new to the others.
    pub shared_uuids: bool,
    /// The limit of forwards of all kinds to one receiver in any time span of one second (doc: 5; a sliding span: guess).
    pub receiver_per_second: usize,
    /// The limit of calls of one app to one forward API in any time span of one second (doc: 50; a sliding span: guess).
    pub app_per_second: usize,
    /// The limit of calls of one app to one forward API in any time span of one minute (doc: 1000; a sliding span: guess).
    pub app_per_minute: usize,
    /// What the time spans of the three limits above are (not documented).
    pub window: WindowShape,
    /// The value of the header `x-ogw-ratelimit-reset` of 230020, in seconds. `None` omits the header (not documented).
    pub receiver_limit_reset: Option<u64>,
    /// Whether the three limits above are enforced.
    pub enforce_limits: bool,
    /// Whether a limit counts attempts that it refused (not documented).
    ///
    /// The default is false: somebody sent 20 messages at once, retried the refused ones twice within 1.5 s, and all
    /// were accepted (seen). If refused attempts counted, this would be impossible.
    pub refused_attempts_count: bool,
    /// How many of a store app's tickets are valid, from the newest on (not documented; 1 is the newest alone).
    pub valid_tickets: usize,
    /// The code for a tenant token call for a tenant in which the store app is not installed (not documented; 10013 is
    /// as likely).
    pub uninstalled_tenant_code: i64,
    /// The code for a store app that calls a token API of self-built apps, and for the reverse (not documented).
    pub wrong_app_type_code: i64,
    /// Whether pushes of an app without an Encrypt Key are signed, with an empty key (not documented).
    pub sign_plain_pushes: bool,
    /// What goes wrong with every push.
    pub push_fault: Option<PushFault>,
    /// The HTTP status of 99991400 (doc: 429; 400 in some old APIs).
    pub app_limit_status: u16,
    /// The HTTP status of 99991663 (400 and 200 were both seen).
    pub rejected_token_status: u16,
    /// Whether the answer to the forward of a thread has its times in seconds. The sample on the API's page has
    /// `create_time` in seconds, and a forward has milliseconds (doc). Which is true is not known.
    pub thread_time_in_seconds: bool,
    /// Whether answers contain fields that only the SDKs know (sdk). The documentation does not list them.
    pub extra_fields: bool,
    /// Whether a connection stays open after an answer. If false, each answer has the header `Connection: close`. A
    /// change affects new connections only.
    pub keep_alive: bool,
    /// How long a connection may be idle after an answer before it is closed, in milliseconds of real time. `None` keeps
    /// it open (not documented). A change affects new connections only.
    pub idle_timeout_ms: Option<u64>,
    /// The `activate_status` of the bot (doc: 0 to 6, of which 2 is a bot in use).
    pub bot_activate_status: i64,
    /// The `ip_white_list` of the bot. It is only shown, and refuses nobody.
    pub ip_white_list: Vec<String>,
    /// The scopes of the app, with the `grant_status` of each (doc: 1 is granted, 2 is not). They are only shown.
    pub scopes: BTreeMap<String, i64>,
    /// Whether the bot says that it is in each chat.
    pub is_in_chat: bool,
    /// By how much the header `Date` is ahead of the machine's clock, in seconds.
    pub date_offset_seconds: i64,
    /// The largest number of attempts, and of deliveries, in the ledger. Older ones are dropped.
    pub ledger_limit: usize,
}

/// The answer to a uuid that was already forwarded to the receiver within the last hour.
///
/// No variant delivers a second message, because Feishu executes a uuid only once (doc).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicate {
    /// Success with the id of the first message (seen on the send API).
    OriginalId,
    /// Success with a new message id (guess).
    AnotherId,
    /// 230049, "The message is being sent." (guess).
    InProgress,
}

/// What the time span of a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowShape {
    /// No span of that length holds more than the limit (guess, the strictest reading).
    Sliding,
    /// Spans follow each other, and the count begins anew with each (guess).
    Calendar,
    /// A bucket of the limit's size that fills up evenly in one span (guess).
    Bucket,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_hours(2),
            duplicate: Duplicate::OriginalId,
            uuid_lifetime: Duration::from_hours(1),
            shared_uuids: true,
            receiver_per_second: 5,
            app_per_second: 50,
            app_per_minute: 1000,
            window: WindowShape::Sliding,
            receiver_limit_reset: None,
            enforce_limits: true,
            refused_attempts_count: false,
            valid_tickets: 2,
            uninstalled_tenant_code: 99_991_673,
            wrong_app_type_code: 10_005,
            sign_plain_pushes: false,
            push_fault: None,
            app_limit_status: 429,
            rejected_token_status: 400,
            thread_time_in_seconds: false,
            extra_fields: true,
            keep_alive: true,
            idle_timeout_ms: None,
            bot_activate_status: 2,
            ip_white_list: Vec::new(),
            scopes: BTreeMap::from([("im:message:send_as_bot".to_owned(), 1)]),
            is_in_chat: true,
            date_offset_seconds: 0,
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
