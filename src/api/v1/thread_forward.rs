//! `POST /v1/threads/{thread_id}/forward`.

use actix_web::HttpResponse;

use crate::api::forwarding::answer::{ForwardExchange, answer};
use crate::api::forwarding::schema::ForwardRequestBody;
use crate::api::input::source::Source;
use crate::api::problems::problem::Problem;
use crate::api::v1::forward::ForwardAnswer;
use crate::api::v1::parameters::{ForwardHeaders, ForwardQueryParameters};

/// Forward a thread
///
/// Forwards a thread to a user, a group or another thread, as one new message. The bot must be in the thread's chat.
/// Queueing, retries and problems are those of `POST /v1/messages/{message_id}/forward`.
#[utoipa::path(
    post,
    path = "/v1/threads/{thread_id}/forward",
    operation_id = "forward_thread",
    tag = "messages",
    security(("api_key" = []), ("bearer" = [])),
    params(
        ("thread_id" = String, Path, description = "The thread to forward.",
            min_length = 5, max_length = 128, pattern = "^omt_[A-Za-z0-9_-]+$",
            example = "omt_d4be107c616aed9c1da8ed8068570a9f"),
        ForwardQueryParameters,
        ForwardHeaders,
    ),
    request_body(content = ForwardRequestBody, content_type = "application/json"),
    responses((status = 200, description = "The new message. In a dry run: what would happen.",
        content_type = "application/json", body = ForwardAnswer)),
)]
pub(crate) async fn thread_forward(exchange: ForwardExchange) -> Result<HttpResponse, Problem> {
    answer(exchange, |request| Source::Thread(request.match_info().query("thread_id"))).await
}
