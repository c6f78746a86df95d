//! `POST /v1/messages/merge_forward`.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::forwarding::answer::{ForwardExchange, answer};
use crate::api::forwarding::dry_run::DryRun;
use crate::api::forwarding::schema::{MergeForwardRequestBody, MergeForwardResult};
use crate::api::input::source::Source;
use crate::api::problems::problem::Problem;
use crate::api::v1::parameters::{ForwardHeaders, ForwardQueryParameters};

/// The answer to a merge forward that succeeded.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "says that it is one or the other")]
#[serde(untagged)]
pub(super) enum MergeForwardAnswer<'a> {
    /// Forwarded: the new message.
    Forwarded(MergeForwardResult),
    /// Dry run: what would happen.
    DryRun(DryRun<'a>),
}

/// Forward several messages as one
///
/// Merges 1 to 100 messages of one chat into one new message for a user, a group or a thread. Feishu leaves out the messages
/// that it cannot forward, and lists them in `invalid_message_id_list`. Queueing, retries and problems are those of
/// `POST /v1/messages/{message_id}/forward`.
#[utoipa::path(
    post,
    path = "/v1/messages/merge_forward",
    operation_id = "merge_forward_messages",
    tag = "messages",
    security(("api_key" = []), ("bearer" = [])),
    params(ForwardQueryParameters, ForwardHeaders),
    request_body(content = MergeForwardRequestBody, content_type = "application/json"),
    responses((status = 200, description = "The new message, without the messages in `invalid_message_id_list`. In a dry run: what would happen.",
        content_type = "application/json", body = MergeForwardAnswer)),
)]
pub(crate) async fn merge_forward(exchange: ForwardExchange) -> Result<HttpResponse, Problem> {
    answer(exchange, |_| Source::Merged).await
}
