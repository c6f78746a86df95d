//! What callers make up, as far as it is shown: every word of theirs that is logged, counted or said back
//! before it is known passes here and gets its bound.

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName};

use crate::model::api_key::ApiKey;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest part of a path that is said back, in bytes.
const LONGEST_PATH: usize = 1024;

/// A method, for logs and metrics: one of those that HTTP has, or `other`.
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

/// The caller's id for its request, if it is 1 to 128 visible ASCII characters, and no API key that was
/// put into the wrong header: it stands in the log.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && !ApiKey::begins_like_one(id)).then_some(id)
}

/// A path, for the answer alone: it may name a message or hold anything.
pub(crate) fn path(path: &str) -> &str {
    &path[..path.floor_char_boundary(LONGEST_PATH)]
}

/// A name, for the answer alone.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn kept(id: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(id).expect("a value"));
        request_id(&headers).is_some()
    }

    #[test]
    fn a_method_that_is_made_up_has_one_name() {
        for made_up in ["get", "FORWARD", "ffg_a_b", &"X".repeat(100_000)] {
            let made_up = Method::from_bytes(made_up.as_bytes()).expect("a method");
            assert_eq!(method(&made_up), "other");
        }
        assert_eq!(method(&Method::PATCH), "PATCH");
    }

    #[test]
    fn a_request_id_is_kept_if_it_is_short_and_visible_and_no_key() {
        assert!(kept(b"order-17/\"{}\""));
        assert!(kept(&[b'x'; 128]));
        for id in [&b""[..], &[b'x'; 129], b"a b", b"a\tb", "ü".as_bytes(), b"\xff"] {
            assert!(!kept(id), "{id:?}");
        }
        assert!(!kept(ApiKey::generate().expose().as_bytes()));
    }

    #[test]
    fn a_path_and_a_name_are_said_back_in_part() {
        let long = "ü".repeat(100_000);
        assert_eq!(path(&long).len(), LONGEST_PATH);
        assert_eq!(path(&long[..10]), &long[..10]);
        assert_eq!(shortened(&long).chars().count(), 64);
    }
}
