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

/// What a merge is answered that did not fail.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "says that it is one or the other")]
#[serde(untagged)]
pub(super) enum MergeForwardAnswer<'a> {
    /// The messages were forwarded.
    Forwarded(MergeForwardResult),
    /// It was a dry run.
    DryRun(DryRun<'a>),
}

/// Forward several messages as one
///
/// Forwards 1 to 100 messages of one chat to a user, a group or a thread, once, as one new message. Feishu leaves
/// out what it cannot forward, and says so in `invalid_message_id_list`. All else is as with one message: it waits for
/// its turn, and a failure says whether it went out.
#[utoipa::path(
    post,
    path = "/v1/messages/merge_forward",
    operation_id = "merge_forward_messages",
    tag = "messages",
    security(("api_key" = []), ("bearer" = [])),
    params(ForwardQueryParameters, ForwardHeaders),
    request_body(content = MergeForwardRequestBody, content_type = "application/json"),
    responses((status = 200, description = "The messages were forwarded, but for those in `invalid_message_id_list`. In a dry run, what would happen.",
        content_type = "application/json", body = MergeForwardAnswer)),
)]
pub(crate) async fn merge_forward(exchange: ForwardExchange) -> Result<HttpResponse, Problem> {
    answer(exchange, |_| Source::Merged).await
}
