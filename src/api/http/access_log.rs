//! One log line for each request, at the level that its outcome deserves.

use std::time::Duration;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use tracing::{Level, Span};
use tracing_actix_web::RootSpanBuilder;

use crate::api::http::admission::Story;
use crate::api::sanitize;
use crate::delivery::Timings;
use crate::model::problem_kind::{FixBy, ProblemKind};

/// Opens the span that each line of a request stands in, and writes the line at its end.
pub(crate) struct RequestLog;

impl RootSpanBuilder for RequestLog {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let request_id = Story::begin(request);
        tracing::error_span!("request", request_id)
    }

    fn on_request_end<B: MessageBody>(_span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let Ok(response) = outcome else {
            return;
        };
        let request = response.request();
        let story = Story::of(request);
        let story = story.borrow();
        let timings = story.timings.as_ref();
        let ms = |part: fn(&Timings) -> Duration| timings.map(|it| milliseconds(part(it)));
        // A level is part of what tracing prepares at compile time, so each has its own call.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    method = sanitize::method(request.method()),
                    route = story.route.as_deref(),
                    status = response.status().as_u16(),
                    caller = story.caller.as_deref(),
                    problem = story.problem.as_ref().map(|(kind, _)| kind.facts().name),
                    detail = story.problem.as_ref().and_then(|(_, detail)| detail.as_deref()),
                    reason = story.reason,
                    feishu_log_id = story.feishu_log_id,
                    attempts = story.attempts,
                    wait_ms = ms(|it| it.wait),
                    token_ms = ms(|it| it.token),
                    feishu_ms = ms(|it| it.feishu),
                    total_ms = ms(|it| it.total),
                    "answered"
                )
            };
        }
        match level(story.problem.as_ref().map(|(kind, _)| *kind)) {
            Level::ERROR => line!(Level::ERROR),
            Level::WARN => line!(Level::WARN),
            _ => line!(Level::INFO),
        }
    }
}

/// With three digits after the point.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// An error is what an operator has to be woken for, a warning what may become that.
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
            ProblemKind::ReceiverNotAllowed
            | ProblemKind::Overloaded
            | ProblemKind::FeishuUnreachable
            | ProblemKind::FeishuError => Level::WARN,
            _ => Level::ERROR,
        },
    }
}
