//! What arrived, what it was answered, and what counts as delivered.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::nanos;

/// A snapshot of everything the simulator has seen, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Every request to Feishu's API, whatever became of it.
    pub attempts: Vec<Attempt>,
    /// Every message that a receiver got.
    pub deliveries: Vec<Delivery>,
    /// How many attempts and deliveries were dropped because of `Settings::ledger_limit`.
    pub dropped: u64,
}

/// The APIs that the simulator tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`
    TenantAccessToken,
    /// `POST /open-apis/auth/v3/app_access_token/internal`
    AppAccessToken,
    /// `POST /open-apis/im/v1/messages/{message_id}/forward`
    Forward,
    /// Anything else.
    Unknown,
}

/// One request to Feishu's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1 and never starts again.
    pub number: u64,
    /// The number of the connection that it came over; it counts from 1.
    pub connection: u64,
    /// When the whole request had arrived, in nanoseconds on the simulator's clock.
    pub at_ns: u64,
    /// The API by path and method.
    pub api: Api,
    /// HTTP method.
    pub method: String,
    /// Path as it came, still percent-encoded.
    pub path: String,
    /// Query as it came, without the `?`; empty if there was none.
    pub query: String,
    /// Headers in the order in which they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
    /// The app: by its token for a forward, as it called itself for a token.
    pub app_id: Option<String>,
    /// The message to forward.
    pub message_id: Option<String>,
    /// The receiver.
    pub receive_id: Option<String>,
    /// What kind of id the receiver is given by.
    pub receive_id_type: Option<String>,
    /// The deduplication key.
    pub uuid: Option<String>,
    /// HTTP status that was sent; `None` while unanswered, when cut off without an answer, when silent.
    pub status: Option<u16>,
    /// Feishu's code that was sent; `None` as for `status`, and where the body held none.
    pub code: Option<i64>,
    /// The log id that was sent in `X-Tt-Logid`.
    pub log_id: Option<String>,
    /// The message id that Feishu decided on, even if a fault kept it from the caller.
    pub new_message_id: Option<String>,
}

/// One message that a receiver got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The number of the attempt that caused it.
    pub attempt: u64,
    /// When, in nanoseconds on the simulator's clock.
    pub at_ns: u64,
    /// The app whose token was used.
    pub app_id: String,
    /// The message that was forwarded.
    pub message_id: String,
    /// Who got it.
    pub receive_id: String,
    /// What kind of id `receive_id` is.
    pub receive_id_type: String,
    /// The deduplication key, if one was sent.
    pub uuid: Option<String>,
    /// The message that the receiver got.
    pub new_message_id: String,
}

impl Ledger {
    /// The attempts at one API, oldest first.
    pub fn of(&self, api: Api) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(move |attempt| attempt.api == api)
    }

    /// The largest number of forward attempts in any half-open span of this length, to one receiver
    /// or, with `None`, of all forwards together.
    ///
    /// Half-open: two attempts exactly `span` apart are never in one span.
    #[must_use]
    pub fn max_in_any_span(&self, receive_id: Option<&str>, span: Duration) -> usize {
        let mut times: Vec<u64> = self
            .of(Api::Forward)
            .filter(|attempt| receive_id.is_none() || attempt.receive_id.as_deref() == receive_id)
            .map(|attempt| attempt.at_ns)
            .collect();
        times.sort_unstable();

        let span = nanos(span);
        let mut first = 0;
        let mut most = 0;
        for (last, at) in times.iter().enumerate() {
            while first < last && at - times[first] >= span {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }
}
