//! The JSON that goes over the wire, and how it is read.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

use super::error::{CallError, FieldViolation, Forwarded, Refusal};

#[derive(Serialize)]
pub(super) struct ForwardBody<'a> {
    pub(super) receive_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct TokenBody<'a> {
    pub(super) app_id: &'a str,
    pub(super) app_secret: &'a str,
}

/// A tenant token as Feishu hands it out. It has no `Debug`: the token is a secret.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    pub(super) tenant_access_token: String,
    /// Seconds that it still lives.
    pub(super) expire: u64,
}

/// An answer of Feishu's with its headers and its whole body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The part that all answers have. What they carry beside it is read only when `code` is zero.
#[derive(Deserialize)]
struct Envelope<'a> {
    code: i64,
    msg: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    // Read leniently: a refusal stays a refusal when Feishu decorates it in a way not seen before.
    #[serde(default)]
    error: serde_json::Value,
    #[serde(default)]
    field_violations: serde_json::Value,
}

#[derive(Deserialize)]
struct NewMessage {
    message_id: String,
}

impl Answer {
    /// Reads the answer to a forward.
    pub(super) fn forwarded(self) -> Result<Forwarded, CallError> {
        let data = self.success()?.data;
        let Some(data) = data.filter(|data| data.get().starts_with('{')) else {
            return Err(self.unreadable("a success without data"));
        };
        let Ok(NewMessage { message_id }) = serde_json::from_str(data.get()) else {
            return Err(self.unreadable("a success without the new message's id"));
        };
        let message = self.body.slice_ref(data.get().as_bytes());
        Ok(Forwarded { message, message_id, log_id: self.log_id() })
    }

    /// Reads the answer to a call for a tenant token; its results stand at the top level.
    pub(super) fn token(&self) -> Result<TokenAnswer, CallError> {
        self.success()?;
        serde_json::from_slice(&self.body).map_err(|_| self.unreadable("a success without a token"))
    }

    fn success(&self) -> Result<Envelope<'_>, CallError> {
        // A list would be read too, its items in the order of the fields.
        let is_object = self.body.trim_ascii_start().starts_with(b"{");
        let envelope = serde_json::from_slice::<Envelope<'_>>(&self.body).ok();
        let Some(envelope) = envelope.filter(|_| is_object) else {
            return Err(self.unreadable("no JSON object with a code"));
        };
        if envelope.code == 0 {
            return Ok(envelope);
        }
        Err(CallError::Refused(Box::new(self.refusal(envelope))))
    }

    fn refusal(&self, envelope: Envelope<'_>) -> Refusal {
        let text = |name: &str| envelope.error[name].as_str().map(str::to_owned);
        let nested = &envelope.error["field_violations"];
        let fields = if nested.is_array() { nested } else { &envelope.field_violations };
        Refusal {
            code: envelope.code,
            log_id: self.log_id().or_else(|| text("log_id")).or_else(|| text("logid")),
            http_status: self.status.as_u16(),
            troubleshooter: text("troubleshooter"),
            reset: self
                .header("x-ogw-ratelimit-reset")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            fields: fields.as_array().into_iter().flatten().filter_map(field_violation).collect(),
            msg: envelope.msg.unwrap_or_default(),
        }
    }

    fn unreadable(&self, detail: &'static str) -> CallError {
        CallError::Unreadable { http_status: self.status.as_u16(), detail, log_id: self.log_id() }
    }

    fn log_id(&self) -> Option<String> {
        self.header("x-tt-logid").map(str::to_owned)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn field_violation(violation: &serde_json::Value) -> Option<FieldViolation> {
    let text = |name: &str| violation[name].as_str().unwrap_or_default().to_owned();
    let field = text("field");
    (!field.is_empty()).then(|| FieldViolation { field, description: text("description") })
}
