//! What is done around every request of the public listener: counted, bounded, told in one log
//! line, and any failure written out as a problem.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, HeaderValue, VARY};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use tracing::Span;
use uuid::Uuid;

use crate::api::admin::Draining;
use crate::api::connections::connection::Busy;
use crate::api::http::security_headers;
use crate::api::language::Language;
use crate::api::problems::body::render;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::api::sanitize::{self, X_REQUEST_ID};
use crate::api::v1::forward;
use crate::clock::{Clock, Moment};
use crate::delivery::Timings;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;
use crate::telemetry::metrics::Metrics;

/// What is known of a request while it is answered, for its log line.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) request_id: String,
    /// The pattern of the route, if there is one.
    pub(crate) route: Option<Cow<'static, str>>,
    pub(crate) caller: Option<Arc<str>>,
    /// Whether somebody wants the body, so that it is read.
    pub(crate) wants_body: bool,
    /// Why a key was refused; never said to the caller.
    pub(crate) reason: Option<String>,
    pub(crate) timings: Option<Timings>,
    /// How often Feishu was asked.
    pub(crate) attempts: Option<u32>,
    pub(crate) feishu_log_id: Option<String>,
    pub(crate) problem: Option<(ProblemKind, Option<String>)>,
}

/// A story outlives its request when the caller hangs up.
type SharedStory = Rc<RefCell<Story>>;

impl Story {
    /// Begins the story of a request and returns its id.
    pub(crate) fn begin(request: &ServiceRequest) -> String {
        let request_id = sanitize::request_id(request.headers())
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let route = pattern_of_route(request);
        let story = Self { request_id: request_id.clone(), route, ..Self::default() };
        request.extensions_mut().insert(Rc::new(RefCell::new(story)));
        request_id
    }

    pub(crate) fn tell(request: &HttpRequest, more: impl FnOnce(&mut Self)) {
        more(&mut Self::of(request).borrow_mut());
    }

    /// The story of a request that has begun.
    pub(crate) fn of(request: &impl HttpMessage) -> SharedStory {
        request.extensions().get::<SharedStory>().cloned().unwrap_or_default()
    }
}

fn pattern_of_route(request: &ServiceRequest) -> Option<Cow<'static, str>> {
    if forward::is_forward(request.path()) {
        return Some(forward::PATTERN.into());
    }
    request.match_pattern().map(Cow::from)
}

/// What `observe` needs; one for all workers.
#[derive(Debug)]
pub struct Observer {
    clock: Clock,
    metrics: Metrics,
    in_flight: AtomicUsize,
    max_in_flight: usize,
    draining: Draining,
}

impl Observer {
    /// Lets at most `max_in_flight` requests be answered at the same time, and once it is `draining`,
    /// each connection end with its next answer.
    #[must_use]
    pub fn new(clock: Clock, metrics: Metrics, max_in_flight: usize, draining: Draining) -> Self {
        Self { clock, metrics, in_flight: AtomicUsize::new(0), max_in_flight, draining }
    }
}

/// The middleware.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(observer) = request.app_data::<web::Data<Observer>>().cloned() else {
        unreachable!("the route table hands every route the observer");
    };
    let connection = Busy::with(&request);
    let mut visit = Visit::new(&observer, &request);
    let response = if connection.is_over() {
        request.error_response(Problem::over()).map_into_boxed_body()
    } else if visit.is_one_too_many {
        let problem = Problem::one_too_many(observer.max_in_flight);
        request.error_response(problem).map_into_boxed_body()
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let mut response = finish(response);
    if response.response().error().is_some() && !visit.story.borrow().wants_body {
        connection.take_in_body().await;
    }
    let is_too_slow = response.status() == StatusCode::REQUEST_TIMEOUT;
    if is_too_slow {
        connection.stop_reading().await;
    }
    if visit.story.borrow().caller.is_some() {
        connection.shows_key();
    }
    if is_too_slow || observer.draining.has_begun() || connection.makes_room() {
        connection.end_with(&mut response);
    }
    visit.end(&response);
    Ok(response)
}

