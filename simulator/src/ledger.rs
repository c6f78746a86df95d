//! The ledger: the record of all requests, their answers, and the delivered messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::nanos;
use crate::push::Push;

/// A snapshot of the requests and the delivered messages, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// All requests to Feishu's API, including refused and unanswered ones.
    pub attempts: Vec<Attempt>,
    /// All messages that were delivered to a receiver.
    pub deliveries: Vec<Delivery>,
    /// All requests to the URLs of store apps.
    pub pushes: Vec<Push>,
    /// The number of attempts, deliveries and pushes that were dropped because of `Settings::ledger_limit`.
    pub dropped: u64,
}

/// The APIs of Feishu that the simulator implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`
    TenantAccessToken,
    /// `POST /open-apis/auth/v3/app_access_token/internal`
    AppAccessToken,
    /// `POST /open-apis/auth/v3/app_access_token`
    StoreAppAccessToken,
    /// `POST /open-apis/auth/v3/tenant_access_token`
    StoreTenantAccessToken,
    /// `POST /open-apis/auth/v3/app_ticket/resend`
    AppTicketResend,
    /// `POST /open-apis/im/v1/messages/{message_id}/forward`
    Forward,
    /// `POST /open-apis/im/v1/messages/merge_forward`
    MergeForward,
    /// `POST /open-apis/im/v1/threads/{thread_id}/forward`
    ThreadForward,
    /// `GET /open-apis/bot/v3/info`
    BotInfo,
    /// `GET /open-apis/application/v6/scopes`
    Scopes,
    /// `GET /open-apis/im/v1/chats/{chat_id}/members/is_in_chat`
    IsInChat,
    /// Any other path or method.
    Unknown,
}

/// One request to Feishu's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The number of the attempt. It counts from 1, and clearing the ledger does not reset it.
    pub number: u64,
    /// The number of the request's connection. It counts from 1.
    pub connection: u64,
    /// The time at which the request had arrived completely, in nanoseconds on the simulator's clock.
    pub at_ns: u64,
    /// The API that path and method select.
    pub api: Api,
    /// The HTTP method.
    pub method: String,
    /// The path as received, with percent-encoding.
    pub path: String,
    /// The query as received, without the `?`. Empty if there was none.
    pub query: String,
    /// The headers in the order of their arrival, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
    /// The app: that of the token for a forward of any kind, and `app_id` of the body for a token call.
    pub app_id: Option<String>,
    /// The tenant: that of the token, and that in the body of a token call.
    pub tenant_key: Option<String>,
    /// The message to forward, of a plain forward.
    pub message_id: Option<String>,
    /// The messages to merge, as far as they are strings. Empty unless the request is a merge.
    pub message_ids: Vec<String>,
    /// The thread to forward.
    pub thread_id: Option<String>,
    /// The receiver.
    pub receive_id: Option<String>,
    /// The type of `receive_id`.
    pub receive_id_type: Option<String>,
    /// The `uuid`, by which Feishu recognises a repeated request.
    pub uuid: Option<String>,
    /// The HTTP status of the answer. `None` while there is no answer, or if a fault prevented one.
    pub status: Option<u16>,
    /// The code in the answer. `None` without an answer, or if its body held no code.
    pub code: Option<i64>,
    /// The log id in the answer's header `X-Tt-Logid`.
    pub log_id: Option<String>,
    /// The id of the new message, even if a fault prevented the answer.
    pub new_message_id: Option<String>,
}

/// One message that was delivered to a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The number of the attempt that caused it.
    pub attempt: u64,
    /// The time of the delivery, in nanoseconds on the simulator's clock.
    pub at_ns: u64,
    /// The app whose token was used.
    pub app_id: String,
    /// The tenant whose token was used.
    pub tenant_key: String,
    /// The message that was forwarded. Empty for a merge and for a thread.
    pub message_id: String,
    /// The messages that were merged, without the invalid ones. Empty unless the request was a merge.
    pub message_ids: Vec<String>,
    /// The thread that was forwarded. `receive_id` is the receiver, even if that is a thread too.
    pub thread_id: Option<String>,
    /// The receiver.
    pub receive_id: String,
    /// The type of `receive_id`.
    pub receive_id_type: String,
    /// The `uuid` of the request, if it had one.
    pub uuid: Option<String>,
    /// The id of the new message in the receiver's chat.
    pub new_message_id: String,
}

impl Ledger {
    /// The attempts to call one API, oldest first.
    pub fn of(&self, api: Api) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(move |attempt| attempt.api == api)
    }

    /// The largest number of attempts to forward something in any time span of this length. `None` counts those to
    /// all receivers.
    ///
    /// A span is half-open: two attempts that are exactly `span` apart are never in one span.
    #[must_use]
    pub fn max_in_any_span(&self, receive_id: Option<&str>, span: Duration) -> usize {
        let forwards = self.attempts.iter().filter(|attempt| attempt.api.is_forward());
        let is_wanted = |attempt: &&Attempt| {
            receive_id.is_none() || attempt.receive_id.as_deref() == receive_id
        };
        max_in_any_span(forwards.filter(is_wanted), span)
    }

    /// The largest number of attempts to call one API in any half-open time span of this length.
    #[must_use]
    pub fn max_of_in_any_span(&self, api: Api, span: Duration) -> usize {
        max_in_any_span(self.of(api), span)
    }
}

impl Api {
    /// Whether the API forwards a message, several messages or a thread.
    fn is_forward(self) -> bool {
        matches!(self, Self::Forward | Self::MergeForward | Self::ThreadForward)
    }
}

fn max_in_any_span<'a>(attempts: impl Iterator<Item = &'a Attempt>, span: Duration) -> usize {
    let mut times: Vec<u64> = attempts.map(|attempt| attempt.at_ns).collect();
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
