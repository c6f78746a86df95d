//! Checks of properties that must hold for every answer of Feishu and for every request that it pushes, for the fuzz
//! targets `answer` and `event`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::value::RawValue;

use super::error::{CallError, Forwarded};
use super::events::{Event, EventSignature, ExpectedApp, decode};
use super::lenient;
use super::wire::Answer;

/// The verification token of the app that the checked requests are pushed to.
const VERIFICATION_TOKEN: &str = "41a9425ea7df4536a7623e38fa321bae";

/// Checks how an answer to a forward is read, and returns the result.
pub(crate) fn forwarded(
    status: StatusCode,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Result<Forwarded, CallError> {
    let result = answer(status, headers, body).forwarded();
    match &result {
        Ok(forwarded) => {
            assert_eq!(code(body), Some(0));
            assert!(short(&forwarded.message_id) && short_log_id(forwarded.log_id.as_deref()));
            // This second parser is strict. It may refuse the object for members that the gateway does not read.
            if let Some(message_id) = message_id(&forwarded.data).filter(|it| short(it)) {
                assert!(message_id.starts_with(forwarded.message_id.trim_end_matches('…')));
            }
        }
        Err(error) => failed(error, status, body),
    }
    result
}

/// Checks how an answer to a call for a tenant token is read.
pub(crate) fn token(status: StatusCode, headers: &[(&[u8], &[u8])], body: &[u8]) {
    match answer(status, headers, body).token() {
        Ok(token) => {
            assert_eq!(code(body), Some(0));
            assert!(token.tenant_access_token.len() <= 4096);
        }
        Err(error) => failed(&error, status, body),
    }
}

fn answer(status: StatusCode, headers: &[(&[u8], &[u8])], body: &[u8]) -> Answer {
    let header = |(name, value): &(&[u8], &[u8])| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let headers: HeaderMap = headers.iter().filter_map(header).collect();
    Answer::new(status, headers, Bytes::copy_from_slice(body))
}

fn failed(error: &CallError, status: StatusCode, body: &[u8]) {
    assert!(short_log_id(error.log_id()));
    match error {
        CallError::Refused(refusal) => {
            assert_ne!(refusal.code, 0);
            assert_eq!(code(body), Some(refusal.code));
            assert_eq!(refusal.http_status, status.as_u16());
            assert!(refusal.reset.is_none_or(|it| it <= Duration::from_mins(1)));
            assert!(short(&refusal.msg) && refusal.fields.len() <= 20);
            assert!(refusal.fields.iter().all(|it| short(&it.field) && short(&it.description)));
            let link = refusal.troubleshooter.as_deref();
            assert!(link.is_none_or(|it| it.len() <= 1000 && it.starts_with("http")));
        }
        CallError::Unreadable { http_status, .. } => assert_eq!(*http_status, status.as_u16()),
        CallError::Connect(_) | CallError::TimedOut { .. } | CallError::Broken { .. } => {
            panic!("an answer was there: {error}")
        }
    }
}

/// The member `code` of the JSON object `body`.
fn code(body: &[u8]) -> Option<i64> {
    // Strings that the gateway does not read may hold invalid UTF-8.
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let [code] = lenient::members(text, ["code"])?;
    lenient::whole_number(code?)
}

/// The member `message_id` of the JSON object `message`.
fn message_id(message: &[u8]) -> Option<String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(message).ok()?;
    serde_json::from_str(members.get("message_id")?.get()).ok()
}

/// Whether a text is short and clean enough to appear in answers and logs unchanged.
fn short(text: &str) -> bool {
    text.chars().count() <= 1001 && lenient::line(text, 1001) == text
}

fn short_log_id(id: Option<&str>) -> bool {
    id.is_none_or(|id| id.len() <= 128 && id.bytes().all(|it| it.is_ascii_graphic()))
}

/// Checks how a pushed request is read: by an app with an Encrypt Key and by one without.
pub(crate) fn pushed(headers: &[(&[u8], &[u8])], body: &[u8]) {
    let now = Timestamp::UNIX_EPOCH + Duration::from_hours(500_000);
    let header = |name: &str| {
        let is_named = |it: &&(&[u8], &[u8])| it.0.eq_ignore_ascii_case(name.as_bytes());
        headers.iter().find(is_named).map_or(&b""[..], |it| it.1)
    };
    let signature = EventSignature {
        timestamp: header("x-lark-request-timestamp"),
        nonce: header("x-lark-request-nonce"),
        signature: header("x-lark-signature"),
    };
    let signature = Some(signature).filter(|it| !it.signature.is_empty());
    let plain = ExpectedApp {
        app_id: "cli_xxx".into(),
        encrypt_key: None,
        verification_token: Some(VERIFICATION_TOKEN.into()),
    };
    let encrypted = ExpectedApp { encrypt_key: Some("test key".into()), ..plain.clone() };
    let by_both = [&plain, &encrypted].map(|app| decode(app, signature, body, now));
    assert!(by_both.iter().any(Result::is_err), "a body is either plain or encrypted");
    let [plain, encrypted] = &by_both;
    if plain.is_ok() {
        // Escapes may hide it from this search.
        let token = VERIFICATION_TOKEN.as_bytes();
        assert!(body.contains(&b'\\') || body.windows(token.len()).any(|it| it == token));
    }
    for event in by_both.iter().flatten() {
        match event {
            Event::AddressCheck { challenge } => assert!(challenge.len() <= 1024),
            Event::AppTicket { ticket, .. } => {
                assert!(ticket.sent_at <= now);
                assert!((1..=4096).contains(&ticket.ticket.expose_secret().len()));
            }
            Event::Other { event_type, .. } => {
                assert!(
                    event_type.chars().count() <= 101
                        && lenient::line(event_type, 101) == *event_type
                );
            }
        }
    }
    let needs_no_signature = matches!(encrypted, Err(_) | Ok(Event::AddressCheck { .. }));
    assert!(signature.is_some() || needs_no_signature);
}
