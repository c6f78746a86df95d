//! The route that everything is here for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::guard::fn_guard;
use actix_web::http::header::{ContentType, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::http::admission::Story;
use crate::api::http::body::Body;
use crate::api::input::forward::Input;
use crate::api::input::headers::preferred_wait;
use crate::api::problems::problem::Problem;
use crate::api::v1::dry_run;
use crate::api::v1::dry_run::DryRun;
use crate::api::v1::message::ForwardedMessage;
use crate::clock::seconds_up;
use crate::delivery::{Delivery, Order, Report, Timings};
use crate::limits::Standing;
use crate::model::api_key::Caller;
use crate::model::idempotency_key::Uuids;
use crate::model::receiver::ReceiveIdType;

/// What the operator set for this route.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// Longest time that a forward may wait for its turn.
    pub max_wait: Duration,
    /// Largest body, in bytes.
    pub max_body: usize,
    /// Longest time for a body to come in after its head.
    pub body_timeout: Duration,
    /// The value of `RateLimit-Policy`.
    pub rate_limit_policy: HeaderValue,
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const FEISHU_LOG_ID: HeaderName = HeaderName::from_static("x-feishu-log-id");

/// What a forward is answered that did not fail.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "says that it is one or the other")]
#[serde(untagged)]
pub(crate) enum ForwardAnswer<'a> {
    /// It was forwarded.
    Forwarded(ForwardedMessage),
    /// It was a dry run.
    DryRun(DryRun<'a>),
}

/// The body of a forward.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input` reads in its own way")]
#[serde(deny_unknown_fields)]
pub(crate) struct ForwardBody {
    /// Who gets the message: a user, a group or a thread. One id, without white space or commas, neither
    /// a URL nor a message's id.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
}

const PREFIX: &str = "/v1/messages";
/// The pattern of the route, as operators see it.
pub(crate) const PATTERN: &str = "/v1/messages/{message_id}/forward";

/// The path of the route, told by hand: for a pattern actix runs a regular expression, and that was a
/// fifth of what a forward costs.
pub(crate) fn path() -> Scope {
    web::scope(PREFIX).guard(fn_guard(|request| is_forward(request.head().uri.path())))
}

/// Whether this is the path of a forward.
pub(crate) fn is_forward(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| message_id(rest).is_some())
}

/// The message's id in what comes after the prefix.
fn message_id(rest: &str) -> Option<&str> {
    let id = rest.strip_prefix('/')?.strip_suffix("/forward")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

/// Forward a message
///
/// Forwards one message to a user, a group or a thread, once. It waits for its turn under Feishu's
/// limits, first come, first served for each receiver.
///
/// A failure says in `outcome` whether the message went out. After `unknown`, repeat with the same
/// `Idempotency-Key`, or with the `uuid` of the problem, until `safe_retry_until`: it cannot arrive
/// twice.
#[utoipa::path(
    post,
    path = "/v1/messages/{message_id}/forward",
    operation_id = "forward_message",
    tag = "messages",
    security(("api_key" = []), ("bearer" = [])),
    params(
        ("message_id" = String, Path, description = "The message to forward.",
            min_length = 4, max_length = 128, pattern = "^om_[A-Za-z0-9_-]+$",
            example = "om_dc13264520392913993dd051dba21dcf"),
        ("receive_id_type" = Option<ReceiveIdType>, Query,
            description = "What `receive_id` is. Left out, it is detected: `ou_` open_id, `on_` union_id, \
                `oc_` chat_id, `omt_` thread_id, an `@` inside email, else chat_id. When given it is believed."),
        ("uuid" = Option<String>, Query, min_length = 1, max_length = 50,
            description = "Requests with the same one reach the same receiver once within an hour; another message, \
                receiver or app under it is 422 `uuid_reused`. Left out, the gateway makes one, so that its own retries \
                cannot send twice."),
        ("dry_run" = Option<bool>, Query, nullable = false,
            description = "`true`, `1` or without a value: do everything but the call to Feishu, and tell what would happen. It takes nobody's turn."),
        ("Idempotency-Key" = Option<String>, Header, nullable = false,
            pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#,
            description = "Your name for this forward, such as `order-17`: 1 to 255 visible ASCII characters, in quotes or \
                bare. However often you send it within an hour, the message goes out once: a finished answer is replayed with \
                `Idempotency-Replayed: true`, one in progress is joined, an unknown one is asked for again. It takes the \
                place of `uuid`."),
        ("Prefer" = Option<String>, Header, nullable = false,
            description = "`wait=N`, such as `wait=2`: wait at most N seconds for the receiver's and the app's turn, 0 for not at all. \
                Never more than the gateway allows."),
        ("Accept-Language" = Option<String>, Header, nullable = false,
            description = "The language of a problem: `zh` or `zh-CN` for Chinese, else English."),
        ("X-Request-Id" = Option<String>, Header, nullable = false,
            description = "Your id for this request, kept in the answer and in the gateway's log if it is 1 to 128 \
                visible ASCII characters."),
    ),
    request_body(content = ForwardBody, content_type = "application/json"),
    responses((status = 200, description = "The message was forwarded; this is the new one. In a dry run, what would happen.",
        content_type = "application/json", body = ForwardAnswer)),
)]
pub(crate) async fn forward(
    caller: Caller,
    request: HttpRequest,
    body: Body,
    delivery: web::Data<Delivery>,
    settings: web::Data<ForwardSettings>,
) -> Result<HttpResponse, Problem> {
    let message_id = message_id(request.match_info().unprocessed()).unwrap_or_default();
    let uuids = delivery.uuids(&caller);
    let (order, is_dry_run) = order(&request, message_id, &body, &caller, uuids, &settings)?;
    let order = Arc::new(order);
    let mut response = if is_dry_run {
        dry_run::answer(&order, delivery.rehearse(&order).await)
    } else {
        answer(&request, &order, delivery.forward(&order).await)
    };
    let headers = response.headers_mut();
    headers.insert(RATE_LIMIT_POLICY, settings.rate_limit_policy.clone());
    if let Ok(Some(_)) = preferred_wait(request.headers()) {
        set(headers, PREFERENCE_APPLIED, format!("wait={}", order.wait.as_secs()));
    }
    Ok(response)
}

