//! Feishu's JSON, and how it is read. A refusal is recognised by its code, whatever else its body holds.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::{CallError, FieldViolation, Forwarded, Refusal};
use super::lenient;
use crate::model::merged_messages::MergedMessages;

/// An app's credentials, and its app ticket where the call needs one.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "Feishu's names")]
pub(super) struct CredentialsBody<'a> {
    pub(super) app_id: &'a str,
    pub(super) app_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_ticket: Option<&'a str>,
}

/// A store app's token, and the tenant for which it asks for one.
#[derive(Serialize)]
pub(super) struct TenantBody<'a> {
    pub(super) app_access_token: &'a str,
    pub(super) tenant_key: &'a str,
}

/// The kinds of tokens that are fetched.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenKind {
    Tenant,
    App,
}

/// A token as Feishu hands it out. It has no `Debug`, because the token is a secret.
pub(super) struct TokenAnswer {
    pub(super) token: String,
    /// Seconds that the token still lives.
    pub(super) expire: u64,
}

/// An answer of Feishu's with its headers and its whole body.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    /// In UTF-8.
    body: Bytes,
}

/// The members that all answers have. `data` is read only if `code` is zero.
struct Envelope<'a> {
    code: i64,
    msg: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    field_violations: Option<&'a RawValue>,
}

/// The app's windows are a second and a minute long (Feishu's documentation): no reset is further away.
const LONGEST_RESET: Duration = Duration::from_mins(1);
/// The most wrong fields that are kept; a forward has four fields.
const MOST_FIELDS: usize = 20;
/// The longest token, in bytes. Real ones have about fifty characters, and each call sends one.
const LONGEST_TOKEN: usize = 4096;
/// The largest `error` that is kept as it came, in bytes.
const LARGEST_DETAILS: usize = 4 << 10;
/// The longest id of a message, in characters.
const LONGEST_ID: usize = 200;

