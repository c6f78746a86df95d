//! What every answer gets: the request's id, the body of a problem, and the headers that protect a page.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, HeaderValue, VARY};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::api::compat;
use crate::api::connections::active_request::ActiveRequest;
use crate::api::dialect::Dialect;
use crate::api::http::body::declared_length;
use crate::api::http::context::RequestContext;
use crate::api::http::security_headers;
use crate::api::language::Language;
use crate::api::problems::body::{Occurrence, render};
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::api::sanitize::{self, X_REQUEST_ID};
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;
use crate::random::uuid;

/// The middleware of the admin listener. It only completes the answers: requests are neither counted nor
/// bounded nor logged, so that the admin listener answers when the public one is full.
pub(crate) async fn complete_admin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let _active = ActiveRequest::begin(&request, declared_length(request.headers()));
    RequestContext::open(&request, uuid());
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(complete(response))
}

/// Adds the request's id, the body of a problem, and the headers that protect a page.
pub(crate) fn complete(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, mut response) = response.into_parts();
    let request_id = RequestContext::of(&request).borrow().request_id.clone();
    if let Some(error) = response.error() {
        let problem = error.as_error::<Problem>().cloned();
        let problem = problem.unwrap_or_else(|| problem_of_status(response.status()));
        response = write_failure(response, &problem, &request, &request_id);
    }
    if Dialect::of(&request) == Dialect::Feishu {
        compat::answer::complete(&mut response, &request_id);
    }
    security_headers::protect(response.headers_mut());
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(X_REQUEST_ID, request_id);
    }
    ServiceResponse::new(request, response)
}

/// Notes the problem for the log and writes it, in the dialect of the request.
///
/// `ResponseError::error_response` cannot write the body: it does not see the request, whose path, id and
/// language are part of it.
fn write_failure(
    response: HttpResponse<BoxBody>,
    problem: &Problem,
    request: &HttpRequest,
    request_id: &str,
) -> HttpResponse<BoxBody> {
    RequestContext::update(request, |context| {
        context.problem = Some((problem.kind, problem.for_log()));
        if problem.log_id.is_some() {
            context.feishu_log_id.clone_from(&problem.log_id);
        }
    });
    let language = Language::preferred_by(request);
    let mut response = match Dialect::of(request) {
        Dialect::Gateway => write_problem(response, problem, request, language),
        Dialect::Feishu => {
            compat::answer::failure(response, problem, request, request_id, language)
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
    response
}

fn write_problem(
    response: HttpResponse<BoxBody>,
    problem: &Problem,
    request: &HttpRequest,
    language: Language,
) -> HttpResponse<BoxBody> {
    let context = RequestContext::of(request);
    let context = context.borrow();
    let occurrence = Occurrence {
        path: sanitize::path(request.path()),
        request_id: &context.request_id,
        trace_id: context.trace_id.as_str(),
    };
    let body = render(problem, &occurrence, language, &PublicUrl::of(request));
    let mut response = response.set_body(BoxBody::new(body));
    let problem_json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, problem_json);
    response
}

/// The problem of a failure that actix answered by itself.
fn problem_of_status(status: StatusCode) -> Problem {
    let kind = match status {
        StatusCode::NOT_FOUND => ProblemKind::RouteNotFound,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::BodyTooLarge,
        status if status.is_client_error() => ProblemKind::InvalidRequest,
        _ => ProblemKind::InternalError,
    };
    Problem::new(kind, Wording::new("The request was refused.", "请求被拒绝。"))
}
