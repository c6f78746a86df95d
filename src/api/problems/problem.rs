//! A failure on its way to the caller.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use jiff::Timestamp;
use thiserror::Error;

use crate::clock::seconds_up;
use crate::feishu::codes::Code;
use crate::feishu::error::Refusal;
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{Outcome, ProblemKind, Remedy};
use crate::model::wording::Wording;

/// What went wrong with one request. `http/response.rs` writes its body, which needs the request.
#[derive(Clone, Debug, Error)]
#[error("{}: {}", .kind.facts().name, .detail.en)]
pub struct Problem {
    pub(crate) kind: ProblemKind,
    /// One sentence about this case, for the caller. [`Problem::for_log`] says what a log may hold of it.
    pub(crate) detail: Box<Wording>,
    pub(crate) outcome: Outcome,
    pub(crate) remedy: Remedy,
    pub(crate) uuid: Option<DedupKey>,
    /// Where the outcome is unknown: until when a repetition with the `uuid` cannot be delivered twice.
    pub(crate) safe_retry_until: Option<Timestamp>,
    /// Feishu's answer, where Feishu refused the forward.
    pub(crate) feishu: Option<Box<Refusal>>,
    /// Feishu's code for the app, where Feishu had refused the app before and was not asked.
    pub(crate) refused_before: Option<&'static Code>,
    /// The calls that the caller may make in a minute, where these are used up.
    pub(crate) caller_per_minute: Option<u32>,
    pub(crate) errors: Vec<InvalidField>,
    /// Feishu's id for its answer. The body of the problem does not hold it.
    pub(crate) log_id: Option<String>,
    /// The one header that the kind of problem calls for, such as `Retry-After`.
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

/// The fields of the API. A log may hold these names; any other name is a word of the caller.
const FIELDS: &[&str] = &[
    "message_id",
    "thread_id",
    "receive_id_type",
    "uuid",
    "dry_run",
    "receive_id",
    "message_id_list",
    "receivers",
    "expires_in",
    "outcomes",
    "outcome",
    "broadcast_id",
    "idempotency_key",
    "wait_seconds",
    "cursor",
    "limit",
    "Prefer",
    "Idempotency-Key",
    "X-Idempotency-Key",
    "body",
    "query",
];
/// How many fields the detail names. `errors` holds all of them.
const NAMED_IN_DETAIL: usize = 5;
/// How many fields the log names.
const NAMED_IN_LOG: usize = 20;
/// Longest `Retry-After`, in seconds: a day. A server that asks for more is taken for one with a wrong clock.
const LONGEST_RETRY_AFTER: u64 = 86_400;
/// The `Retry-After` of a problem for which nothing more exact is known.
pub(crate) const SOON: Duration = Duration::from_secs(1);

impl Problem {
    /// A problem with what its kind says of the outcome and the remedy.
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
            refused_before: None,
            caller_per_minute: None,
            errors: Vec::new(),
            log_id: None,
            header: None,
        };
        match facts.status {
            429 | 503 => problem.retry_after(SOON),
            _ => problem,
        }
    }

    /// The problem of a request with mistakes in these fields.
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

    /// The problem of a route that takes the methods in `allowed` only.
    pub(crate) fn method_not_allowed(allowed: &'static str) -> Self {
        let detail = Wording::new(
            format!("The route accepts only {allowed}."),
            format!("该接口只接受 {allowed}。"),
        );
        Self::new(ProblemKind::MethodNotAllowed, detail)
            .with_header(ALLOW, HeaderValue::from_static(allowed))
    }

    /// The problem of a request that comes while `max_in_flight` others are being answered.
    pub(crate) fn too_many_in_flight(max_in_flight: usize) -> Self {
        let detail = Wording::new(
            format!("More than {max_in_flight} requests are being answered."),
            format!("正在处理的请求已超过 {max_in_flight} 个。"),
        );
        Self::new(ProblemKind::Overloaded, detail)
    }

    /// The problem of a request with a large body that comes while `most` others are in memory, or the caller's share of
    /// them.
    pub(crate) fn too_many_large_bodies(most: usize) -> Self {
        let detail = Wording::new(
            format!(
                "The gateway reads at most {most} large requests at the same time, for all callers together."
            ),
            format!("网关最多同时读取 {most} 个大请求，由所有调用方共享。"),
        );
        Self::new(ProblemKind::Overloaded, detail)
    }

    /// The problem of a request whose caller, or all strangers, have `own` others in flight, when what is left is for
    /// others.
    pub(crate) fn share_is_in_flight(own: usize, are_strangers: bool) -> Self {
        let detail = if are_strangers {
            Wording::new(
                format!(
                    "{own} requests of callers without a checked API key are in flight; the remaining places are for other callers."
                ),
                format!("尚未确认身份的调用方已有 {own} 个请求正在处理；其余名额留给其他调用方。"),
            )
        } else {
            Wording::new(
                format!(
                    "This caller has {own} requests in flight; the remaining places are for other callers."
                ),
                format!("该调用方已有 {own} 个请求正在处理；其余名额留给其他调用方。"),
            )
        };
        Self::new(ProblemKind::Overloaded, detail)
    }

    /// The problem of a request on a connection whose last answer was sent.
    pub(crate) fn connection_is_over() -> Self {
        let detail = Wording::new(
            "The connection ended with the previous answer; nothing was sent.",
            "该连接已随上一个响应结束；消息未发送。",
        );
        Self::new(ProblemKind::Draining, detail)
    }

    /// What a log may hold of the problem: no words of the caller or of Feishu, which can name a receiver or
    /// hold an API key that was pasted into the wrong place.
    pub(crate) fn for_log(&self) -> Option<String> {
        if let Some(refusal) = &self.feishu {
            return Some(format!("Feishu answered {}.", refusal.code));
        }
        if self.kind == ProblemKind::InvalidRequest && !self.errors.is_empty() {
            let names =
                self.errors.iter().take(NAMED_IN_LOG).map(|error| match error.field.as_str() {
                    known if is_known(known) => known,
                    _ => "an unknown one",
                });
            return Some(format!("Not valid: {}.", names.collect::<Vec<_>>().join(", ")));
        }
        match self.kind {
            // The detail is a guess at the path that the caller meant, and not news for an operator.
            ProblemKind::RouteNotFound => None,
            // The detail repeats the caller's `Content-Type`. About a key, the log field `reason` says more.
            ProblemKind::UnsupportedMediaType | ProblemKind::Unauthorized => {
                Some(self.kind.facts().title.to_owned())
            }
            _ => Some(self.detail.en.clone().into_owned()),
        }
    }

    pub(crate) fn retry_after(self, pause: Duration) -> Self {
        let seconds = seconds_up(pause).clamp(1, LONGEST_RETRY_AFTER);
        self.with_header(RETRY_AFTER, seconds.into())
    }

    pub(crate) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

