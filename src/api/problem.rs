//! A failure on its way to the caller, and the one table from errors to problems.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::clock::seconds_up;
use crate::delivery::{ForwardError, NoTurn};
use crate::feishu::codes;
use crate::feishu::error::{CallError, Refusal};
use crate::limits::Scope;
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{Outcome, ProblemKind, Remedy};

/// What went wrong with one request. `observe` writes it out, because that takes the request.
#[derive(Debug, Error)]
#[error("{}: {detail}", .kind.facts().name)]
pub struct Problem {
    pub(super) kind: ProblemKind,
    /// One sentence about this case.
    pub(super) detail: String,
    pub(super) outcome: Outcome,
    pub(super) remedy: Remedy,
    pub(super) uuid: Option<DedupKey>,
    /// Until when it is safe to repeat with the `uuid`, where the outcome is unknown.
    pub(super) safe_retry_until: Option<Timestamp>,
    /// What Feishu said, where Feishu answered.
    pub(super) feishu: Option<Box<Refusal>>,
    pub(super) errors: Vec<InvalidField>,
    /// For the log alone.
    pub(super) log_id: Option<String>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// A field of the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct InvalidField {
    /// The name of the parameter, header or body member; `body` for the body as a whole.
    #[schema(example = "receive_id")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

impl InvalidField {
    pub(super) fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// When to come back after Feishu said that a quota is used up: it does not say itself.
const QUOTA_RETRY_AFTER: Duration = Duration::from_hours(1);
/// The fields that there are; any other name is the caller's own.
const FIELDS: &[&str] = &[
    "message_id",
    "receive_id_type",
    "uuid",
    "dry_run",
    "receive_id",
    "Prefer",
    "Idempotency-Key",
    "body",
    "query",
];
/// How many fields the sentence names; `errors` has them all.
const NAMED_IN_DETAIL: usize = 5;
const SOON: Duration = Duration::from_secs(1);

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let facts = kind.facts();
        let problem = Self {
            kind,
            detail: detail.into(),
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

    pub(super) fn invalid(errors: Vec<InvalidField>) -> Self {
        let named = errors.iter().take(NAMED_IN_DETAIL).map(|error| error.field.as_str());
        let more = if errors.len() > NAMED_IN_DETAIL { " and more" } else { "" };
        let detail = format!("Not valid: {}{more}.", named.collect::<Vec<_>>().join(", "));
        Self { errors, ..Self::new(ProblemKind::InvalidRequest, detail) }
    }

    pub(super) fn unauthorized() -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"feishu-forward-gateway\"");
        Self {
            header: Some((WWW_AUTHENTICATE, challenge)),
            ..Self::new(
                ProblemKind::Unauthorized,
                "The request shows no API key that is valid now.",
            )
        }
    }

    pub(super) fn method_not_allowed(method: &str, allowed: &'static str) -> Self {
        Self {
            header: Some((ALLOW, HeaderValue::from_static(allowed))),
            ..Self::new(
                ProblemKind::MethodNotAllowed,
                format!("The route takes {allowed}, not {method}."),
            )
        }
    }

    /// The problem of a forward that did not succeed. Where an attempt of it may have gone out, what
    /// happened afterwards does not change that.
    pub(super) fn of_forward(
        error: &ForwardError,
        uuid: DedupKey,
        safe_retry_until: Option<Timestamp>,
    ) -> Self {
        let mut problem = Self { uuid: Some(uuid), safe_retry_until, ..Self::of_error(error) };
        if safe_retry_until.is_some() && problem.outcome == Outcome::NotDelivered {
            problem.outcome = Outcome::Unknown;
            problem.detail.push_str(" An earlier attempt may have gone out.");
        }
        problem
    }

    fn of_error(error: &ForwardError) -> Self {
        match error {
            ForwardError::NotAllowed => Self::new(
                ProblemKind::ReceiverNotAllowed,
                "The policy of this API key does not include the receiver; nothing was sent.",
            ),
            ForwardError::NoTurn(NoTurn::Late { scope, retry_after }) => {
                Self::of_no_turn(*scope, *retry_after)
            }
            ForwardError::NoTurn(NoTurn::Crowded) => Self::new(
                ProblemKind::Overloaded,
                "Too many forwards wait for their turn; nothing was sent.",
            ),
            ForwardError::Draining => {
                Self::new(ProblemKind::Draining, "The gateway is shutting down; nothing was sent.")
            }
            ForwardError::CircuitOpen { retry_after } => {
                let seconds = retry_after.as_secs_f64();
                let detail = format!(
                    "Feishu has not answered for a while and is asked again in {seconds:.3} s; nothing was sent."
                );
                Self::new(ProblemKind::FeishuUnreachable, detail)
            }
            ForwardError::QuotaUsedUp { retry_after } => {
                let detail = "Feishu said earlier that the app's monthly quota is used up, and is not asked again for a while; nothing was sent.";
                Self::new(ProblemKind::MonthlyQuotaExhausted, detail).retry_after(*retry_after)
            }
            ForwardError::NoToken(token) => Self::of_missing_token(&token.error),
            ForwardError::Failed(error) => Self::of_call(error),
            ForwardError::KeyReused => Self::new(
                ProblemKind::IdempotencyKeyReused,
                "The Idempotency-Key was used for another message, receiver or app within the hour; nothing was sent.",
            ),
            ForwardError::TooLateToRepeat => Self::new(
                ProblemKind::TooLateToRepeat,
                "An earlier forward with this uuid may have gone out, longer ago than Feishu is sure to know it; it was not sent again.",
            ),
        }
    }

