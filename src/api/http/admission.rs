//! Who is let in: the bound on requests in flight, their metrics, and when an answer ends its connection.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use tracing::Span;

use crate::api::auth::unauthorized::Unauthorized;
use crate::api::connections::active_request::ActiveRequest;
use crate::api::http::body::declared_length;
use crate::api::http::context::{RequestContext, SharedContext};
use crate::api::http::draining::Draining;
use crate::api::http::places::RequestPlaces;
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
    draining: Draining,
}

impl Admission {
    /// Lets in at most `max_in_flight` requests at the same time, of which no caller has all. Once `draining` has begun,
    /// each answer closes its connection.
    #[must_use]
    pub fn new(clock: Clock, metrics: Metrics, max_in_flight: usize, draining: Draining) -> Self {
        metrics.begin_unauthorized(Unauthorized::LABELS_OF_STRANGERS);
        Self { clock, metrics, places: RequestPlaces::new(max_in_flight), draining }
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
    let mut in_flight = InFlight::begin(&admission, &request);
    let response = if active.connection_is_over() {
        request.error_response(Problem::connection_is_over()).map_into_boxed_body()
    } else if in_flight.context.borrow().place.is_none() {
        let problem = Problem::too_many_in_flight(admission.places.most());
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
    if is_too_slow || admission.draining.has_begun() || active.gives_up_slot() {
        active.close_connection_after(&mut response);
    }
    in_flight.end(&response);
    Ok(response)
}

/// A request from its head to its answer, or to the moment at which the caller hangs up.
struct InFlight<'a> {
    admission: &'a Admission,
    started: Moment,
    method: &'static str,
    span: Span,
    context: SharedContext,
    is_answered: bool,
}

impl<'a> InFlight<'a> {
    fn begin(admission: &'a Admission, request: &ServiceRequest) -> Self {
        let context = RequestContext::of(request);
        context.borrow_mut().place = admission.places.take();
        admission.metrics.in_flight().inc();
        Self {
            admission,
            started: admission.clock.now(),
            method: sanitize::method(request.method()),
            span: Span::current(),
            context,
            is_answered: false,
        }
    }

    fn end(&mut self, response: &ServiceResponse<BoxBody>) {
        self.is_answered = true;
        self.count(response.status().as_u16());
        let context = self.context.borrow();
        if let Some((kind, _)) = context.problem {
            self.admission.metrics.problem(kind);
        }
        if let Some(why) = &context.key_refusal {
            let caller = why.key_name().unwrap_or_default();
            self.admission.metrics.unauthorized(why.label(), caller);
        }
    }

    fn count(&self, status: u16) {
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
            self.count(500);
            tracing::error!(route, caller, "the gateway panicked");
        } else {
            // nginx made 499 customary for this. No caller ever sees it.
            self.count(499);
            tracing::info!(route, caller, "the caller hung up");
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.context.borrow_mut().place = None;
        self.admission.metrics.in_flight().dec();
        if !self.is_answered {
            self.report_no_answer();
        }
    }
}
