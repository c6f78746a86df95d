//! A failure on its way to the caller.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use jiff::Timestamp;
use thiserror::Error;

use crate::api::auth::unauthorized::Unauthorized;
use crate::clock::seconds_up;
use crate::feishu::error::Refusal;
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{Outcome, ProblemKind, Remedy};
use crate::model::wording::Wording;

/// What went wrong with one request. `observe` writes it out, because that takes the request.
#[derive(Debug, Error)]
#[error("{}: {}", .kind.facts().name, .detail.en)]
pub struct Problem {
    pub(crate) kind: ProblemKind,
    /// One sentence about this case.
    pub(crate) detail: Box<Wording>,
    pub(crate) outcome: Outcome,
    pub(crate) remedy: Remedy,
    pub(crate) uuid: Option<DedupKey>,
    /// Until when it is safe to repeat with the `uuid`, where the outcome is unknown.
    pub(crate) safe_retry_until: Option<Timestamp>,
    /// What Feishu said, where Feishu answered.
    pub(crate) feishu: Option<Box<Refusal>>,
    pub(crate) errors: Vec<InvalidField>,
    /// For the log alone.
    pub(crate) log_id: Option<String>,
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
}

/// A field of the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidField {
    /// The name of the parameter, header or body member; `body` for the body as a whole.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) detail: Wording,
}

impl InvalidField {
    pub(crate) fn new(field: impl Into<String>, detail: Wording) -> Self {
        Self { field: field.into(), detail }
    }
}

/// The fields that there are; any other name is the caller's own.
const FIELDS: &[&str] = &[
    "message_id",
    "receive_id_type",
    "uuid",
    "dry_run",
    "receive_id",
    "Prefer",
    "Idempotency-Key",
    "X-Idempotency-Key",
    "body",
    "query",
];
/// How many fields the sentence names; `errors` has them all.
const NAMED_IN_DETAIL: usize = 5;
/// In seconds, a day: whoever said more was no clock.
const LONGEST_RETRY_AFTER: u64 = 86_400;
pub(crate) const SOON: Duration = Duration::from_secs(1);

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: Wording) -> Self {
        let facts = kind.facts();
        let problem = Self {
            kind,
            detail: Box::new(detail),
            outcome: facts.outcome,
            remedy: facts.remedy,
            uuid: None,
            safe_retry_until: None,
            feishu: None,
            errors: Vec::new(),
            log_id: None,
            header: None,
        };
        match facts.status {
            429 | 503 => problem.retry_after(SOON),
            _ => problem,
        }
    }

    pub(crate) fn invalid(errors: Vec<InvalidField>) -> Self {
        let named = errors.iter().take(NAMED_IN_DETAIL).map(|error| error.field.as_str());
        let named = named.collect::<Vec<_>>();
        let (more, more_zh) =
            if errors.len() > NAMED_IN_DETAIL { (" and more", " 等") } else { ("", "") };
        let detail = Wording::new(
            format!("Not valid: {}{more}.", named.join(", ")),
            format!("以下字段无效：{}{more_zh}。", named.join("、")),
        );
        Self { errors, ..Self::new(ProblemKind::InvalidRequest, detail) }
    }

    pub(crate) fn unauthorized(why: &Unauthorized) -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, why.challenge())),
            ..Self::new(ProblemKind::Unauthorized, why.detail())
        }
    }

    pub(crate) fn method_not_allowed(allowed: &'static str) -> Self {
        Self {
            header: Some((ALLOW, HeaderValue::from_static(allowed))),
            ..Self::new(
                ProblemKind::MethodNotAllowed,
                Wording::new(
                    format!("The route takes {allowed} only."),
                    format!("该接口只接受 {allowed}。"),
                ),
            )
        }
    }

    /// One request more than may be answered at the same time.
    pub(crate) fn one_too_many(max_in_flight: usize) -> Self {
        let detail = Wording::new(
            format!("More than {max_in_flight} requests are being answered."),
            format!("正在处理的请求已超过 {max_in_flight} 个。"),
        );
        Self::new(ProblemKind::Overloaded, detail)
    }

    /// A request on a connection that ended with the answer before.
    pub(crate) fn over() -> Self {
        let detail = Wording::new(
            "The connection ended with the answer before; nothing was sent.",
            "该连接已随上一个响应结束；消息未发送。",
        );
        Self::new(ProblemKind::Draining, detail)
    }

    /// What of it may stand in a log: neither a caller's nor Feishu's words, which can name a receiver
    /// or hold a key that was pasted into the wrong place.
    pub(crate) fn for_log(&self) -> Option<String> {
        if let Some(refusal) = &self.feishu {
            return Some(format!("Feishu answered {}.", refusal.code));
        }
        if !self.errors.is_empty() {
            let names = self.errors.iter().map(|error| match error.field.as_str() {
                known if FIELDS.contains(&known) => known,
                _ => "an unknown one",
            });
            return Some(format!("Not valid: {}.", names.collect::<Vec<_>>().join(", ")));
        }
        match self.kind {
            // A guess at what was meant is for who asked.
            ProblemKind::RouteNotFound => None,
            // The detail repeats the caller's `Content-Type`; of a key, the reason says more.
            ProblemKind::UnsupportedMediaType | ProblemKind::Unauthorized => {
                Some(self.kind.facts().title.to_owned())
            }
            _ => Some(self.detail.en.clone().into_owned()),
        }
    }

    pub(crate) fn retry_after(self, pause: Duration) -> Self {
        let seconds = seconds_up(pause).clamp(1, LONGEST_RETRY_AFTER);
        Self { header: Some((RETRY_AFTER, seconds.into())), ..self }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.facts().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The head alone: the body takes the request, and `observe` adds it.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}
