//! What Feishu answers, and what a gateway hears of it.

use reqwest::header::{HeaderMap, HeaderValue};

use crate::feishu::error::CallError;
use crate::feishu::fake::FakeAnswer;

/// What a gateway has heard of a call.
pub(super) enum Heard {
    Accepted,
    /// Feishu refuses with this code, and names the seconds until the reset.
    Refused(i64, Option<u64>),
    Nothing,
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the fake's answers")]
pub(super) fn success(id: &str) -> FakeAnswer {
    Ok((200, HeaderMap::new(), format!(r#"{{"code":0,"data":{{"message_id":"{id}"}}}}"#)))
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the fake's answers")]
pub(super) fn refusal(code: i64, reset: Option<u64>) -> FakeAnswer {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = reset {
        headers.insert("x-ogw-ratelimit-reset", HeaderValue::from(seconds));
    }
    Ok((400, headers, format!(r#"{{"code":{code},"msg":"no"}}"#)))
}

/// What an answer says.
pub(super) fn heard(answer: &FakeAnswer) -> Heard {
    let Ok((_, headers, body)) = answer else { return Heard::Nothing };
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let reset = headers.get("x-ogw-ratelimit-reset").and_then(|it| it.to_str().ok()?.parse().ok());
    match body["code"].as_i64() {
        Some(0) if body["data"]["message_id"].is_string() => Heard::Accepted,
        Some(0) | None => Heard::Nothing,
        Some(code) => Heard::Refused(code, reset),
    }
}

pub(super) fn cut(is_stale: bool) -> CallError {
    CallError::Broken { cause: "cut".to_owned(), is_stale }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the fake's answers")]
pub(super) fn proxy() -> FakeAnswer {
    Ok((502, HeaderMap::new(), "<html>Bad Gateway</html>".to_owned()))
}
