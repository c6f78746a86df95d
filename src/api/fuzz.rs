//! What holds for every request and for every problem that is answered, as checks for `fuzz/` and the tests.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::Uri;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;

use crate::api::auth::extractor::presented_key;
use crate::api::broadcasting::input::{BroadcastInput, ParsedBroadcast};
use crate::api::dialect::Dialect;
use crate::api::http::body::require_json;
use crate::api::input::forward::ForwardInput;
use crate::api::input::headers::preferred_wait;
use crate::api::input::source::Source;
use crate::api::language::Language;
use crate::api::openapi::document::openapi_json;
use crate::api::problems::body::{Occurrence, render};
use crate::api::problems::forward_failure::problem_of_forward;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::broadcasts::BroadcastRequest;
use crate::delivery::{ForwardError, ForwardRequest, PriorAttempts, TokenError};
use crate::feishu::codes;
use crate::feishu::error::CallError;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::idempotency_key::UuidMaker;
use crate::model::share::{Budget, Weight};

pub(crate) use crate::api::mcp::fuzz::arguments;

const MAX_WAIT: Duration = Duration::from_secs(5);
const MOST_RECEIVERS: u32 = 5;
/// A word for what a log must not hold. No text of the gateway itself has it.
const HIDDEN: &str = "hush";

