//! The test harness: a simulator with a manual clock, and a client for it.

use std::sync::Arc;
use std::time::Duration;

use feishu_simulator::{Api, Options, Settings, Simulator};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub(crate) const APP: &str = "cli_simulator";
pub(crate) const SECRET: &str = "simulator-secret";
pub(crate) const TENANT_TOKEN: &str = "/open-apis/auth/v3/tenant_access_token/internal";
pub(crate) const FORWARD: &str = "/open-apis/im/v1/messages/om_1/forward?receive_id_type=chat_id";
pub(crate) const MERGE: &str = "/open-apis/im/v1/messages/merge_forward?receive_id_type=chat_id";
pub(crate) const THREAD: &str = "/open-apis/im/v1/threads/omt_1/forward?receive_id_type=chat_id";

/// The three APIs that forward something, each with a path that [`Feishu::forward_by`] takes.
pub(crate) const FORWARD_APIS: [(Api, &str); 3] =
    [(Api::Forward, FORWARD), (Api::MergeForward, MERGE), (Api::ThreadForward, THREAD)];

pub(crate) struct Feishu {
    pub(crate) simulator: Simulator,
    client: reqwest::Client,
}

/// An answer with its complete body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Feishu {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        let clock = Arc::new(|| Duration::ZERO);
        let options = Options { clock, settings, ..Options::default() };
        Self::of(Simulator::start(options).await.unwrap())
    }

    pub(crate) fn of(simulator: Simulator) -> Self {
        Self { simulator, client: client() }
    }

    /// Moves the clock forward. Time passes in no other way.
    pub(crate) fn pass(&self, time: Duration) {
        self.simulator.advance_clock(time);
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.simulator.url()))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        reply(self.request(Method::POST, path).json(body)).await
    }

    /// The app's token, and its remaining lifetime in seconds.
    pub(crate) async fn token(&self) -> (String, u64) {
        let reply = self.post(TENANT_TOKEN, &json!({"app_id": APP, "app_secret": SECRET})).await;
        let body = reply.json();
        (body["tenant_access_token"].as_str().unwrap().to_owned(), body["expire"].as_u64().unwrap())
    }

    /// A request with a valid token and this body.
    pub(crate) async fn authorized(&self, path: &str, body: &Value) -> RequestBuilder {
        let (token, _) = self.token().await;
        self.request(Method::POST, path).bearer_auth(token).json(body)
    }

    /// Forwards `om_1` to a chat.
    pub(crate) async fn forward(&self, chat_id: &str) -> Reply {
        reply(self.authorized(FORWARD, &json!({"receive_id": chat_id})).await).await
    }

    /// Forwards something to a chat with any of the three APIs. A merge has the one message `om_1`.
    pub(crate) async fn forward_by(&self, path: &str, chat_id: &str) -> Reply {
        let body = json!({"receive_id": chat_id, "message_id_list": ["om_1"]});
        reply(self.authorized(path, &body).await).await
    }

    /// Merges messages and forwards them to a chat.
    pub(crate) async fn merge(&self, message_ids: &[&str]) -> Reply {
        let body = json!({"receive_id": "oc_1", "message_id_list": message_ids});
        reply(self.authorized(MERGE, &body).await).await
    }

    /// Forwards `om_1` to a chat with a uuid.
    pub(crate) async fn forward_once(&self, chat_id: &str, uuid: &str) -> Reply {
        let path = format!("{FORWARD}&uuid={uuid}");
        reply(self.authorized(&path, &json!({"receive_id": chat_id})).await).await
    }

    /// Forwards `om_1` to a receiver of any type.
    pub(crate) async fn forward_to(&self, receive_id_type: &str, receive_id: &str) -> Reply {
        let path =
            format!("/open-apis/im/v1/messages/om_1/forward?receive_id_type={receive_id_type}");
        reply(self.authorized(&path, &json!({"receive_id": receive_id})).await).await
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    pub(crate) fn msg(&self) -> String {
        self.json()["msg"].as_str().unwrap().to_owned()
    }

    /// The new message. The answer to a merge has it one level lower.
    pub(crate) fn message(&self) -> Value {
        let data = &self.json()["data"];
        data.get("message").unwrap_or(data).clone()
    }

    /// The id of the new message.
    pub(crate) fn message_id(&self) -> String {
        self.message()["message_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    /// The HTTP status and the code.
    pub(crate) fn verdict(&self) -> (u16, i64) {
        (self.status, self.code())
    }
}

/// Sends a request and reads the answer.
pub(crate) async fn reply(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, text: response.text().await.unwrap() }
}

/// An HTTP client. In a build of the whole workspace reqwest has TLS, and then needs a provider of cryptography.
pub(crate) fn client() -> reqwest::Client {
    // In a build of the whole workspace reqwest has TLS, and then it needs a cryptography provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
