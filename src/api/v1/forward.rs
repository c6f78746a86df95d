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
/// limits. Callers take turns, so none waits for the backlog of another.
///
/// A failure says in `outcome` whether the message went out. After `unknown`, repeat with the same
/// `Idempotency-Key`, or with the `uuid` of the problem, until `safe_retry_until`: it cannot arrive
/// twice.
///
/// With `Prefer: respond-async` and an `Idempotency-Key` it is accepted as a broadcast to one and answered at once, where
/// the gateway has broadcasts. There is no `uuid` then.
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
        (status = 200, description = "The message was forwarded; this is the new one. In a dry run, what would happen.",
            content_type = "application/json", body = ForwardAnswer),
        (status = 202, description = "With `Prefer: respond-async`: the forward was accepted as a broadcast to one.",
            content_type = "application/json", body = BroadcastBody,
            headers(
                ("Location" = String, description = "Where the broadcast is, relative to this request unless the gateway knows its public URL."),
                ("ETag" = String, description = "The revision of the broadcast."),
                ("Idempotency-Replayed" = bool, description = "`true` where an earlier request was accepted."),
                ("Preference-Applied" = String, description = "`respond-async`."),
            )),
    ),
)]
pub(crate) async fn forward(exchange: ForwardExchange) -> Result<HttpResponse, Problem> {
    answer(exchange, |request| Source::Message(request.match_info().query("message_id"))).await
}