/// Checks the request for the message and with the query in `target`, such as `om_1?uuid=2`.
pub(crate) fn request(target: &str, headers: &[(&[u8], &[u8])], body: &[u8]) {
    let (message, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(request) = post(query, headers) else {
        return;
    };
    assert_ne!(presented_key(request.headers()), Ok(""));
    for source in [Source::Message(message), Source::Merged, Source::Thread(message)] {
        match read(&request, source, body) {
            Ok(forward_request) => accepted(&forward_request),
            Err(problem) => refused(&problem, &request),
        }
    }
    let (query, headers, most) = (request.query_string(), request.headers(), MOST_RECEIVERS);
    let caller = Ok(caller());
    match (BroadcastInput { caller, message_id: message, query, headers, body, most }).parse() {
        Ok(ParsedBroadcast { request, .. }) => broadcast_accepted(&request),
        Err(problem) => broadcast_refused(&problem, &request),
    }
}

fn broadcast_accepted(request: &BroadcastRequest) {
    assert!(is_id(request.message.as_str(), "om_"));
    assert!((1..=MOST_RECEIVERS as usize).contains(&request.receivers.len()));
    let different: HashSet<_> = request.receivers.iter().collect();
    assert_eq!(different.len(), request.receivers.len());
    assert!((60..=7 * 86_400).contains(&request.expires_in.as_secs()));
}

fn broadcast_refused(problem: &Problem, request: &HttpRequest) {
    let json = written(problem, Language::preferred_by(request));
    assert!(is_short(&json["detail"], 768));
    if json["code"] == "idempotency_key_missing" {
        return;
    }
    assert_eq!(json["code"], "invalid_request");
    let mistakes = json["errors"].as_array().expect("mistakes");
    assert!((1..=101).contains(&mistakes.len()));
    assert!(mistakes.iter().all(|it| is_short(&it["field"], 96) && is_short(&it["detail"], 256)));
}

/// A request with this query and these headers. None if HTTP has no such request.
fn post(query: &str, headers: &[(&[u8], &[u8])]) -> Option<HttpRequest> {
    let uri = format!("/?{query}");
    uri.parse::<Uri>().ok()?;
    let request = TestRequest::post().uri(&uri);
    let headers = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    Some(headers.fold(request, TestRequest::append_header).to_http_request())
}

pub(super) fn caller() -> Caller {
    Caller {
        name: "fuzz".into(),
        app: "main".into(),
        tenant: None,
        policy: Arc::default(),
        weight: Weight::ONE,
        budget: Budget::default(),
    }
}

fn read(request: &HttpRequest, source: Source<'_>, body: &[u8]) -> Result<ForwardRequest, Problem> {
    let uuids = UuidMaker::new(&SecretString::from("fuzz"));
    require_json(request.headers())?;
    let (query, headers) = (request.query_string(), request.headers());
    let dialect = Dialect::Gateway;
    let input = ForwardInput { source, dialect, query, headers, body, is_async: false };
    let parsed =
        input.parse("1".into(), Ok(caller()), &uuids, MAX_WAIT).map_err(Problem::invalid)?;
    Ok(parsed.forward_request)
}

fn accepted(forward_request: &ForwardRequest) {
    let (receiver, uuid) = (&forward_request.receiver, forward_request.uuid.as_str());
    match &forward_request.forward {
        Forward::Message(id) => assert!(is_id(id.as_str(), "om_")),
        Forward::Thread(id) => assert!(is_id(id.as_str(), "omt_")),
        Forward::Merged(messages) => {
            assert!((1..=100).contains(&messages.ids().len()));
            assert!(messages.ids().iter().all(|id| is_id(id.as_str(), "om_")));
            let different: HashSet<_> = messages.ids().iter().collect();
            assert_eq!(different.len(), messages.ids().len());
        }
    }
    assert!((1..=256).contains(&receiver.id().chars().count()));
    assert!(!receiver.id().chars().any(|it| it.is_control() || it.is_whitespace() || it == ','));
    assert!(!receiver.id().contains("://"));
    assert!((1..=50).contains(&uuid.chars().count()));
    assert!(forward_request.wait <= MAX_WAIT);
    let again = sent_again(forward_request);
    assert_eq!(
        (again.forward, again.receiver),
        (forward_request.forward.clone(), receiver.clone())
    );
    assert_eq!(again.uuid, forward_request.uuid);
}

fn is_id(id: &str, prefix: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    id.starts_with(prefix)
        && (prefix.len() + 1..=128).contains(&id.len())
        && id.bytes().all(is_known)
}

/// The request of a caller that sends what the gateway sends to Feishu for `forward_request`.
fn sent_again(forward_request: &ForwardRequest) -> ForwardRequest {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("receive_id_type", forward_request.receiver.kind().as_str())
        .append_pair("uuid", forward_request.uuid.as_str())
        .finish();
    let request = post(&query, &[]).expect("a request");
    let ForwardRequest { forward, receiver, .. } = forward_request;
    let source = match forward {
        Forward::Message(id) => Source::Message(id.as_str()),
        Forward::Merged(_) => Source::Merged,
        Forward::Thread(id) => Source::Thread(id.as_str()),
    };
    let body = serde_json::to_vec(&forward.body(receiver)).expect("JSON");
    read(&request, source, &body).expect("the same request")
}

fn refused(problem: &Problem, request: &HttpRequest) {
    let json = written(problem, Language::preferred_by(request));
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

/// Whether a text has a bound: a caller must not decide how long an answer is.
fn is_short(text: &Value, most: usize) -> bool {
    (1..=most).contains(&text.as_str().expect("text").chars().count())
}

/// Checks the problems of a forward, and of a call for a token, that failed with `error`.
pub(crate) fn failed(error: &CallError) {
    let problem = |error| problem_of_forward(&error, DedupKey::generate(), PriorAttempts::NotSent);
    let without_token = ForwardError::NoToken(TokenError {
        error: Arc::new(error.clone()),
        call_at: Duration::ZERO,
    });
    let json = written(&problem(without_token), Language::Chinese);
    assert_eq!(json["outcome"], "not_delivered");
    let json = written(&problem(ForwardError::Failed(error.clone())), Language::English);
    assert!(json["outcome"] == "unknown" || is_sure(error));
    if let CallError::Refused(refusal) = error {
        assert_eq!(json["feishu"]["code"], refusal.code);
    }
}

/// Whether Feishu itself refused, and not a server that may have failed half-way.
fn is_sure(error: &CallError) -> bool {
    let CallError::Refused(refusal) = error else {
        return false;
    };
    refusal.http_status < 500 || codes::find(refusal.code).is_some()
}

/// The JSON of a problem, after a check that it has the documented members and no others.
fn written(problem: &Problem, language: Language) -> Value {
    static DOCUMENTED: LazyLock<Value> = LazyLock::new(|| {
        let document: Value =
            serde_json::from_str(&openapi_json(Language::English, &PublicUrl::default()))
                .expect("JSON");
        document["components"]["schemas"]["Problem"].clone()
    });
    assert!(problem.for_log().is_none_or(|line| !line.contains(HIDDEN)));
    let occurrence = Occurrence { path: "/", request_id: "1", trace_id: "2" };
    let bytes = render(problem, &occurrence, language, &PublicUrl::default());
    assert!(bytes.iter().all(|byte| *byte >= b' '), "a control character as it is");
    let json: Value = serde_json::from_slice(&bytes).expect("JSON");
    let required = DOCUMENTED["required"].as_array().expect("names");
    assert!(required.iter().all(|name| !json[name.as_str().expect("a name")].is_null()));
    let members = json.as_object().expect("an object");
    assert!(members.keys().all(|name| !DOCUMENTED["properties"][name].is_null()));
    assert!(members.values().all(|value| !value.is_null()));
    json
}

/// Checks what the gateway reads from a header `Prefer`.
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
    fn a_valid_request_is_accepted_so_that_accepted_requests_are_checked() {
        let request = post("uuid=1", &[]).expect("a request");
        let body = br#"{"receive_id":"oc_1"}"#;
        assert!(read(&request, Source::Message("om_1"), body).is_ok());
        assert!(read(&request, Source::Thread("omt_1"), body).is_ok());
        let body = br#"{"receive_id":"oc_1","message_id_list":["om_1","om_2"]}"#;
        assert!(read(&request, Source::Merged, body).is_ok());
    }
}
