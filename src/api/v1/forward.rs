//! `POST /v1/messages/{message_id}/forward`.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::forwarding::answer::{ForwardExchange, answer};
use crate::api::forwarding::dry_run::DryRun;
use crate::api::forwarding::schema::{ForwardRequestBody, ForwardedMessage};
use crate::api::input::source::Source;
use crate::api::problems::problem::Problem;
use crate::api::v1::parameters::{ForwardHeaders, ForwardQueryParameters};
use crate::broadcasts::BroadcastBody;

/// The answer to a forward that succeeded.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "says that it is one or the other")]
#[serde(untagged)]
pub(super) enum ForwardAnswer<'a> {
    /// Forwarded: the new message.
    Forwarded(ForwardedMessage),
    /// Dry run: what would happen.
    DryRun(DryRun<'a>),
}

/// Forward a message
///
/// Forwards one message to a user, a group or a thread. The request waits for its turn under Feishu's rate limits. Callers
/// take turns, so the backlog of one caller does not delay another.
///
/// If the forward fails, `outcome` in the problem says whether the message was delivered. After `unknown`, retry with the
/// same `Idempotency-Key`, or with the `uuid` of the problem. Until `safe_retry_until` the message cannot arrive twice.
///
/// With `Prefer: respond-async` and an `Idempotency-Key`, the gateway answers 202 at once and delivers the message later, as
/// a broadcast to one receiver. This needs a gateway with broadcasts, and does not allow `uuid`.
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
        ForwardQueryParameters,
        ForwardHeaders,
    ),
    request_body(content = ForwardRequestBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The new message. In a dry run: what would happen.",
            content_type = "application/json", body = ForwardAnswer),
        (status = 202, description = "Accepted as a broadcast to one receiver, because of `Prefer: respond-async`.",
            content_type = "application/json", body = BroadcastBody,
            headers(
                ("Location" = String, description = "The URL of the broadcast. It is relative to this request unless the operator has set a public URL."),
                ("ETag" = String, description = "The revision of the broadcast."),
                ("Idempotency-Replayed" = bool, description = "`true` if an earlier request with the same `Idempotency-Key` was accepted."),
                ("Preference-Applied" = String, description = "`respond-async`."),
            )),
    ),
)]
pub(crate) async fn forward(exchange: ForwardExchange) -> Result<HttpResponse, Problem> {
    answer(exchange, |request| Source::Message(request.match_info().query("message_id"))).await
}
