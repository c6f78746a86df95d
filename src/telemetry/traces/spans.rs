//! The spans of a trace. Names and attributes are those of OpenTelemetry's conventions for HTTP and databases, and
//! `feishu.*` for what only Feishu has. None of them names a receiver or a message.
//!
//! Where nothing is exported, none of them is made.

use std::collections::HashMap;

use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::field::Empty;
use tracing::{Level, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use super::TARGET;
use crate::model::feishu_api::FeishuApi;
use crate::model::trace_id::TraceId;

/// Whether spans are exported.
pub(crate) fn are_exported() -> bool {
    tracing::span_enabled!(target: TARGET, Level::INFO)
}

/// Makes a span that was just opened part of the trace of a `traceparent` (<https://www.w3.org/TR/trace-context>), or the
/// beginning of a trace. Returns that trace.
pub(crate) fn join(span: &Span, traceparent: Option<&str>) -> Option<TraceId> {
    if let Some(traceparent) = traceparent {
        let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
        // Fails only for a span that has begun already.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&headers));
    }
    let trace_id = span.context().span().span_context().trace_id();
    let is_one = trace_id != opentelemetry::TraceId::INVALID;
    is_one.then(|| TraceId::new(Uuid::from_bytes(trace_id.to_bytes())))
}

/// What became of a request.
pub(crate) struct Answered<'a> {
    pub(crate) method: &'static str,
    /// The pattern of the route. None where no route matches.
    pub(crate) route: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) caller: Option<&'a str>,
    /// The code of the problem.
    pub(crate) problem: Option<&'static str>,
}

/// Notes what became of a request in its span. Not as fields, which log lines would contain.
pub(crate) fn answered(span: &Span, answered: &Answered<'_>) {
    let Answered { method, route, status, caller, problem } = *answered;
    let context = span.context();
    let exported = context.span();
    exported
        .update_name(route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")));
    let note = |name, value: opentelemetry::Value| {
        exported.set_attribute(KeyValue::new(name, value));
    };
    note("http.request.method", method.into());
    note("http.response.status_code", i64::from(status).into());
    if let Some(route) = route {
        note("http.route", route.to_owned().into());
    }
    if let Some(caller) = caller {
        note("feishu_gateway.caller", caller.to_owned().into());
    }
    if let Some(problem) = problem {
        note("feishu_gateway.problem", problem.into());
    }
    // What a caller did wrong is no failure of a server, by the conventions.
    if status >= 500 {
        note("error.type", problem.unwrap_or("500").into());
        exported.set_status(Status::error(""));
    }
}

/// A call of a tool by the Model Context Protocol. It goes on with the trace of `traceparent`, or with that of its request.
pub(crate) fn tool(name: &str, traceparent: Option<&str>) -> Span {
    let span = info_span!(
        target: TARGET,
        "tool",
        otel.kind = "server",
        otel.name = format!("tools/call {name}"),
        mcp.method.name = "tools/call",
        gen_ai.tool.name = name,
    );
    // One that is not valid names no trace, and the span stays in that of its request.
    let traceparent = traceparent.filter(|it| TraceId::of_traceparent(it).is_some());
    if traceparent.is_some() && !span.is_disabled() {
        join(&span, traceparent);
    }
    span
}

/// The wait for a turn under the limits.
pub(crate) fn wait() -> Span {
    info_span!(target: TARGET, "wait for the limits")
}

/// The wait for the tenant token.
pub(crate) fn token() -> Span {
    info_span!(target: TARGET, "tenant token")
}

/// A call to Feishu, at this host and port. `resent` says how many calls the same forward made before.
pub(crate) fn call(api: FeishuApi, (host, port): (&str, u16), resent: u32) -> Span {
    info_span!(
        target: TARGET,
        "call",
        otel.kind = "client",
        otel.name = api.operation(),
        otel.status_code = Empty,
        http.request.method = "POST",
        http.request.resend_count = Some(resent).filter(|it| *it > 0),
        http.response.status_code = Empty,
        url.template = api.template(),
        server.address = host,
        server.port = port,
        error.r#type = Empty,
        feishu.log_id = Empty,
    )
}

/// Notes what came of a call to Feishu: the HTTP status if there was an answer, Feishu's id of the call, and the kind of
/// failure.
pub(crate) fn called(
    span: &Span,
    status: Option<u16>,
    log_id: Option<&str>,
    failure: Option<&str>,
) {
    span.record("http.response.status_code", status);
    span.record("feishu.log_id", log_id);
    if let Some(kind) = failure {
        failed(span, kind);
    }
}

/// A command to Redis, by its name in metrics.
pub(crate) fn redis(operation: &str) -> Span {
    info_span!(
        target: TARGET,
        "redis",
        otel.kind = "client",
        otel.name = operation,
        otel.status_code = Empty,
        db.system.name = "redis",
        db.operation.name = operation,
        error.r#type = Empty,
    )
}

/// Notes that what the span stands for failed, and the kind of failure.
pub(crate) fn failed(span: &Span, kind: &str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "error");
}
