//! `POST /v1/messages/{message_id}/forward`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{ContentType, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::http::body::Body;
use crate::api::http::context::RequestContext;
use crate::api::input::forward::{ForwardInput, ParsedForward};
use crate::api::problems::forward_failure::problem_of_forward;
use crate::api::problems::problem::Problem;
use crate::api::v1::dry_run::{self, DryRun};
use crate::api::v1::headers::{
    FEISHU_LOG_ID, IDEMPOTENCY_REPLAYED, PREFERENCE_APPLIED, RATE_LIMIT_POLICY, set, set_measured,
};
use crate::api::v1::schema::{ForwardRequestBody, ForwardedMessage};
use crate::delivery::{Delivery, ForwardReport, ForwardRequest};
use crate::model::api_key::Caller;
use crate::model::receiver::ReceiveIdType;

/// The operator's settings for this route.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// Longest time that a forward may wait for its turn.
    pub max_wait: Duration,
    /// The value of `RateLimit-Policy`.
    pub rate_limit_policy: HeaderValue,
}

/// What a forward is answered that did not fail.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "says that it is one or the other")]
#[serde(untagged)]
pub(super) enum ForwardAnswer<'a> {
    /// It was forwarded.
    Forwarded(ForwardedMessage),
    /// It was a dry run.
    DryRun(DryRun<'a>),
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
    request_body(content = ForwardRequestBody, content_type = "application/json"),
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
    let input = ForwardInput {
        message_id: request.match_info().query("message_id"),
        query: request.query_string(),
        headers: request.headers(),
        body: &body.0,
    };
    let request_id = RequestContext::of(&request).borrow().request_id.clone();
    let uuids = delivery.uuids(&caller);
    let ParsedForward { forward_request, is_dry_run, prefers_wait } =
        input.parse(request_id, caller, uuids, settings.max_wait).map_err(Problem::invalid)?;
    let forward_request = Arc::new(forward_request);
    let mut response = if is_dry_run {
        dry_run::response(&forward_request, delivery.dry_run(&forward_request).await)
    } else {
        response(&request, &forward_request, delivery.forward(&forward_request).await)
    };
    let headers = response.headers_mut();
    headers.insert(RATE_LIMIT_POLICY, settings.rate_limit_policy.clone());
    if prefers_wait {
        set(headers, PREFERENCE_APPLIED, format!("wait={}", forward_request.wait.as_secs()));
    }
    Ok(response)
}

fn response(
    request: &HttpRequest,
    forward_request: &ForwardRequest,
    report: ForwardReport,
) -> HttpResponse {
    let ForwardReport { result, prior_attempts, is_replayed, attempts, timings, standing } = report;
    let (mut response, log_id) = match result {
        Ok(forwarded) => {
            let mut response = HttpResponse::Ok();
            (response.insert_header(ContentType::json()).body(forwarded.message), forwarded.log_id)
        }
        Err(error) => {
            let problem = problem_of_forward(&error, forward_request.uuid.clone(), prior_attempts);
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
    RequestContext::update(request, |context| {
        context.timings = Some(timings);
        context.attempts = Some(attempts);
        context.feishu_log_id = log_id;
    });
    response
}
