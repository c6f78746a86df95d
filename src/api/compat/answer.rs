//! What an answer on Feishu's own paths has beside its body: status and headers.

use actix_web::body::BoxBody;
use actix_web::http::header::{
    ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::api::auth::extractor::presented_key;
use crate::api::compat::envelope::{APP_LIMITED, FailedRequest, Failure};
use crate::api::connections::connection::ClientConnection;
use crate::api::forwarding::answer::ForwardSettings;
use crate::api::forwarding::headers::FEISHU_LOG_ID;
use crate::api::language::Language;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;

/// Feishu's id of a call, under which its support finds it.
const LOG_ID: HeaderName = HeaderName::from_static("x-tt-logid");
/// The problem code of a failure.
pub(super) const PROBLEM: HeaderName = HeaderName::from_static("x-gateway-problem");
/// How often an app, or the caller, may make the call in a minute (Feishu's documentation).
const LIMIT: HeaderName = HeaderName::from_static("x-ogw-ratelimit-limit");
/// The seconds until an app may make the call again (Feishu's documentation).
const RESET: HeaderName = HeaderName::from_static("x-ogw-ratelimit-reset");
/// The longest name of a host, with a port, that is repeated.
const LONGEST_HOST: usize = 261;
/// Feishu's SDK for Go reads no body that is declared as anything else.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Writes a failure in Feishu's envelope.
pub(crate) fn failure(
    mut response: HttpResponse<BoxBody>,
    problem: &Problem,
    request: &HttpRequest,
    request_id: &str,
    language: Language,
) -> HttpResponse<BoxBody> {
    let failed = FailedRequest {
        id: request_id,
        has_token: presented_key(request.headers()).is_ok(),
        page: &page(problem, request),
    };
    let failure = Failure::of(problem, failed, language);
    *response.status_mut() = failure.status;
    let headers = response.headers_mut();
    headers.remove(WWW_AUTHENTICATE);
    headers.remove(ALLOW);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(PROBLEM, HeaderValue::from_static(problem.kind.facts().name));
    if failure.code == APP_LIMITED {
        let settings = request.app_data::<web::Data<ForwardSettings>>();
        let of_app = settings.map(|settings| settings.app_per_minute);
        if let Some(limit) = problem.caller_per_minute.or(of_app) {
            headers.insert(LIMIT, limit.into());
        }
        if let Some(reset) = headers.get(RETRY_AFTER).cloned() {
            headers.insert(RESET, reset);
        }
    }
    let body = serde_json::to_vec(&failure).expect("a struct of strings is always JSON");
    response.set_body(BoxBody::new(body))
}

/// The address of the page about the problem. A program of an SDK's has no other address to begin it with than that to
/// which it sent the request.
fn page(problem: &Problem, request: &HttpRequest) -> String {
    let page = PublicUrl::of(request).type_of(problem.kind.facts().name);
    let connection = request.connection_info();
    let is_secured = ClientConnection::of(request).is_some_and(|it| it.is_secured());
    let scheme = if is_secured { "https" } else { connection.scheme() };
    let host = connection.host();
    let is_host = host.len() <= LONGEST_HOST
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_[]".contains(&byte));
    let is_address = page.starts_with('/') && is_host && ["http", "https"].contains(&scheme);
    if is_address { format!("{scheme}://{host}{page}") } else { page }
}

/// What every answer on Feishu's own paths has. Feishu's SDK for Python needs the names of headers with capitals.
pub(crate) fn complete(response: &mut HttpResponse<BoxBody>, request_id: &str) {
    let headers = response.headers_mut();
    let log_id = headers.get(FEISHU_LOG_ID).cloned();
    if let Some(log_id) = log_id.or_else(|| HeaderValue::try_from(request_id).ok()) {
        headers.insert(LOG_ID, log_id);
    }
    response.head_mut().set_camel_case_headers(true);
}
