//! The gateway behind the bridge.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

use super::mcp_message::ClientMessage;
use crate::model::tenant_key::TenantKey;
use crate::telemetry::metrics::VERSION;

/// The gateway that messages are passed on to.
pub(super) struct RemoteGateway {
    client: Client,
    url: Url,
    /// The revision that `initialize` agreed on, which later requests name in a header.
    negotiated: Mutex<Option<HeaderValue>>,
}

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const TENANT_KEY: HeaderName = HeaderName::from_static("x-tenant-key");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a whole answer. The longest wait of a tool is below a minute.
const TIMEOUT: Duration = Duration::from_secs(150);
/// Longest answer, and longest event of a stream, in bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// How much of a text that is no message is shown, in characters.
const SHOWN: usize = 300;

impl RemoteGateway {
    /// The gateway at this URL, for forwards in this tenant, if the key is for several. The error says what is wrong with the key or the URL, and never repeats them.
    pub(super) fn new(
        url: Url,
        key: &SecretString,
        tenant: Option<&TenantKey>,
    ) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("--url must start with https:// or http://".to_owned());
        }
        if key.expose_secret().is_empty() {
            return Err("the API key is empty".to_owned());
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
            .map_err(|_| "the API key contains characters that are never part of a key")?;
        bearer.set_sensitive(true);
        let agent = format!("feishu-forward-gateway/{VERSION} mcp");
        let headers = [
            (AUTHORIZATION, bearer),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
            (USER_AGENT, HeaderValue::try_from(agent).expect("a version fits into a header")),
        ];
        let mut headers = HeaderMap::from_iter(headers);
        if let Some(tenant) = tenant {
            let tenant = HeaderValue::from_str(tenant.as_str()).expect("letters fit into a header");
            headers.insert(TENANT_KEY, tenant);
        }
        crate::tls::use_ring();
        let client = Client::builder()
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| innermost(&error))?;
        Ok(Self { client, url, negotiated: Mutex::default() })
    }

    /// Passes a message on, and sends the lines that come back.
    pub(super) async fn pass_on(&self, message: ClientMessage, out: &mpsc::Sender<String>) {
        let request = self.client.post(self.url.clone());
        let request = request.headers(self.headers(&message)).body(message.to_json());
        let result = match request.send().await {
            Ok(response) => self.answered(&message, response, out).await,
            Err(error) => {
                Err((format!("The gateway does not answer: {}", innermost(&error)), None))
            }
        };
        if let Err((why, data)) = result
            && let Some(line) = message.failed(&why, data)
        {
            let _ = out.send(line).await;
        }
    }

    fn headers(&self, message: &ClientMessage) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, text: Option<&str>| {
            if let Some(value) = text.and_then(|it| HeaderValue::from_str(it).ok()) {
                headers.insert(name, value);
            }
        };
        set(METHOD, message.method());
        set(NAME, message.name());
        set(PROTOCOL_VERSION, message.version());
        let negotiated = self.negotiated.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(version) = negotiated
            && message.version().is_none()
            && message.method() != Some("initialize")
        {
            headers.insert(PROTOCOL_VERSION, version);
        }
        headers
    }

    /// Sends the lines of an answer. The error is for the client: in words, and as data.
    async fn answered(
        &self,
        message: &ClientMessage,
        mut response: Response,
        out: &mpsc::Sender<String>,
    ) -> Result<(), (String, Option<Value>)> {
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        if content_type.starts_with("text/event-stream") {
            return self.stream(message, &mut response, out).await;
        }
        let body = whole(&mut response).await.map_err(|why| (why, None))?;
        if status.is_success() && body.is_empty() {
            // A notification was taken in.
            return Ok(());
        }
        if content_type.starts_with("application/json") && self.line(message, &body, out).await {
            return Ok(());
        }
        Err(problem(status.as_u16(), &body))
    }

    async fn stream(
        &self,
        message: &ClientMessage,
        response: &mut Response,
        out: &mpsc::Sender<String>,
    ) -> Result<(), (String, Option<Value>)> {
        let cut = |error: reqwest::Error| {
            (format!("The gateway's answer was cut off: {}", innermost(&error)), None)
        };
        let mut events = EventParts::default();
        while let Some(part) = response.chunk().await.map_err(cut)? {
            for event in events.add(&part).ok_or(("An event is too long.".to_owned(), None))? {
                self.line(message, event.as_bytes(), out).await;
            }
        }
        Ok(())
    }

    /// Sends the line for this JSON. Whether it is JSON.
    async fn line(&self, message: &ClientMessage, json: &[u8], out: &mpsc::Sender<String>) -> bool {
        let Some((line, negotiated)) = message.line(&String::from_utf8_lossy(json)) else {
            return false;
        };
        if let Some(version) = negotiated.and_then(|it| HeaderValue::try_from(it).ok()) {
            let mut known = self.negotiated.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some(version);
        }
        let _ = out.send(line).await;
        true
    }
}

