//! Who is let in: the bound on requests in flight, their metrics, and when an answer ends its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};
use tokio_util::task::AbortOnDropHandle;
use tracing::Span;

use crate::api::auth::unauthorized::Unauthorized;
use crate::api::connections::active_request::ActiveRequest;
use crate::api::http::body::declared_length;
use crate::api::http::context::{RequestContext, SharedContext};
use crate::api::http::draining::Draining;
use crate::api::http::places::{Holder, RequestPlace, RequestPlaces};
use crate::api::http::response::complete;
use crate::api::problems::problem::Problem;
use crate::api::sanitize;
use crate::clock::{Clock, Moment};
use crate::model::problem_kind::ProblemKind;
use crate::telemetry::metrics::Metrics;

/// The bound on requests in flight on the public listener. All workers share one.
#[derive(Debug)]
pub struct Admission {
    clock: Clock,
    metrics: Metrics,
    places: Arc<RequestPlaces>,
    /// Those of requests with large bodies, which have a place above as well.
    large: Arc<RequestPlaces>,
    draining: Draining,
}

/// How many large bodies are in memory at the same time.
const MOST_LARGE: usize = 8;
/// Longest time that a streamed answer takes. Those that end by themselves do so before: this is for readers that do
/// not read.
const LONGEST_STREAM: Duration = Duration::from_mins(61);

impl Admission {
    /// Lets in at most `max_in_flight` requests at the same time, of which no caller has all. Once `draining` has begun,
    /// each answer closes its connection.
    #[must_use]
    pub fn new(clock: Clock, metrics: Metrics, max_in_flight: usize, draining: Draining) -> Self {
        metrics.begin_unauthorized(Unauthorized::LABELS_OF_STRANGERS);
        let (places, large) = (RequestPlaces::new(max_in_flight), RequestPlaces::new(MOST_LARGE));
        Self { clock, metrics, places, large, draining }
    }

    /// A place for the large body of a request of this caller.
    pub(crate) fn place_for_large_body(
        request: &HttpRequest,
        caller: Arc<str>,
    ) -> Result<RequestPlace, Problem> {
        let Some(admission) = request.app_data::<web::Data<Self>>() else {
            unreachable!("every application of the public listener has an Admission");
        };
        let full = || Problem::too_many_large_bodies(MOST_LARGE);
        let mut place = admission.large.take().ok_or_else(full)?;
        place.count_for(Holder::Caller(caller)).map_err(|_| full())?;
        Ok(place)
    }
}

/// The middleware of the public listener.
pub(crate) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(admission) = request.app_data::<web::Data<Admission>>().cloned() else {
        unreachable!("every application of the public listener has an Admission");
    };
    let active = ActiveRequest::begin(&request, declared_length(request.headers()));
    let mut in_flight = InFlight::begin(admission, &request);
    if let Some(subject) = active.certificate() {
        in_flight.context.borrow_mut().certificate = Some(Arc::clone(subject));
    }
    let response = if active.connection_is_over() {
        request.error_response(Problem::connection_is_over()).map_into_boxed_body()
    } else if in_flight.context.borrow().place.is_none() {
        let problem = Problem::too_many_in_flight(in_flight.admission.places.most());
        request.error_response(problem).map_into_boxed_body()
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let mut response = complete(response);
    if response.response().error().is_some() && !in_flight.context.borrow().reads_body {
        active.take_in_unread_body().await;
    }
    let problem = in_flight.context.borrow().problem.as_ref().map(|(kind, _)| *kind);
    let is_too_slow = problem == Some(ProblemKind::RequestTimeout);
    if is_too_slow {
        active.stop_reading().await;
    }
    if let Some(caller) = &in_flight.context.borrow().caller {
        active.note_caller(caller);
    }
    if is_too_slow || in_flight.admission.draining.has_begun() || active.gives_up_slot() {
        active.close_connection_after(&mut response);
    }
    in_flight.end(&response);
    if response.response().body().size() != BodySize::Stream {
        return Ok(response);
    }
    Ok(response.map_body(|_, body| BoxBody::new(StreamInFlight::new(body, in_flight, active))))
}

/// A streamed answer. Its request is in flight until it ends.
struct StreamInFlight {
    body: BoxBody,
    _in_flight: InFlight,
    _active: ActiveRequest,
    /// Ends the connection when the answer takes too long.
    _end: AbortOnDropHandle<()>,
}

impl StreamInFlight {
    fn new(body: BoxBody, in_flight: InFlight, active: ActiveRequest) -> Self {
        let clock = in_flight.admission.clock.clone();
        let end = active.end_connection_at(clock.now() + LONGEST_STREAM, clock);
        Self { body, _in_flight: in_flight, _active: active, _end: end }
    }
}

impl MessageBody for StreamInFlight {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// A request from its head to the end of its answer, or to the moment at which the caller hangs up.
struct InFlight {
    admission: web::Data<Admission>,
    started: Moment,
    method: &'static str,
    span: Span,
    context: SharedContext,
    is_answered: bool,
}

impl InFlight {
    fn begin(admission: web::Data<Admission>, request: &ServiceRequest) -> Self {
        let context = RequestContext::of(request);
        context.borrow_mut().place = admission.places.take();
        admission.metrics.in_flight().inc();
        Self {
            started: admission.clock.now(),
            admission,
            method: sanitize::method(request.method()),
            span: Span::current(),
            context,
            is_answered: false,
        }
    }

    fn end(&mut self, response: &ServiceResponse<BoxBody>) {
        self.is_answered = true;
        self.count(response.status().as_str());
        let context = self.context.borrow();
        if let Some((kind, _)) = context.problem {
            self.admission.metrics.problem(kind);
        }
        if let Some(why) = &context.key_refusal {
            let caller = why.key_name().unwrap_or_default();
            self.admission.metrics.unauthorized(why.label(), caller);
        }
    }

    fn count(&self, status: &str) {
        let took = self.admission.clock.since(self.started);
        let context = self.context.borrow();
        let route = context.route.as_deref().unwrap_or("unmatched");
        let caller = context.caller.as_deref().unwrap_or_default();
        self.admission.metrics.http(route, self.method, status, caller, took);
    }

    /// Counts and logs a request that ends without an answer, which the access log does not see.
    fn report_no_answer(&self) {
        let context = self.context.borrow();
        let (route, caller) =
            (context.route.as_deref().unwrap_or("unmatched"), context.caller.as_deref());
        let _in_span = self.span.enter();
        if std::thread::panicking() {
            self.count("500");
            tracing::error!(route, caller, "the gateway panicked");
        } else {
            // nginx made 499 customary for this. No caller ever sees it.
            self.count("499");
            tracing::info!(route, caller, "the caller hung up");
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.context.borrow_mut().place = None;
        self.admission.metrics.in_flight().dec();
        if !self.is_answered {
            self.report_no_answer();
        }
    }
}
