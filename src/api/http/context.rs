//! What the gateway knows of a request while it answers it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::{HttpMessage, HttpRequest};
use uuid::Uuid;

use crate::api::auth::unauthorized::Unauthorized;
use crate::api::http::places::{Holder, RequestPlace};
use crate::api::problems::problem::Problem;
use crate::api::sanitize;
use crate::delivery::Timings;
use crate::model::problem_kind::ProblemKind;
use crate::model::trace_id::TraceId;

/// The facts of one request for its log line and its metrics. Each is written where it becomes known.
#[derive(Debug)]
pub(crate) struct RequestContext {
    /// The value of `X-Request-Id` in the answer, and of `request_id` in the log.
    pub(crate) request_id: String,
    /// The trace that the request belongs to: `trace_id` in the log and in problems.
    pub(crate) trace_id: TraceId,
    /// The pattern of the route; none where no route matches.
    pub(crate) route: Option<String>,
    /// The name of the caller's API key, once the key is accepted.
    pub(crate) caller: Option<Arc<str>>,
    /// The subject of the certificate that the caller has presented.
    pub(crate) certificate: Option<Arc<str>>,
    /// The request's place among those in flight. None where all were taken, and on the admin listener.
    pub(crate) place: Option<RequestPlace>,
    /// Whether the body is being read or was read.
    pub(crate) reads_body: bool,
    /// Why the API key was refused.
    pub(crate) key_refusal: Option<Unauthorized>,
    /// Where the time of a forward went.
    pub(crate) timings: Option<Timings>,
    /// How many calls a forward made to Feishu.
    pub(crate) attempts: Option<u32>,
    /// Feishu's id for the last of these calls.
    pub(crate) feishu_log_id: Option<String>,
    /// The problem that is answered, and what of its detail the log may hold.
    pub(crate) problem: Option<(ProblemKind, Option<String>)>,
}

/// A context that its request shares with the middlewares. It outlives the request where the caller hangs
/// up.
pub(crate) type SharedContext = Rc<RefCell<RequestContext>>;

impl RequestContext {
    /// Opens the context of a request, whose id and trace are those that the caller sent if they are fit to be logged.
    /// Else `new_id` is the one and begins the other.
    pub(crate) fn open(request: &ServiceRequest, new_id: Uuid) -> SharedContext {
        let headers = request.headers();
        let context = Self {
            request_id: sanitize::request_id(headers)
                .map_or_else(|| new_id.to_string(), str::to_owned),
            trace_id: sanitize::traceparent(headers)
                .map_or_else(|| TraceId::new(new_id), |(_, trace_id)| trace_id),
            route: request.match_pattern(),
            caller: None,
            certificate: None,
            place: None,
            reads_body: false,
            key_refusal: None,
            timings: None,
            attempts: None,
            feishu_log_id: None,
            problem: None,
        };
        let context = SharedContext::new(RefCell::new(context));
        request.extensions_mut().insert(SharedContext::clone(&context));
        context
    }

    /// The context of a request that was opened before.
    pub(crate) fn of(request: &impl HttpMessage) -> SharedContext {
        let Some(context) = request.extensions().get::<SharedContext>().cloned() else {
            unreachable!("the context is opened before anything else looks at a request");
        };
        context
    }

    pub(crate) fn update(request: &HttpRequest, change: impl FnOnce(&mut Self)) {
        change(&mut Self::of(request).borrow_mut());
    }

    /// Counts the request's place for this holder, unless it counts for one already. Called before anything is waited
    /// for: the request's body, or its turn.
    pub(crate) fn hold_place(request: &HttpRequest, holder: Holder) -> Result<(), Problem> {
        let are_strangers = holder == Holder::Strangers;
        let context = Self::of(request);
        let Some(place) = &mut context.borrow_mut().place else { return Ok(()) };
        place.count_for(holder).map_err(|own| Problem::share_is_in_flight(own, are_strangers))
    }
}