/// The events of a stream, put together from its parts.
#[derive(Default)]
struct EventParts {
    /// The line that has begun.
    line: Vec<u8>,
    /// The data of the event that has begun.
    data: String,
}

impl EventParts {
    /// The data of the events that end with this part. None if one is too long.
    fn add(&mut self, part: &[u8]) -> Option<Vec<String>> {
        let mut ended = Vec::new();
        for byte in part {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() + self.data.len() > LONGEST_ANSWER {
                    return None;
                }
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                if !self.data.is_empty() {
                    ended.push(std::mem::take(&mut self.data));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                // In JSON a line break between two lines of data is white space.
                self.data.push_str(data);
            }
        }
        Some(ended)
    }
}

async fn whole(response: &mut Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(part)) if body.len() + part.len() <= LONGEST_ANSWER => {
                body.extend_from_slice(&part);
            }
            Ok(Some(_)) => return Err("The gateway's answer is too long.".to_owned()),
            Ok(None) => return Ok(body),
            Err(error) => {
                return Err(format!("The gateway's answer was cut off: {}", innermost(&error)));
            }
        }
    }
}

/// What is wrong, from a problem of the gateway's or from what something else has answered in its place.
fn problem(status: u16, body: &[u8]) -> (String, Option<Value>) {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let part = |name: &str| problem[name].as_str().unwrap_or_default();
    let words = match (part("title"), part("detail"), part("remedy")) {
        ("", ..) => format!("The answer, with HTTP status {status}, is not from a gateway."),
        (title, detail, remedy) => format!("{title}. {detail} {remedy}"),
    };
    let words: String = words.chars().filter(|it| !it.is_control()).take(SHOWN).collect();
    (words, Some(json!({ "status": status, "code": part("code") })))
}

/// The innermost error, which says what went wrong with the connection, and not the URL.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_however_they_are_cut() {
        let stream = ": hi\r\n\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nid: 1\ndata:{}\n\ndata: {\"b\"";
        for size in [1, 2, 3, 7, stream.len()] {
            let mut events = EventParts::default();
            let parts = stream.as_bytes().chunks(size);
            let all: Vec<String> = parts.flat_map(|it| events.add(it).expect("short")).collect();
            assert_eq!(all, [" {\"a\": 1}", "{}"], "{size}");
        }
        let mut events = EventParts::default();
        assert!(events.add(&vec![b'x'; LONGEST_ANSWER + 1]).is_none());
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused_and_not_repeated() {
        let url = Url::parse("http://localhost/mcp").expect("a URL");
        for key in ["", "se\ncret", "secrét\u{0}"] {
            let refused = RemoteGateway::new(url.clone(), &SecretString::from(key), None).err();
            assert!(refused.is_some_and(|it| !it.contains("sec")), "{key:?}");
        }
    }
}