/// A list of the API, whose items are named by their place.
struct List {
    name: &'static str,
    /// Digits of the last place that it may have.
    digits: usize,
    /// The members that an item has.
    members: &'static [&'static str],
}

const LISTS: [List; 3] = [
    List { name: "message_id_list", digits: 2, members: &[] },
    List { name: "outcomes", digits: 1, members: &[] },
    List { name: "receivers", digits: 5, members: &["receive_id", "receive_id_type"] },
];

/// Whether a log may hold the name of this field: one of [`FIELDS`], an item of [`LISTS`], or a member of one.
fn is_known(field: &str) -> bool {
    FIELDS.contains(&field) || LISTS.iter().any(|list| list.has(field))
}

impl List {
    /// Whether the field is an item of the list, or a member of one.
    fn has(&self, field: &str) -> bool {
        let item = field.strip_prefix(self.name).and_then(|it| it.strip_prefix('['));
        let Some((place, rest)) = item.and_then(|it| it.split_once(']')) else { return false };
        let is_place = place.len() <= self.digits && place.bytes().all(|it| it.is_ascii_digit());
        let is_member = rest.strip_prefix('.').is_some_and(|it| self.members.contains(&it));
        is_place && (rest.is_empty() || is_member)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.facts().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer without its body, which `http/response.rs` adds.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_holds_the_names_of_the_api_and_of_places_in_its_lists_and_no_other_name() {
        for known in [
            "receive_id",
            "receivers",
            "receivers[99999]",
            "receivers[17].receive_id",
            "receivers[0].receive_id_type",
            "outcomes[3]",
            "message_id_list[99]",
        ] {
            assert!(is_known(known), "{known}");
        }
        for word in [
            "oc_1",
            "receivers[x]",
            "receivers[123456]",
            "message_id_list[100]",
            "receivers[1].oc_1",
            "receivers[1]oc_1",
            "outcomes[1].receive_id",
            "receivers[1",
        ] {
            assert!(!is_known(word), "{word}");
        }
    }
}
