//! The parameters of the routes, for the OpenAPI document. The program reads them in `api/input` and `api/broadcasting`.

use utoipa::IntoParams;

use crate::broadcasts::ReceiverState;
use crate::model::receiver::ReceiveIdType;

/// The parameters in the query.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `input/query.rs` reads")]
pub(super) struct ForwardQueryParameters {
    /// What `receive_id` is. Left out, it is detected: `ou_` `open_id`, `on_` `union_id`, `oc_` `chat_id`, `omt_` `thread_id`, an `@` inside `email`, else `chat_id`. When given it is believed.
    receive_id_type: Option<ReceiveIdType>,
    /// Requests with the same one reach the same receiver once within an hour; another message, receiver or app under it is 422 `uuid_reused`. Left out, the gateway makes one, so that its own retries cannot send twice.
    #[param(min_length = 1, max_length = 50)]
    uuid: Option<String>,
    /// `true`, `1` or without a value: do everything but the call to Feishu, and tell what would happen. It takes nobody's turn.
    dry_run: Option<bool>,
}

/// The parameters in headers.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `input/headers.rs` and others read")]
pub(super) struct ForwardHeaders {
    /// Your name for this forward, such as `order-17`: 1 to 255 visible ASCII characters, in quotes or bare. However often you send it within an hour, the message goes out once: a finished answer is replayed with `Idempotency-Replayed: true`, one in progress is joined, an unknown one is asked for again. It takes the place of `uuid`.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#
    )]
    idempotency_key: Option<String>,
    /// `wait=N`, such as `wait=2`: wait at most N seconds for the receiver's and the app's turn, 0 for not at all. Never more than the gateway allows.
    #[param(rename = "Prefer", nullable = false)]
    prefer: Option<String>,
    /// `u=7` (RFC 9218): this forward may take longer. It gets the turns that the other forwards leave, and a tenth at least while they wait too. Any other urgency is as none.
    #[param(rename = "Priority", nullable = false)]
    priority: Option<String>,
    /// The language of a problem: `zh` or `zh-CN` for Chinese, else English.
    #[param(rename = "Accept-Language", nullable = false)]
    accept_language: Option<String>,
    /// Your id for this request, kept in the answer and in the gateway's log if it is 1 to 128 visible ASCII characters.
    #[param(rename = "X-Request-Id", nullable = false)]
    x_request_id: Option<String>,
}

/// The id in the path of a broadcast.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what `broadcasting/answer.rs` reads")]
pub(super) struct BroadcastIdParameter {
    /// The broadcast.
    #[param(pattern = "^bc_[0-9a-f]{32}$", example = "bc_019ac2f0b3a97c11a5b6c1d2e3f40516")]
    id: String,
}

/// The header that a request for a broadcast needs.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `broadcasting/input.rs` reads")]
pub(super) struct BroadcastKeyHeaders {
    /// Your name for this broadcast, such as `outage-17`: 1 to 255 visible ASCII characters, in quotes or bare. A repeated request with it is the same broadcast, as long as the gateway keeps that.
    #[param(
        rename = "Idempotency-Key",
        pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#
    )]
    idempotency_key: String,
}

/// The headers that every route reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `language.rs` and `sanitize.rs` read")]
pub(super) struct ReaderHeaders {
    /// The language of a problem: `zh` or `zh-CN` for Chinese, else English.
    #[param(rename = "Accept-Language", nullable = false)]
    accept_language: Option<String>,
    /// Your id for this request, kept in the answer and in the gateway's log if it is 1 to 128 visible ASCII characters.
    #[param(rename = "X-Request-Id", nullable = false)]
    x_request_id: Option<String>,
}

/// The parameters of a page of broadcasts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `broadcasting/query.rs` reads")]
pub(super) struct ListParameters {
    /// The `next_cursor` of the page before.
    #[param(pattern = "^bc_[0-9a-f]{32}$")]
    cursor: Option<String>,
    /// Most broadcasts of the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// The parameters of a page of receivers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `broadcasting/query.rs` reads")]
pub(super) struct ReceiverListParameters {
    /// Only those with one of these outcomes. Several parameters, or one with commas.
    #[param(style = Form, explode)]
    outcome: Option<Vec<ReceiverState>>,
    /// The `next_cursor` of the page before. CSV has no pages.
    #[param(pattern = "^[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Most receivers of the page. CSV has no pages.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// The headers of a long poll.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `v1/broadcasts.rs` reads")]
pub(super) struct LongPollHeaders {
    /// `wait=N`, such as `wait=30`: answer when the broadcast has changed since `If-None-Match` (without that header, since now), or after N seconds, at most 60.
    #[param(rename = "Prefer", nullable = false)]
    prefer: Option<String>,
    /// The `ETag` of the last answer.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

/// The headers of a stream of events.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `broadcasting/events.rs` reads")]
pub(super) struct StreamHeaders {
    /// The `id` of the last event that you got.
    #[param(rename = "Last-Event-ID", nullable = false)]
    last_event_id: Option<String>,
}