/// The middleware of the admin listener: answers are finished, and nothing else is done.
pub(crate) async fn finish_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let _busy = Busy::with(&request);
    Story::begin(&request);
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(finish(response))
}

/// Adds what every answer has, the body of a problem, and what protects a page.
fn finish(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, mut response) = response.into_parts();
    let request_id = Story::of(&request).borrow().request_id.clone();
    if let Some(error) = response.error() {
        let foreign;
        let problem = if let Some(problem) = error.as_error::<Problem>() {
            problem
        } else {
            foreign = problem_of_status(response.status());
            &foreign
        };
        Story::tell(&request, |story| {
            story.problem = Some((problem.kind, problem.for_log()));
            if problem.log_id.is_some() {
                story.feishu_log_id.clone_from(&problem.log_id);
            }
        });
        let language = Language::preferred_by(&request);
        let body = render(
            problem,
            sanitize::path(request.path()),
            &request_id,
            language,
            &PublicUrl::of(&request),
        );
        response = response.set_body(BoxBody::new(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
    }
    security_headers::protect(response.headers_mut());
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(X_REQUEST_ID, request_id);
    }
    ServiceResponse::new(request, response)
}

/// A failure that the framework answered by itself.
fn problem_of_status(status: StatusCode) -> Problem {
    let kind = match status {
        StatusCode::NOT_FOUND => ProblemKind::RouteNotFound,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::BodyTooLarge,
        status if status.is_client_error() => ProblemKind::InvalidRequest,
        _ => ProblemKind::InternalError,
    };
    Problem::new(kind, Wording::new("The request was refused.", "请求被拒绝。"))
}

/// A request from its head to its answer, or to the caller's hanging up.
struct Visit<'a> {
    observer: &'a Observer,
    started: Moment,
    method: &'static str,
    span: Span,
    story: SharedStory,
    is_one_too_many: bool,
    ended: bool,
}

impl<'a> Visit<'a> {
    fn new(observer: &'a Observer, request: &ServiceRequest) -> Self {
        let before = observer.in_flight.fetch_add(1, Relaxed);
        observer.metrics.in_flight().inc();
        Self {
            observer,
            started: observer.clock.now(),
            method: sanitize::method(request.method()),
            span: Span::current(),
            story: Story::of(request),
            is_one_too_many: before >= observer.max_in_flight,
            ended: false,
        }
    }

    fn end(&mut self, response: &ServiceResponse<BoxBody>) {
        self.ended = true;
        self.count(response.status().as_u16());
        if let Some((kind, _)) = self.story.borrow().problem {
            self.observer.metrics.problem(kind);
        }
    }

    fn count(&self, status: u16) {
        let took = self.observer.clock.since(self.started);
        let story = self.story.borrow();
        let route = story.route.as_deref().unwrap_or("unmatched");
        let caller = story.caller.as_deref().unwrap_or_default();
        self.observer.metrics.http(route, self.method, status, caller, took);
    }

    /// Tells of a request that ends without an answer.
    fn tell_of_no_answer(&self) {
        let story = Rc::clone(&self.story);
        let story = story.borrow();
        let (route, caller) =
            (story.route.as_deref().unwrap_or("unmatched"), story.caller.as_deref());
        let _in_span = self.span.enter();
        if std::thread::panicking() {
            self.count(500);
            tracing::error!(route, caller, "the gateway panicked");
        } else {
            // 499 is what nginx made customary for this; no caller ever sees it.
            self.count(499);
            tracing::info!(route, caller, "the caller hung up");
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.observer.in_flight.fetch_sub(1, Relaxed);
        self.observer.metrics.in_flight().dec();
        if !self.ended {
            self.tell_of_no_answer();
        }
    }
}
