//! A request to Feishu's API, with the values that the simulator reads from it.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::connections::Connection;
use crate::cut::Cut;
use crate::ledger::Api;

/// The largest size of a request body in bytes. The connection is closed on a larger one (guess: Feishu's limit is
/// unknown).
const MAX_BODY: usize = 1024 * 1024;

/// A request.
pub(crate) struct Call {
    pub(crate) connection: Connection,
    pub(crate) api: Api,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The body as JSON, or `None` if it is not JSON. `Content-Type` does not matter, because one official SDK does
    /// not send it.
    pub(crate) json: Option<Value>,
    /// The message in the path.
    pub(crate) message_id: Option<String>,
    /// The strings in the list of messages to merge.
    pub(crate) message_ids: Vec<String>,
    /// The thread in the path.
    pub(crate) thread_id: Option<String>,
    /// The receiver in the body, or the chat in the path.
    pub(crate) receive_id: Option<String>,
    pub(crate) receive_id_type: Option<String>,
    pub(crate) uuid: Option<String>,
}

impl Call {
    /// Reads a request and its body.
    pub(crate) async fn read(
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Self, Cut> {
        let (head, body) = request.into_parts();
        let body =
            Limited::new(body, MAX_BODY).collect().await.map_err(|_| Cut::Closed)?.to_bytes();
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let (api, id) = route(&head.method, &path);
        let (mut message_id, mut thread_id, mut chat_id) = (None, None, None);
        match api {
            Api::ThreadForward => thread_id = id,
            Api::IsInChat => chat_id = id,
            _ => message_id = id,
        }
        let message_ids = match &json {
            Some(body) if api == Api::MergeForward => texts(body, "message_id_list"),
            _ => Vec::new(),
        };
        Ok(Self {
            connection,
            api,
            method: head.method.to_string(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
            message_id,
            message_ids,
            thread_id,
            receive_id: text(json.as_ref(), "receive_id").map(str::to_owned).or(chat_id),
            receive_id_type: parameter(&query, "receive_id_type"),
            uuid: parameter(&query, "uuid"),
            json,
            path,
            query,
        })
    }

    /// A member of the JSON body, if it is a string.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        text(self.json.as_ref(), member)
    }

    /// The app id in the body of a token call.
    pub(crate) fn app_id(&self) -> Option<&str> {
        self.text("app_id")
    }

    /// The first header with this name, which must be in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The API of a path, and the id of a message, of a thread or of a chat in it. A trailing slash does not matter.
fn route(method: &Method, path: &str) -> (Api, Option<String>) {
    let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').skip(1).collect();
    match segments[..] {
        ["open-apis", "bot", "v3", "info"] if method == Method::GET => (Api::BotInfo, None),
        ["open-apis", "application", "v6", "scopes"] if method == Method::GET => {
            (Api::Scopes, None)
        }
        ["open-apis", "im", "v1", "chats", chat_id, "members", "is_in_chat"]
            if method == Method::GET =>
        {
            (Api::IsInChat, Some(decoded(chat_id)))
        }
        _ if method != Method::POST => (Api::Unknown, None),
        ["open-apis", "auth", "v3", "tenant_access_token", "internal"] => {
            (Api::TenantAccessToken, None)
        }
        ["open-apis", "auth", "v3", "app_access_token", "internal"] => (Api::AppAccessToken, None),
        ["open-apis", "auth", "v3", "app_access_token"] => (Api::StoreAppAccessToken, None),
        ["open-apis", "auth", "v3", "tenant_access_token"] => (Api::StoreTenantAccessToken, None),
        ["open-apis", "auth", "v3", "app_ticket", "resend"] => (Api::AppTicketResend, None),
        ["open-apis", "im", "v1", "messages", message_id, "forward"] => {
            (Api::Forward, Some(decoded(message_id)))
        }
        ["open-apis", "im", "v1", "messages", "merge_forward"] => (Api::MergeForward, None),
        ["open-apis", "im", "v1", "threads", thread_id, "forward"] => {
            (Api::ThreadForward, Some(decoded(thread_id)))
        }
        _ => (Api::Unknown, None),
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn parameter(query: &str, wanted: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}

fn text<'a>(json: Option<&'a Value>, member: &str) -> Option<&'a str> {
    json?.get(member)?.as_str()
}

/// The strings in a list of the JSON body.
fn texts(json: &Value, member: &str) -> Vec<String> {
    let list = json.get(member).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