    fn of_no_turn(scope: Scope, retry_after: Duration) -> Self {
        let (kind, whose) = match scope {
            Scope::Receiver => (ProblemKind::ReceiverRateLimited, "this receiver"),
            Scope::App => (ProblemKind::AppRateLimited, "the app"),
        };
        let seconds = retry_after.as_secs_f64();
        let detail = format!(
            "The next turn for {whose} is {seconds:.3} s away, longer than this forward may wait; nothing was sent."
        );
        Self::new(kind, detail).retry_after(retry_after)
    }

    /// Without a token nothing was sent, whatever became of the call for it.
    fn of_missing_token(error: &CallError) -> Self {
        let problem = match error {
            CallError::Refused(refusal) => Self::of_refusal(refusal),
            CallError::Connect(_)
            | CallError::TimedOut
            | CallError::Broken(_)
            | CallError::Unreadable { .. } => Self::new(
                ProblemKind::FeishuUnreachable,
                format!("No tenant token could be fetched: {error}; nothing was sent."),
            ),
        };
        Self { outcome: Outcome::NotDelivered, ..problem }
    }

    fn of_call(error: &CallError) -> Self {
        match error {
            CallError::Connect(_) => Self::new(
                ProblemKind::FeishuUnreachable,
                format!("Feishu cannot be reached: {error}; nothing was sent."),
            ),
            CallError::TimedOut => Self::new(
                ProblemKind::FeishuTimeout,
                "Feishu did not answer in time; the message may have been handed over.",
            ),
            CallError::Broken(_) => Self::new(
                ProblemKind::FeishuUnreadable,
                format!("No whole answer came from Feishu: {error}."),
            ),
            CallError::Unreadable { log_id, .. } => Self {
                log_id: log_id.clone(),
                ..Self::new(
                    ProblemKind::FeishuUnreadable,
                    format!("Feishu's answer cannot be read: {error}."),
                )
            },
            CallError::Refused(refusal) => Self::of_refusal(refusal),
        }
    }

    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        let detail = match refusal.msg.as_str() {
            "" => format!("Feishu answered {} without a word.", refusal.code),
            msg => format!("Feishu answered {}: {msg}", refusal.code),
        };
        let problem = match codes::find(refusal.code) {
            Some(known) => Self { remedy: known.remedy, ..Self::new(known.problem, detail) },
            None => Self::new(ProblemKind::FeishuError, detail),
        };
        let problem = Self { outcome: refusal.outcome(), ..problem };
        let problem = match problem.kind {
            ProblemKind::AppRateLimited => problem.retry_after(refusal.reset.unwrap_or(SOON)),
            ProblemKind::MonthlyQuotaExhausted | ProblemKind::DailyQuotaExhausted => {
                problem.retry_after(QUOTA_RETRY_AFTER)
            }
            _ => problem,
        };
        let errors =
            refusal.fields.iter().map(|it| InvalidField::new(&it.field, &it.description)).collect();
        Self {
            errors,
            log_id: refusal.log_id.clone(),
            feishu: Some(Box::new(refusal.clone())),
            ..problem
        }
    }

    /// What of it may stand in a log: neither a caller's nor Feishu's words, which can name a receiver
    /// or hold a key that was pasted into the wrong place.
    pub(super) fn for_log(&self) -> Option<String> {
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
            ProblemKind::RouteNotFound => None,
            // The detail repeats the caller's `Content-Type`, or its method.
            ProblemKind::UnsupportedMediaType | ProblemKind::MethodNotAllowed => {
                Some(self.kind.facts().title.to_owned())
            }
            _ => Some(self.detail.clone()),
        }
    }

    fn retry_after(self, pause: Duration) -> Self {
        Self { header: Some((RETRY_AFTER, seconds_up(pause).max(1).into())), ..self }
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
