//! Bounds on what callers make up.
//!
//! A method, a header or a path that a caller sent can be long, can name a receiver, and can hold an API
//! key that was pasted into the wrong place. So each of them passes one of these functions before it is
//! logged, counted or repeated in an answer. (The log's formatter cuts every value as well.)

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName};

use crate::model::api_key::ApiKey;
use crate::model::trace_id::TraceId;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest part of a path that an answer repeats, in bytes.
const LONGEST_PATH: usize = 1024;
/// Longest part of a name that an answer repeats, in characters.
const LONGEST_NAME: usize = 64;

/// The method for logs and metrics: one that HTTP defines, or `other`.
pub(crate) fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}

/// The caller's `X-Request-Id`, if it is 1 to 128 visible ASCII characters.
///
/// The log holds the id, so what looks like an API key is not taken for one.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && !ApiKey::begins_like_one(id)).then_some(id)
}

/// The caller's `traceparent`, if there is exactly one, and the trace that it names.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<(&str, TraceId)> {
    let mut given = headers.get_all(TRACEPARENT);
    let one = given.next().filter(|_| given.next().is_none())?.to_str().ok()?;
    Some((one, TraceId::of_traceparent(one)?))
}

/// The path for an answer, which only the caller reads: no log may hold it, as it can name a message.
pub(crate) fn path(path: &str) -> &str {
    &path[..path.floor_char_boundary(LONGEST_PATH)]
}

/// The name of a parameter, header or member for an answer, which only the caller reads.
pub(crate) fn name(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn is_kept(id: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(id).expect("a value"));
        request_id(&headers).is_some()
    }

    #[test]
    fn every_method_that_http_does_not_define_has_one_name() {
        for made_up in ["get", "FORWARD", "ffg_a_b", &"X".repeat(100_000)] {
            let made_up = Method::from_bytes(made_up.as_bytes()).expect("a method");
            assert_eq!(method(&made_up), "other");
        }
        assert_eq!(method(&Method::PATCH), "PATCH");
    }

    #[test]
    fn a_request_id_is_kept_if_it_is_short_and_visible_and_no_key() {
        assert!(is_kept(b"order-17/\"{}\""));
        assert!(is_kept(&[b'x'; 128]));
        for id in [&b""[..], &[b'x'; 129], b"a b", b"a\tb", "ü".as_bytes(), b"\xff"] {
            assert!(!is_kept(id), "{id:?}");
        }
        assert!(!is_kept(ApiKey::generate().expose().as_bytes()));
    }

    #[test]
    fn long_paths_and_names_are_cut() {
        let long = "ü".repeat(100_000);
        assert_eq!(path(&long).len(), LONGEST_PATH);
        assert_eq!(path(&long[..10]), &long[..10]);
        assert_eq!(name(&long).chars().count(), LONGEST_NAME);
    }
}
