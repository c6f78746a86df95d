//! Calls of Feishu's API whose whole answer matters: status, headers and code. They are made by the gateway's own HTTP
//! client, once each, with a time limit.

use std::cell::Cell;
use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::{Method, Request};
use serde_json::Value;
use url::Url;

use crate::clock::{Clock, Elapsed};
use crate::feishu::{self, options::Options};

/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 256 << 10;
/// Longest text of Feishu's that is shown, in characters.
const SHOWN: usize = 300;

/// Makes calls, and counts them.
pub(super) struct Caller {
    client: reqwest::Client,
    base_url: Url,
    clock: Clock,
    timeout: Duration,
    made: Cell<u32>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) status: u16,
    /// By the header `Date`.
    pub(super) date: Option<Timestamp>,
    /// `x-ogw-ratelimit-limit` and `x-ogw-ratelimit-reset`.
    pub(super) limit: Option<u32>,
    pub(super) reset: Option<u32>,
    /// `null` if it is not JSON.
    pub(super) body: Value,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The server's certificate is not trusted, or there is no TLS.
    Tls(rustls::Error),
    /// Anything else.
    Failed(String),
    TimedOut,
}

impl Caller {
    /// Fails if the machine's TLS roots cannot be read.
    pub(super) fn new(options: &Options, clock: &Clock) -> reqwest::Result<Self> {
        Ok(Self {
            client: feishu::http_client(options)?,
            base_url: options.base_url.clone(),
            clock: clock.clone(),
            timeout: options.attempt_timeout,
            made: Cell::new(0),
        })
    }

    /// The calls of Feishu's API so far.
    pub(super) fn made(&self) -> u32 {
        self.made.get()
    }

    /// Counts a call.
    pub(super) fn count(&self) {
        self.made.set(self.made.get() + 1);
    }

    /// The URL of an API below `/open-apis/`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("open-apis").extend(path.split('/'));
        }
        url
    }

    /// Asks the server for a page that is no API, so that no quota counts it.
    pub(super) async fn ask_nothing(&self) -> Result<RawAnswer, NoAnswer> {
        self.send(Request::new(Method::GET, self.url(""))).await
    }

    /// Gets something with a token.
    pub(super) async fn get(&self, path: &str, token: &HeaderValue) -> Result<RawAnswer, NoAnswer> {
        self.call(Method::GET, self.url(path), Some(token), None).await
    }

    /// Posts a body, with a token if the API takes one.
    pub(super) async fn post(
        &self,
        url: Url,
        token: Option<&HeaderValue>,
        body: &Value,
    ) -> Result<RawAnswer, NoAnswer> {
        self.call(Method::POST, url, token, Some(body)).await
    }

    async fn call(
        &self,
        method: Method,
        url: Url,
        token: Option<&HeaderValue>,
        body: Option<&Value>,
    ) -> Result<RawAnswer, NoAnswer> {
        let mut request = Request::new(method, url);
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        self.count();
        self.send(request).await
    }

    async fn send(&self, request: Request) -> Result<RawAnswer, NoAnswer> {
        let until = self.clock.now() + self.timeout;
        match self.clock.timeout_at(until, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(Elapsed) => Err(NoAnswer::TimedOut),
        }
    }

    async fn exchange(&self, request: Request) -> Result<RawAnswer, NoAnswer> {
        let failed = |error: reqwest::Error| no_answer(&error);
        let mut response = self.client.execute(request).await.map_err(failed)?;
        let (status, headers) =
            (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LONGEST_ANSWER {
                return Err(NoAnswer::Failed("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&part);
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
        Ok(RawAnswer {
            status,
            date: text(&headers, DATE.as_str()).and_then(date),
            limit: text(&headers, "x-ogw-ratelimit-limit").and_then(|it| it.parse().ok()),
            reset: text(&headers, "x-ogw-ratelimit-reset").and_then(|it| it.parse().ok()),
            body: serde_json::from_slice(body).unwrap_or_default(),
        })
    }
}

impl RawAnswer {
    /// Feishu's result code. None if the answer is not one of Feishu's.
    pub(super) fn code(&self) -> Option<i64> {
        self.body["code"].as_i64()
    }

    /// Feishu's text, in one line.
    pub(super) fn msg(&self) -> String {
        feishu::one_line(self.body["msg"].as_str().unwrap_or_default(), SHOWN)
    }
}

impl NoAnswer {
    /// What happened, in one line.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Tls(error) => feishu::one_line(&error.to_string(), SHOWN),
            Self::Failed(cause) => cause.clone(),
            Self::TimedOut => "no answer in time".to_owned(),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(error) = tls_error(cause) {
            return NoAnswer::Tls(error.clone());
        }
        match cause.source() {
            Some(source) => cause = source,
            None => return NoAnswer::Failed(feishu::one_line(&cause.to_string(), SHOWN)),
        }
    }
}

/// The error of TLS that an error is, or that an error of the system holds: `source` skips that one.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    tls_error(error.downcast_ref::<io::Error>()?.get_ref()?)
}
