//! The answer to a request to forward something.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::api::auth::sender::Sender;
use crate::api::broadcasting::configured;
use crate::api::broadcasting::to_one::broadcast_to_one;
use crate::api::dialect::Dialect;
use crate::api::forwarding::dry_run;
use crate::api::forwarding::headers::{
    FEISHU_LOG_ID, IDEMPOTENCY_REPLAYED, PREFERENCE_APPLIED, set, set_measured, set_policy,
};
use crate::api::forwarding::success::success;
use crate::api::http::body::Body;
use crate::api::http::context::RequestContext;
use crate::api::input::forward::{ForwardInput, ParsedForward};
use crate::api::input::headers::prefers_async;
use crate::api::input::source::Source;
use crate::api::problems::forward_failure::problem_of_forward;
use crate::api::problems::problem::Problem;
use crate::delivery::{Delivery, ForwardReport, ForwardRequest};

/// The operator's settings for the routes that forward something.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// Longest time that a forward may wait for its turn.
    pub max_wait: Duration,
    /// The value of `RateLimit-Policy` for a caller without a budget.
    pub rate_limit_policy: HeaderValue,
    /// How many calls of each API an app may make in a minute.
    pub app_per_minute: u32,
}

/// What a handler needs of a request to forward something.
pub(crate) type ForwardExchange =
    (Sender, HttpRequest, Body, web::Data<Delivery>, web::Data<ForwardSettings>);

/// Forwards what the request names, and answers it.
pub(crate) async fn answer(
    (sender, request, body, delivery, settings): ForwardExchange,
    source: impl FnOnce(&HttpRequest) -> Source<'_>,
) -> Result<HttpResponse, Problem> {
    let dialect = Dialect::of(&request);
    let source = source(&request);
    let is_message = dialect == Dialect::Gateway && matches!(source, Source::Message(_));
    let asks_async = is_message && prefers_async(request.headers());
    // A preference that cannot be met is ignored, as the RFC wants it.
    let broadcasts = if asks_async { configured::of_gateway(&request) } else { None };
    let input = ForwardInput {
        source,
        dialect,
        query: request.query_string(),
        headers: request.headers(),
        body: &body.0,
        is_async: broadcasts.is_some(),
    };
    let request_id = RequestContext::of(&request).borrow().request_id.clone();
    let uuids = delivery.uuids(sender.caller());
    let ParsedForward { forward_request, is_dry_run, prefers_wait, key } = input
        .parse(request_id, sender.in_named_tenant(), uuids, settings.max_wait)
        .map_err(Problem::invalid)?;
    // actix reads a body into 32 KiB, which a forward that waits would keep.
    drop(body);
    if let Some(broadcasts) = broadcasts.filter(|_| !is_dry_run) {
        return broadcast_to_one(&request, &broadcasts, forward_request, key).await;
    }
    let forward_request = Arc::new(forward_request);
    let mut response = if is_dry_run {
        dry_run::response(&forward_request, dialect, delivery.dry_run(&forward_request).await)
    } else {
        response(&request, &forward_request, dialect, delivery.forward(&forward_request).await)
    };
    let headers = response.headers_mut();
    set_policy(headers, &settings.rate_limit_policy, forward_request.caller.budget);
    if prefers_wait {
        set(headers, PREFERENCE_APPLIED, format!("wait={}", forward_request.wait.as_secs()));
    }
    Ok(response)
}

fn response(
    request: &HttpRequest,
    forward_request: &ForwardRequest,
    dialect: Dialect,
    report: ForwardReport,
) -> HttpResponse {
    let ForwardReport { result, prior_attempts, is_replayed, attempts, timings, standing, budget } =
        report;
    let (mut response, log_id) = match result {
        Ok(forwarded) => (success(forwarded.data, dialect), forwarded.log_id),
        Err(error) => {
            let problem = problem_of_forward(&error, forward_request.uuid.clone(), prior_attempts);
            let log_id = problem.log_id.clone();
            (HttpResponse::from_error(problem), log_id)
        }
    };
    let headers = response.headers_mut();
    set_measured(headers, standing, budget, &timings, attempts);
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
