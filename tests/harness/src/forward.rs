//! One request to forward a message, several or a thread, as a caller writes it.

use actix_web::rt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinHandle;

use crate::Answer;

/// A forward to be sent.
pub struct Forward {
    http: reqwest::Client,
    api: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Forward {
    pub(crate) fn new(http: reqwest::Client, api: &str, key: &str, body: String) -> Self {
        let forward = Self {
            http,
            api: api.to_owned(),
            path: String::new(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        forward
            .message("om_1")
            .header("x-api-key", key)
            .header(CONTENT_TYPE.as_str(), "application/json")
    }

    /// Forwards this message. The text goes into the path unchanged.
    pub fn message(self, message_id: &str) -> Self {
        self.path(&format!("/v1/messages/{message_id}/forward"))
    }

    /// To this path, unchanged.
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// With this query, unchanged.
    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// With this header, in place of the one that was there.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value = HeaderValue::try_from(value).expect("a header's value");
        self.headers.insert(HeaderName::try_from(name).expect("a header's name"), value);
        self
    }

    /// Without this header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// With this body, unchanged.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Over a connection of its own.
    pub fn over_a_new_connection(mut self) -> Self {
        self.http = crate::setup::client();
        self
    }

    /// Sends it and waits for the answer.
    pub async fn send(self) -> Answer {
        Answer::of(self.request()).await
    }

    /// Sends it in a task. To abort the task is to hang up.
    pub fn spawn(self) -> JoinHandle<Answer> {
        rt::spawn(self.send())
    }

    fn request(self) -> reqwest::RequestBuilder {
        let Self { http, api, path, query, headers, body } = self;
        let question_mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{api}{path}{question_mark}{query}");
        http.post(url).headers(headers).body(body)
    }
}
