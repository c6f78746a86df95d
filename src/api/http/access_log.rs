//! One log line for each request of the public listener.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage, HttpRequest};
use tracing::field::Empty;
use tracing::{Level, Span};
use tracing_actix_web::{RequestId, RootSpanBuilder};
use uuid::Uuid;

use crate::api::auth::unauthorized::Unauthorized;
use crate::api::connections::connection::ClientConnection;
use crate::api::http::context::RequestContext;
use crate::api::sanitize;
use crate::delivery::Timings;
use crate::model::problem_kind::{FixBy, ProblemKind};
use crate::telemetry::traces::spans::{self, Answered};

/// Opens the span that encloses every log line of a request, and writes one line when it is answered.
pub(crate) struct AccessLog;

impl RootSpanBuilder for AccessLog {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let Some(new_id) = request.extensions().get::<RequestId>().map(|id| Uuid::from(*id)) else {
            unreachable!("TracingLogger makes an id before it asks for the span");
        };
        let context = RequestContext::open(request, new_id);
        let mut context = context.borrow_mut();
        let request_id = context.request_id.as_str();
        // At the highest level, so that no filter takes these fields from the lines inside.
        if !spans::are_exported() {
            let trace_id = context.trace_id.as_str();
            return tracing::error_span!("request", request_id, trace_id);
        }
        let span =
            tracing::error_span!("request", otel.kind = "server", request_id, trace_id = Empty);
        let parent = sanitize::traceparent(request.headers()).map(|(traceparent, _)| traceparent);
        if let Some(trace_id) = spans::join(&span, parent) {
            context.trace_id = trace_id;
        }
        span.record("trace_id", context.trace_id.as_str());
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let Ok(response) = outcome else {
            return;
        };
        let request = response.request();
        let context = RequestContext::of(request);
        let context = context.borrow();
        let refusal = context.key_refusal.as_ref();
        // By its address an operator finds a caller that shows no key of its own.
        let peer = refusal.and_then(|_| peer(request)).map(tracing::field::display);
        let method = sanitize::method(request.method());
        let status = response.status().as_u16();
        let problem = context.problem.as_ref().map(|(kind, _)| kind.facts().name);
        if spans::are_exported() {
            let (route, caller) = (context.route.as_deref(), context.caller.as_deref());
            spans::answered(&span, &Answered { method, route, status, caller, problem });
        }
        let timings = context.timings.as_ref();
        let ms = |part: fn(&Timings) -> Duration| timings.map(|it| milliseconds(part(it)));
        // tracing fixes the level of an event at compile time, so each level needs an event of its own.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    method,
                    route = context.route.as_deref(),
                    status,
                    caller = context.caller.as_deref(),
                    certificate = context.certificate.as_deref(),
                    problem,
                    detail = context.problem.as_ref().and_then(|(_, detail)| detail.as_deref()),
                    reason = refusal.map(Unauthorized::reason),
                    peer,
                    feishu_log_id = context.feishu_log_id,
                    attempts = context.attempts,
                    wait_ms = ms(|it| it.wait),
                    token_ms = ms(|it| it.token),
                    feishu_ms = ms(|it| it.feishu),
                    total_ms = ms(|it| it.total),
                    "answered"
                )
            };
        }
        match level(context.problem.as_ref().map(|(kind, _)| *kind)) {
            Level::ERROR => line!(Level::ERROR),
            Level::WARN => line!(Level::WARN),
            _ => line!(Level::INFO),
        }
    }
}

/// The address that the request came from: the caller's, or that of a proxy before the gateway.
fn peer(request: &HttpRequest) -> Option<IpAddr> {
    ClientConnection::of(request)?.peer().map(|peer| peer.ip().to_canonical())
}

/// The time in milliseconds, rounded to whole microseconds.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// The level of a request's log line: an error where an operator has to act now, a warning where it may
/// come to that.
fn level(problem: Option<ProblemKind>) -> Level {
    let Some(kind) = problem else {
        return Level::INFO;
    };
    let facts = kind.facts();
    match facts.fix_by {
        FixBy::Caller | FixBy::Receiver | FixBy::ChatAdmin | FixBy::TenantAdmin => Level::INFO,
        FixBy::Nobody if facts.status < 500 => Level::INFO,
        FixBy::Nobody => Level::WARN,
        FixBy::Operator => match kind {
            // Callers and strangers can cause these as often as they like.
            ProblemKind::ReceiverNotAllowed
            | ProblemKind::TenantNotAllowed
            | ProblemKind::OriginNotAllowed
            | ProblemKind::BroadcastsNotConfigured
            | ProblemKind::EventRejected
            | ProblemKind::CallerQuotaExhausted
            | ProblemKind::Overloaded
            | ProblemKind::FeishuUnreachable
            | ProblemKind::FeishuError => Level::WARN,
            _ => Level::ERROR,
        },
    }
}