pub(crate) fn order(
    request: &HttpRequest,
    message_id: &str,
    body: &Body,
    caller: &Caller,
    uuids: &Uuids,
    settings: &ForwardSettings,
) -> Result<(Order, bool), Problem> {
    let input = Input {
        message_id,
        query: request.query_string(),
        headers: request.headers(),
        body: &body.0,
        caller,
        uuids,
        request_id: Story::of(request).borrow().request_id.clone(),
    };
    input.order(settings.max_wait).map_err(Problem::invalid)
}

fn answer(request: &HttpRequest, order: &Order, report: Report) -> HttpResponse {
    let Report { result, past, is_replayed, attempts, timings, standing } = report;
    let (mut response, log_id) = match result {
        Ok(forwarded) => {
            let mut response = HttpResponse::Ok();
            (response.insert_header(ContentType::json()).body(forwarded.message), forwarded.log_id)
        }
        Err(error) => {
            let problem = Problem::of_forward(&error, order.uuid.clone(), past);
            let log_id = problem.log_id.clone();
            (HttpResponse::from_error(problem), log_id)
        }
    };
    let headers = response.headers_mut();
    set_measured(headers, standing, &timings, attempts);
    if let Some(log_id) = &log_id {
        set(headers, FEISHU_LOG_ID, log_id.clone());
    }
    if is_replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Story::tell(request, |story| {
        story.timings = Some(timings);
        story.attempts = Some(attempts);
        story.feishu_log_id = log_id;
    });
    response
}

/// How much of the receiver's limit is left, and where the time went.
pub(crate) fn set_measured(
    headers: &mut HeaderMap,
    standing: Standing,
    timings: &Timings,
    attempts: u32,
) {
    let reset = seconds_up(standing.reset);
    set(headers, RATE_LIMIT, format!("\"receiver\";r={};t={reset}", standing.remaining));
    set(headers, SERVER_TIMING, server_timing(timings, attempts));
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// Where the time went, in milliseconds, and in how many attempts.
fn server_timing(timings: &Timings, attempts: u32) -> String {
    let Timings { wait, token, feishu, total } = timings;
    format!(
        "wait;dur={}, token;dur={}, feishu;dur={}, total;dur={}, attempts;desc=\"{attempts}\"",
        Milliseconds(*wait),
        Milliseconds(*token),
        Milliseconds(*feishu),
        Milliseconds(*total)
    )
}

/// Shown with three digits after the point, without the detour of floating point.
struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No time here needs 128 bits, which are slow to write.
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}
