//! What is promised of every answer of Feishu's, as checks.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use super::error::{CallError, Forwarded};
use super::wire::Answer;

/// Checks the answer to a forward, and gives what is read from it.
pub(crate) fn forwarded(
    status: StatusCode,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Result<Forwarded, CallError> {
    let result = answer(status, headers, body).forwarded();
    match &result {
        Ok(forwarded) => {
            assert_eq!(code(body), Some(0));
            assert_eq!(message_id(&forwarded.message), Some(forwarded.message_id.clone()));
        }
        Err(error) => failed(error, status, body),
    }
    result
}

/// Checks the answer to a call for a tenant token.
pub(crate) fn token(status: StatusCode, headers: &[(&[u8], &[u8])], body: &[u8]) {
    match answer(status, headers, body).token() {
        Ok(_) => assert_eq!(code(body), Some(0)),
        Err(error) => failed(&error, status, body),
    }
}

fn answer(status: StatusCode, headers: &[(&[u8], &[u8])], body: &[u8]) -> Answer {
    let header = |(name, value): &(&[u8], &[u8])| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let headers: HeaderMap = headers.iter().filter_map(header).collect();
    Answer { status, headers, body: Bytes::copy_from_slice(body) }
}

fn failed(error: &CallError, status: StatusCode, body: &[u8]) {
    match error {
        CallError::Refused(refusal) => {
            assert_ne!(refusal.code, 0);
            assert_eq!(code(body), Some(refusal.code));
            assert_eq!(refusal.http_status, status.as_u16());
        }
        CallError::Unreadable { http_status, .. } => assert_eq!(*http_status, status.as_u16()),
        CallError::Connect(_) | CallError::TimedOut | CallError::Broken(_) => {
            panic!("an answer was there: {error}")
        }
    }
}

/// The code in the JSON object that `body` is.
fn code(body: &[u8]) -> Option<i64> {
    // What nobody reads may be anything between its quotes.
    let text = String::from_utf8_lossy(body);
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(&text).ok()?;
    members.get("code")?.get().parse().ok()
}

/// The id in the JSON object that `message` is.
fn message_id(message: &[u8]) -> Option<String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(message).ok()?;
    serde_json::from_str(members.get("message_id")?.get()).ok()
}