impl Answer {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let body = match str::from_utf8(&body) {
            Ok(_) => body,
            // The invalid bytes are most likely in a text for people.
            Err(_) => String::from_utf8_lossy(&body).into_owned().into(),
        };
        Self { status, headers, body }
    }

    /// Reads the answer to a forward of one message or of a thread: `data` is the new message.
    pub(super) fn forwarded(self) -> Result<Forwarded, CallError> {
        self.new_message(|data| Some((data, Vec::new())))
    }

    /// Reads the answer to a merge: `data` has the new message and the ids of the messages that were left out.
    pub(super) fn merged(self) -> Result<Forwarded, CallError> {
        self.new_message(|data| {
            let names = ["message", "invalid_message_id_list"];
            let [message, invalid] = lenient::members(data.get(), names)?;
            Some((message?, invalid.map(message_ids).unwrap_or_default()))
        })
    }

    /// Reads a success. `parts` are the new message and the messages that were left out.
    fn new_message(
        self,
        parts: impl FnOnce(&RawValue) -> Option<(&RawValue, Vec<String>)>,
    ) -> Result<Forwarded, CallError> {
        let data = self.success()?.data;
        let Some(data) = data.filter(|data| data.get().starts_with('{')) else {
            return Err(self.unreadable("a success without data"));
        };
        let message = parts(data).and_then(|(message, invalid_message_ids)| {
            let [id] = lenient::members(message.get(), ["message_id"])?;
            Some((lenient::text(id?)?, invalid_message_ids))
        });
        let Some((message_id, invalid_message_ids)) = message else {
            return Err(self.unreadable("a success without the new message's id"));
        };
        Ok(Forwarded {
            data: self.body.slice_ref(data.get().as_bytes()),
            message_id: lenient::line(&message_id, LONGEST_ID),
            invalid_message_ids,
            log_id: self.log_id(),
        })
    }

    /// Reads the answer to a call for a token; its results stand at the top level.
    pub(super) fn token(&self, kind: TokenKind) -> Result<TokenAnswer, CallError> {
        self.success()?;
        let name = match kind {
            TokenKind::Tenant => "tenant_access_token",
            TokenKind::App => "app_access_token",
        };
        let members = lenient::members(self.text(), [name, "expire"]);
        let answer = members.and_then(|[token, expire]| {
            let token = lenient::text(token?).filter(|it| it.len() <= LONGEST_TOKEN)?;
            let expire = lenient::whole_number(expire?)?.try_into().unwrap_or(0);
            Some(TokenAnswer { token: token.into_owned(), expire })
        });
        answer.ok_or_else(|| self.unreadable("a success without a token"))
    }

    /// Reads the answer to a call that returns nothing.
    pub(super) fn done(&self) -> Result<(), CallError> {
        self.success().map(drop)
    }

    fn success(&self) -> Result<Envelope<'_>, CallError> {
        let Some(envelope) = self.envelope() else {
            let is_encoded = self.headers.contains_key(CONTENT_ENCODING);
            return Err(self.unreadable(if is_encoded {
                "a body with an unexpected Content-Encoding"
            } else {
                "not a JSON object with a code"
            }));
        };
        if envelope.code == 0 {
            return Ok(envelope);
        }
        Err(CallError::Refused(Box::new(self.refusal(&envelope))))
    }

    fn envelope(&self) -> Option<Envelope<'_>> {
        let names = ["code", "msg", "data", "error", "field_violations"];
        let [code, msg, data, error, field_violations] = lenient::members(self.text(), names)?;
        let code = lenient::whole_number(code?)?;
        Some(Envelope { code, msg, data, error, field_violations })
    }

    fn refusal(&self, envelope: &Envelope<'_>) -> Refusal {
        let names = ["log_id", "logid", "troubleshooter", "field_violations"];
        let error = envelope.error.and_then(|error| lenient::members(error.get(), names));
        let [log_id, or_so, troubleshooter, fields] = error.unwrap_or_default();
        let log_id_of = |it: Option<&RawValue>| lenient::log_id(&lenient::text(it?)?);
        let fields = fields.and_then(field_violations);
        let fields = fields.or_else(|| field_violations(envelope.field_violations?));
        Refusal {
            code: envelope.code,
            log_id: self.log_id().or_else(|| log_id_of(log_id)).or_else(|| log_id_of(or_so)),
            http_status: self.status.as_u16(),
            troubleshooter: troubleshooter.and_then(|it| lenient::link(&lenient::text(it)?)),
            reset: self.reset(),
            fields: fields.unwrap_or_default(),
            details: envelope.error.and_then(details),
            msg: envelope.msg.map(lenient::words).unwrap_or_default(),
        }
    }

    fn reset(&self) -> Option<Duration> {
        let seconds: f64 = self.header("x-ogw-ratelimit-reset")?.trim().parse().ok()?;
        let is_time = seconds.is_finite() && seconds >= 0.0;
        is_time.then(|| Duration::from_secs_f64(seconds.min(LONGEST_RESET.as_secs_f64())))
    }

    fn unreadable(&self, detail: &'static str) -> CallError {
        CallError::Unreadable { http_status: self.status.as_u16(), detail, log_id: self.log_id() }
    }

    fn log_id(&self) -> Option<String> {
        lenient::log_id(self.header("x-tt-logid")?)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn text(&self) -> &str {
        let text = str::from_utf8(&self.body).expect("it was made UTF-8");
        // Some servers begin with the mark of their encoding.
        text.strip_prefix('\u{feff}').unwrap_or(text)
    }
}

/// The ids in a list, as far as they are texts.
fn message_ids(list: &RawValue) -> Vec<String> {
    let items = lenient::items(list, MergedMessages::MOST).unwrap_or_default();
    let texts = items.into_iter().filter_map(lenient::text);
    texts.map(|id| lenient::line(&id, LONGEST_ID)).collect()
}

fn details(error: &RawValue) -> Option<String> {
    let json = error.get();
    (json.starts_with('{') && json.len() <= LARGEST_DETAILS).then(|| json.to_owned())
}

/// None if it is no list.
fn field_violations(list: &RawValue) -> Option<Vec<FieldViolation>> {
    let items = lenient::items(list, MOST_FIELDS)?;
    Some(items.into_iter().filter_map(field_violation).collect())
}

fn field_violation(violation: &RawValue) -> Option<FieldViolation> {
    let [field, description] = lenient::members(violation.get(), ["field", "description"])?;
    let field = lenient::line(&lenient::text(field?)?, lenient::LONGEST_TEXT);
    let description = description.map(lenient::words).unwrap_or_default();
    (!field.is_empty()).then_some(FieldViolation { field, description })
}

#[cfg(test)]
mod tests;
