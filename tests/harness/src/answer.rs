//! What the gateway answers, and what holds for every problem.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::guarded;

/// An answer that has come whole.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// Sends the request and reads the whole answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = guarded(request.send()).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = guarded(response.bytes()).await.expect("a whole body").to_vec();
        Self { status, headers, body }
    }

    /// A header, if it is there. It must not be there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().expect("a header of visible characters");
        assert!(values.next().is_none(), "more than one header {name}: {self:?}");
        Some(value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The id of the new message. The forward must have succeeded.
    pub fn message_id(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        let message = self.json();
        message["message_id"].as_str().expect("the new message's id").to_owned()
    }

    /// The id of the new message of a merge. It must have succeeded.
    pub fn merged_id(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        let data = self.json();
        data["message"]["message_id"].as_str().expect("the new message's id").to_owned()
    }

    /// The problem in the body, which must have this status, code and outcome. What every problem has must be
    /// there too, in the body and in the headers.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str, outcome: &str) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem:#}");
        assert_eq!(self.status, status, "{problem:#}");
        assert_eq!(problem["outcome"], outcome, "{problem:#}");
        assert_eq!(problem["status"], status, "{problem:#}");
        assert_eq!(problem["type"], format!("/problems/{code}"));
        for member in ["title", "detail", "instance", "remedy", "request_id"] {
            let is_there = problem[member].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_there, "{member} in {problem:#}");
        }
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        let trace_id = problem["trace_id"].as_str().unwrap_or_default();
        let is_hex = trace_id.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        assert!(trace_id.len() == 32 && is_hex, "{problem:#}");
        assert!(problem["retryable"].is_boolean(), "{problem:#}");
        let fix_by = problem["fix_by"].as_str().unwrap_or_default();
        let known = ["caller", "receiver", "chat_admin", "tenant_admin", "operator", "nobody"];
        assert!(known.contains(&fix_by), "{problem:#}");
        self.check_headers(status);
        problem
    }

    #[track_caller]
    fn check_headers(&self, status: u16) {
        let retry_after = self.header("retry-after").map(str::parse::<u64>);
        match status {
            429 | 503 => assert!(matches!(retry_after, Some(Ok(1..))), "{retry_after:?}"),
            _ => assert_eq!(retry_after, None, "{self:?}"),
        }
        assert_eq!(self.header("www-authenticate").is_some(), status == 401, "{self:?}");
        assert_eq!(self.header("allow").is_some(), status == 405, "{self:?}");
        assert!(matches!(self.header("content-language"), Some("en" | "zh")), "{self:?}");
    }

    /// The names of the fields that an `invalid_request` finds wrong, in order, one for each mistake.
    #[track_caller]
    pub fn wrong_fields(&self) -> Vec<String> {
        let problem = self.problem(400, "invalid_request", "not_delivered");
        let errors = problem["errors"].as_array().expect("errors");
        let field = |error: &Value| {
            assert!(error["detail"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
            error["field"].as_str().expect("a field").to_owned()
        };
        errors.iter().map(field).collect()
    }
}
