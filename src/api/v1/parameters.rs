//! The parameters that every forward has, for the OpenAPI document. The program reads them in `api/input`.

use utoipa::IntoParams;

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
