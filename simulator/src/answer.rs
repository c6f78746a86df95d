//! An answer of Feishu or of the control API, before it becomes an HTTP response.

use serde_json::{Value, json};

use crate::codes;
use crate::refusal::Refusal;
use crate::settings::Settings;

const JSON: &str = "application/json; charset=utf-8";

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
    /// The `code` in the body, if it has one.
    pub(crate) code: Option<i64>,
    /// The header `X-Tt-Logid`.
    pub(crate) log_id: Option<String>,
    /// The header `x-ogw-ratelimit-limit`.
    pub(crate) limit: Option<usize>,
    /// The header `x-ogw-ratelimit-reset`, in seconds.
    pub(crate) reset: Option<u64>,
}

impl Answer {
    /// A success with this body, whose `code` must be 0.
    pub(crate) fn success(body: &Value, log_id: String) -> Self {
        Self { code: Some(0), log_id: Some(log_id), ..Self::plain(200, JSON, body.to_string()) }
    }

    /// The answer for a refusal. The settings determine the HTTP status of two codes.
    pub(crate) fn refused(refusal: &Refusal, settings: &Settings, log_id: String) -> Self {
        let status = refusal.status.unwrap_or_else(|| status(refusal.code, settings));
        let body = body(refusal, &log_id);
        Self {
            code: Some(refusal.code),
            log_id: Some(log_id),
            limit: refusal.limit,
            reset: refusal.reset,
            ..Self::plain(status, JSON, body.to_string())
        }
    }

    /// Feishu's answer to an unknown path or method (seen).
    pub(crate) fn page_not_found() -> Self {
        Self::plain(404, "text/plain", "404 page not found".into())
    }

    /// An answer with any status and body, without a code and a log id.
    pub(crate) fn plain(status: u16, content_type: &str, body: String) -> Self {
        let content_type = content_type.to_owned();
        Self { status, content_type, body, code: None, log_id: None, limit: None, reset: None }
    }

    /// An answer of the control API.
    pub(crate) fn control(status: u16, body: &Value) -> Self {
        Self::plain(status, JSON, format!("{body}\n"))
    }
}

fn status(code: i64, settings: &Settings) -> u16 {
    match code {
        codes::APP_LIMIT => settings.app_limit_status,
        codes::TOKEN_INVALID => settings.rejected_token_status,
        _ => codes::status(code),
    }
}

/// The body of a refusal (doc). Refusals of the token APIs have a different format without `error` (seen).
fn body(refusal: &Refusal, log_id: &str) -> Value {
    let code = refusal.code;
    let msg = refusal.msg.as_deref().unwrap_or_else(|| codes::msg(code));
    if codes::is_of_token_api(code) {
        return json!({"code": code, "data": {}, "msg": msg});
    }
    let troubleshooter = format!(
        "排查建议查看(Troubleshooting suggestions): https://open.feishu.cn/search?from=openapi&log_id={log_id}&code={code}"
    );
    let mut error = json!({"log_id": log_id, "troubleshooter": troubleshooter});
    if !refusal.violations.is_empty() {
        error["field_violations"] = json!(refusal.violations);
    }
    json!({"code": code, "msg": msg, "error": error})
}
