//! What a browser may do with a page of the gateway: nothing that the page does not need.
//!
//! Every policy stands here, so that one look shows what all pages are allowed.

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// The policy of pages that set none themselves. It allows the stylesheet, the empty icon, and the search for problems.
const STRICT: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// The policy of the start page. It allows its script as well, which calls nobody.
pub(crate) const WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The policy of Swagger UI and of the console. It allows their scripts, the calls of these to this gateway, and
/// images as well.
pub(crate) const SCRIPTED: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// Adds the security headers to an answer that is HTML.
pub(crate) fn protect(headers: &mut HeaderMap) {
    if !is_html(headers) {
        return;
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(STRICT));
    }
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
