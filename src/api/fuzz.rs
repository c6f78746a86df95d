//! What is promised of every request, and of every problem that is told, as checks.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::Uri;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;

use crate::api::auth::extractor::presented_key;
use crate::api::http::body::{Body, require_json};
use crate::api::input::headers::preferred_wait;
use crate::api::language::Language;
use crate::api::openapi::document::openapi_json;
use crate::api::problems::body::render;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::api::v1::forward::{ForwardSettings, order};
use crate::delivery::{ForwardError, Order, Past, TokenError};
use crate::feishu::codes;
use crate::feishu::error::CallError;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::idempotency_key::Uuids;

const MAX_WAIT: Duration = Duration::from_secs(5);
/// Stands for what a log must not hold. Nothing of the gateway's own words does.
const HIDDEN: &str = "hush";

/// Checks the request for the message and with the query in `target`, such as `om_1?uuid=2`.
pub(crate) fn request(target: &str, headers: &[(&[u8], &[u8])], body: &[u8]) {
    let (message, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(request) = post(query, headers) else {
        return;
    };
    assert_ne!(presented_key(request.headers()), Ok(""));
    match read(&request, message, body) {
        Ok(order) => accepted(&order),
        Err(problem) => refused(&problem, &request),
    }
}

/// None if it is no request of HTTP.
fn post(query: &str, headers: &[(&[u8], &[u8])]) -> Option<HttpRequest> {
    let uri = format!("/?{query}");
    uri.parse::<Uri>().ok()?;
    let request = TestRequest::post().uri(&uri);
    let headers = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    Some(headers.fold(request, TestRequest::append_header).to_http_request())
}

fn read(request: &HttpRequest, message: &str, body: &[u8]) -> Result<Order, Problem> {
    let settings = ForwardSettings {
        max_wait: MAX_WAIT,
        max_body: body.len(),
        body_timeout: MAX_WAIT,
        rate_limit_policy: HeaderValue::from_static(""),
    };
    let caller = Caller { name: "fuzz".into(), app: "main".into(), policy: Arc::default() };
    let uuids = Uuids::new(&SecretString::from("fuzz"));
    require_json(request.headers())?;
    let body = Body(Bytes::copy_from_slice(body));
    order(request, message, &body, &caller, &uuids, &settings).map(|(order, _)| order)
}

fn accepted(order: &Order) {
    let (message, receiver, uuid) = (order.message.as_str(), &order.receiver, order.uuid.as_str());
    assert!(message.starts_with("om_") && (4..=128).contains(&message.len()));
    assert!(message.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
    assert!((1..=256).contains(&receiver.id().chars().count()));
    assert!(!receiver.id().chars().any(|it| it.is_control() || it.is_whitespace() || it == ','));
    assert!(!receiver.id().contains("://"));
    assert!((1..=50).contains(&uuid.chars().count()));
    assert!(order.wait <= MAX_WAIT);
    let again = sent_again(order);
    assert_eq!((again.message, again.receiver), (order.message.clone(), receiver.clone()));
    assert_eq!(again.uuid, order.uuid);
}

/// The order that one gets who sends what the gateway would send to Feishu.
fn sent_again(order: &Order) -> Order {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("receive_id_type", order.receiver.kind().as_str())
        .append_pair("uuid", order.uuid.as_str())
        .finish();
    let request = post(&query, &[]).expect("a request");
    let body = serde_json::json!({ "receive_id": order.receiver.id() }).to_string();
    read(&request, order.message.as_str(), body.as_bytes()).expect("the same order")
}

fn refused(problem: &Problem, request: &HttpRequest) {
    let json = told(problem, Language::preferred_by(request));
    assert_eq!(json["outcome"], "not_delivered");
    assert!(is_short(&json["detail"], 512));
    if json["code"] == "unsupported_media_type" {
        return;
    }
    assert_eq!(json["code"], "invalid_request");
    let mistakes = json["errors"].as_array().expect("mistakes");
    assert!((1..=20).contains(&mistakes.len()));
    assert!(mistakes.iter().all(|it| is_short(&it["field"], 64) && is_short(&it["detail"], 256)));
}

/// A caller must not make an answer as long as they like.
fn is_short(text: &Value, most: usize) -> bool {
    (1..=most).contains(&text.as_str().expect("text").chars().count())
}

/// Checks what becomes of a forward, and of a call for a token, that failed with `error`.
pub(crate) fn failed(error: &CallError) {
    let problem = |error| Problem::of_forward(&error, DedupKey::generate(), Past::NothingOut);
    let without_token = ForwardError::NoToken(TokenError {
        error: Arc::new(error.clone()),
        call_at: Duration::ZERO,
    });
    let json = told(&problem(without_token), Language::Chinese);
    assert_eq!(json["outcome"], "not_delivered");
    let json = told(&problem(ForwardError::Failed(error.clone())), Language::English);
    assert!(json["outcome"] == "unknown" || is_sure(error));
    if let CallError::Refused(refusal) = error {
        assert_eq!(json["feishu"]["code"], refusal.code);
    }
}

/// Whether it was Feishu that refused, and not a server that may have failed half-way.
fn is_sure(error: &CallError) -> bool {
    let CallError::Refused(refusal) = error else {
        return false;
    };
    refusal.http_status < 500 || codes::find(refusal.code).is_some()
}

/// The problem as it is told, with the members that are documented and no others.
fn told(problem: &Problem, language: Language) -> Value {
    static DOCUMENTED: LazyLock<Value> = LazyLock::new(|| {
        let document: Value =
            serde_json::from_str(&openapi_json(&PublicUrl::default())).expect("JSON");
        document["components"]["schemas"]["Problem"].clone()
    });
    assert!(problem.for_log().is_none_or(|line| !line.contains(HIDDEN)));
    let written = render(problem, "/", "1", language, &PublicUrl::default());
    assert!(written.iter().all(|byte| *byte >= b' '), "a control character as it is");
    let json: Value = serde_json::from_slice(&written).expect("JSON");
    let required = DOCUMENTED["required"].as_array().expect("names");
    assert!(required.iter().all(|name| !json[name.as_str().expect("a name")].is_null()));
    let members = json.as_object().expect("an object");
    assert!(members.keys().all(|name| !DOCUMENTED["properties"][name].is_null()));
    assert!(members.values().all(|value| !value.is_null()));
    json
}

/// Checks what is read from a header `Prefer`.
pub(crate) fn prefer(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else {
        return;
    };
    let wait =
        |value| preferred_wait(&HeaderMap::from_iter([(HeaderName::from_static("prefer"), value)]));
    let names_wait = value.as_bytes().to_ascii_lowercase().windows(4).any(|it| it == b"wait");
    match wait(value) {
        Ok(None) => {}
        Ok(Some(seconds)) => {
            let plain = HeaderValue::try_from(format!("wait={}", seconds.as_secs()));
            assert_eq!(wait(plain.expect("a header")), Ok(Some(seconds)));
            assert!(names_wait && seconds.subsec_nanos() == 0);
        }
        Err(_) => assert!(names_wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_is_accepted_so_that_what_is_accepted_is_checked() {
        let request = post("uuid=1", &[]).expect("a request");
        assert!(read(&request, "om_1", br#"{"receive_id":"oc_1"}"#).is_ok());
    }
}
