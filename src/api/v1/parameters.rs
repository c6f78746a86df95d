//! The parameters of the routes, for the OpenAPI document. The program reads them in `api/input` and `api/broadcasting`.

use utoipa::IntoParams;

use crate::broadcasts::ReceiverState;
use crate::model::receiver::ReceiveIdType;

/// The parameters in the query.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `input/query.rs` reads")]
pub(super) struct ForwardQueryParameters {
    /// The type of `receive_id`. If you leave it out, the gateway detects it from the id: `ou_` is `open_id`, `on_` is `union_id`, `oc_` is `chat_id`, `omt_` is `thread_id`, an `@` inside is `email`, anything else is `chat_id`. A type that you give is not checked.
    receive_id_type: Option<ReceiveIdType>,
    /// Within an hour, requests with the same `uuid` send the message once. The same `uuid` for another message, receiver or app is 422 `uuid_reused`. If you leave it out, the gateway makes one, so that its own retries never send twice.
    #[param(min_length = 1, max_length = 50)]
    uuid: Option<String>,
    /// `true`, `1` or no value: check everything and say what would happen, but do not call Feishu. A dry run uses up none of the limits.
    dry_run: Option<bool>,
}

/// The parameters in headers.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `input/headers.rs` and others read")]
pub(super) struct ForwardHeaders {
    /// Your name for this forward, such as `order-17`: 1 to 255 visible ASCII characters, with or without quotes. Within an hour, requests with the same key send the message once. The gateway replays a finished answer with `Idempotency-Replayed: true`, joins a request that is still running, and tries again if the outcome is unknown. Use it instead of `uuid`, not together with it.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#
    )]
    idempotency_key: Option<String>,
    /// `wait=N`, such as `wait=2`: wait at most N seconds for a turn; 0 means do not wait. The gateway's own maximum still applies.
    #[param(rename = "Prefer", nullable = false)]
    prefer: Option<String>,
    /// `u=7` (RFC 9218): bulk priority. The forward gets the turns that interactive forwards leave, and at least a tenth of all turns while those wait too. Every other value, and no header, means interactive.
    #[param(rename = "Priority", nullable = false)]
    priority: Option<String>,
    /// The tenant in which a store app forwards. Required if your API key is for several tenants of a store app, optional if it is for one, and not allowed if its app is a self-built one.
    #[param(rename = "X-Tenant-Key", nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    x_tenant_key: Option<String>,
    /// The language of problems: `zh` or `zh-CN` for Chinese, otherwise English.
    #[param(rename = "Accept-Language", nullable = false)]
    accept_language: Option<String>,
    /// Your id for this request, 1 to 128 visible ASCII characters. It appears in the answer and in the gateway's log. If you send none, or an invalid one, the gateway makes one.
    #[param(rename = "X-Request-Id", nullable = false)]
    x_request_id: Option<String>,
}

/// The id in the path of a broadcast.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what `broadcasting/answer.rs` reads")]
pub(super) struct BroadcastIdParameter {
    /// The id of the broadcast.
    #[param(pattern = "^bc_[0-9a-f]{32}$", example = "bc_019ac2f0b3a97c11a5b6c1d2e3f40516")]
    id: String,
}

/// The headers that a request for a broadcast needs.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `broadcasting/input.rs` reads")]
pub(super) struct BroadcastKeyHeaders {
    /// Your name for this broadcast, such as `outage-17`: 1 to 255 visible ASCII characters, with or without quotes. If you repeat a request with the same key, you get the same broadcast, as long as the gateway keeps it.
    #[param(
        rename = "Idempotency-Key",
        pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#
    )]
    idempotency_key: String,
    /// The tenant in which a store app forwards. Required if your API key is for several tenants of a store app, optional if it is for one, and not allowed if its app is a self-built one.
    #[param(rename = "X-Tenant-Key", nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    x_tenant_key: Option<String>,
}

/// The headers that every route reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `language.rs` and `sanitize.rs` read")]
pub(super) struct ReaderHeaders {
    /// The language of problems: `zh` or `zh-CN` for Chinese, otherwise English.
    #[param(rename = "Accept-Language", nullable = false)]
    accept_language: Option<String>,
    /// Your id for this request, 1 to 128 visible ASCII characters. It appears in the answer and in the gateway's log. If you send none, or an invalid one, the gateway makes one.
    #[param(rename = "X-Request-Id", nullable = false)]
    x_request_id: Option<String>,
}

/// The parameters of a page of broadcasts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `broadcasting/query.rs` reads")]
pub(super) struct ListParameters {
    /// The `next_cursor` of the previous page.
    #[param(pattern = "^bc_[0-9a-f]{32}$")]
    cursor: Option<String>,
    /// The maximum number of broadcasts on the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// The parameters of a page of receivers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `broadcasting/query.rs` reads")]
pub(super) struct ReceiverListParameters {
    /// Only receivers with one of these outcomes. Repeat the parameter, or separate its values with commas.
    #[param(style = Form, explode)]
    outcome: Option<Vec<ReceiverState>>,
    /// The `next_cursor` of the previous page. Not for CSV, which has no pages.
    #[param(pattern = "^[0-9]{1,9}$")]
    cursor: Option<String>,
    /// The maximum number of receivers on the page. Not for CSV, which has no pages.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// The headers of a long poll.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `v1/broadcasts.rs` reads")]
pub(super) struct LongPollHeaders {
    /// `wait=N`, such as `wait=30`: answer when the broadcast changes, or after N seconds, at most 60. If it has changed since `If-None-Match`, the answer comes at once.
    #[param(rename = "Prefer", nullable = false)]
    prefer: Option<String>,
    /// The `ETag` of your last answer. If nothing has changed since, the answer is 304.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

/// The headers of a stream of events.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `broadcasting/events.rs` reads")]
pub(super) struct StreamHeaders {
    /// The `id` of the last event that you received.
    #[param(rename = "Last-Event-ID", nullable = false)]
    last_event_id: Option<String>,
}
