//! Calls `rmcp` with a request of actix, and answers with what it says.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Span;

use crate::api::auth::sender::Sender;
use crate::api::broadcasting::body::LargeBody;
use crate::api::broadcasting::configured;
use crate::api::forwarding::answer::ForwardSettings;
use crate::api::http::body::BodyLimits;
use crate::api::http::context::RequestContext;
use crate::api::http::streamed::Streamed;
use crate::api::mcp::context::{CallNotes, ToolContext};
use crate::api::mcp::door::McpDoor;
use crate::api::mcp::long_list;
use crate::api::mcp::repeated::repeated_member;
use crate::api::mcp::server::ToolServer;
use crate::api::mcp::text::clean;
use crate::api::problems::problem::Problem;
use crate::clock::Clock;
use crate::delivery::Delivery;

/// What the handler needs of a request.
type McpExchange = (
    Sender,
    HttpRequest,
    LargeBody,
    web::Data<Delivery>,
    web::Data<ForwardSettings>,
    web::Data<Clock>,
    web::Data<McpDoor>,
);

/// An answer of `rmcp`.
type McpResponse = http::Response<BoxBody<Bytes, Infallible>>;

/// Only these headers of a request are passed on, so that no credential ever is.
const PASSED_ON: &str = "mcp-";
/// What is passed on of a request besides. `rmcp` refuses a request whose `Accept` lacks one of the two, although it
/// answers with JSON unless somebody asks for progress.
const ACCEPTED: &str = "application/json, text/event-stream";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
/// `rmcp` wants to know the host, which `McpDoor` has checked already.
const URI: &str = "http://gateway/mcp";
/// Longest part of what `rmcp` says of a request that it refuses, in characters.
const LONGEST_REASON: usize = 200;

/// Answers a request of the Model Context Protocol: of the revisions with `initialize` and of those without, and without
/// sessions.
pub(crate) async fn answer(
    (sender, request, body, delivery, settings, clock, door): McpExchange,
) -> Result<HttpResponse, Problem> {
    door.check(request.headers())?;
    let longest = BodyLimits::of(&request).max_size;
    let (message, long_list) = long_list::cut_out(&body.bytes, longest)?;
    let context = Arc::new(ToolContext {
        sender,
        request_id: RequestContext::of(&request).borrow().request_id.clone(),
        span: Span::current(),
        delivery: Delivery::clone(&delivery),
        broadcasts: configured::of_gateway(&request),
        long_list,
        max_wait: settings.max_wait,
        clock: Clock::clone(&clock),
        metrics: door.metrics.clone(),
        takes_events: takes_events(request.headers()),
        notes: CallNotes::default(),
        hung_up: CancellationToken::new(),
        repeated: repeated_member(&message),
    });
    let until_answered = context.hung_up.clone().drop_guard();
    let server = ToolServer(Arc::clone(&context));
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(message.len());
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let handling = Box::pin(service.handle(to_rmcp(request.headers(), message.clone())));
    let response = handling.await;
    note(&request, &context.notes);
    Ok(from_rmcp(response, &message, until_answered).await)
}

fn takes_events(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.to_ascii_lowercase().contains(EVENTS))
}

fn to_rmcp(headers: &HeaderMap, body: Bytes) -> http::Request<Full<Bytes>> {
    let mut request = http::Request::post(URI)
        .header(http::header::CONTENT_TYPE, JSON)
        .header(http::header::ACCEPT, ACCEPTED);
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with(PASSED_ON)) {
        request = request.header(name.as_str(), value.as_bytes());
    }
    request.body(Full::new(body)).expect("names and values of headers are those of headers")
}

/// Notes what a tool did, for the request's log line and metrics.
fn note(request: &HttpRequest, notes: &CallNotes) {
    RequestContext::update(request, |context| {
        context.trace_id = notes.trace_id.get().copied().unwrap_or(context.trace_id);
        context.timings = notes.timings.get().map(|(timings, _)| *timings);
        context.attempts = notes.timings.get().map(|(_, attempts)| *attempts);
        context.feishu_log_id = notes.feishu_log_id.get().cloned();
        context.problem = notes.problem.get().cloned();
    });
}

async fn from_rmcp(response: McpResponse, asked: &[u8], until_answered: DropGuard) -> HttpResponse {
    let (head, body) = response.into_parts();
    let content_type = head.headers.get(http::header::CONTENT_TYPE);
    let is = |kind: &str| content_type.is_some_and(|it| it.as_bytes().starts_with(kind.as_bytes()));
    let (is_json, is_stream) = (is(JSON), is(EVENTS));
    let status =
        StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if is_stream {
        return response
            .content_type(EVENTS)
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            // nginx would collect the events otherwise.
            .insert_header((
                HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            ))
            .body(events(body, until_answered));
    }
    let Ok(body) = body.collect().await;
    let body = body.to_bytes();
    if is_json {
        return response.insert_header((CONTENT_TYPE, JSON)).body(body);
    }
    if status.is_success() {
        return response.finish();
    }
    let refusal = refusal(status, &body, asked);
    let status = if status.is_client_error() { StatusCode::BAD_REQUEST } else { status };
    HttpResponse::build(status).insert_header((CONTENT_TYPE, JSON)).body(refusal.to_string())
}

fn events(mut body: BoxBody<Bytes, Infallible>, until_answered: DropGuard) -> Streamed {
    Streamed::new(|chunks| async move {
        let _until_answered = until_answered;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame;
            if let Ok(data) = frame.into_data() {
                chunks.send(data).await;
            }
        }
        Ok::<_, Infallible>(())
    })
}

/// The answer to a request that `rmcp` has refused with a plain text. The text says why, and is not used where the
/// body cannot be read: it repeats parts of it then.
fn refusal(status: StatusCode, said: &[u8], asked: &[u8]) -> Value {
    let asked: Option<Value> = serde_json::from_slice(asked).ok();
    let (code, message) = match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE if asked.is_none() => {
            (-32700, "The body is not JSON in UTF-8, or is nested too deeply.".to_owned())
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (-32600, "The body is not one JSON-RPC 2.0 message of this protocol.".to_owned())
        }
        status if status.is_server_error() => (-32603, "The gateway failed.".to_owned()),
        _ => (-32600, clean(&String::from_utf8_lossy(said), LONGEST_REASON)),
    };
    let id = asked.as_ref().and_then(|it| it.get("id")).filter(|it| is_id(it));
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

/// Whether this can be the id of a request, and is short enough to be repeated.
fn is_id(id: &Value) -> bool {
    id.is_number() || id.as_str().is_some_and(|text| text.len() <= LONGEST_REASON)
}
