//! Answers in Feishu's envelope, `{code, msg, data}` or `{code, msg, error}`.
//!
//! What Feishu refused is answered as Feishu said it. For what the gateway says itself, [`own_code`] is the one table.

use actix_web::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::api::language::Language;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::feishu::error::Refusal;
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{Outcome, ProblemKind};

/// Feishu's code for an app that makes too many calls.
pub(crate) const APP_LIMITED: i64 = 99991400;

/// The envelope of a success with these data, which are JSON.
pub(crate) fn success(data: &[u8]) -> Vec<u8> {
    [br#"{"code":0,"msg":"success","data":"#, data, b"}"].concat()
}

/// The envelope of a failure.
#[derive(Debug, Serialize)]
pub(crate) struct Failure<'a> {
    #[serde(skip)]
    pub(crate) status: StatusCode,
    pub(crate) code: i64,
    msg: &'a str,
    /// Feishu's members, and the gateway's where Feishu has none.
    error: Map<String, Value>,
}

/// What the gateway says of a failure beside code and message.
#[derive(Debug, Serialize)]
struct FailureDetails<'a> {
    /// What to do.
    message: &'static str,
    log_id: &'a str,
    /// The page about the problem.
    troubleshooter: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    field_violations: Vec<Violation<'a>>,
    /// The `uuid` to repeat with.
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<&'a str>,
    /// Until when repeating is safe, where the outcome is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    safe_retry_until: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Violation<'a> {
    field: &'a str,
    description: &'a str,
}

/// What the envelope says of the request that failed.
#[derive(Clone, Copy)]
pub(crate) struct FailedRequest<'a> {
    pub(crate) id: &'a str,
    /// Whether it has a token, right or wrong.
    pub(crate) has_token: bool,
    /// The address of the page about the problem.
    pub(crate) page: &'a str,
}

impl<'a> Failure<'a> {
    pub(crate) fn of(problem: &'a Problem, request: FailedRequest<'a>, language: Language) -> Self {
        let refusal = refusal_to_pass_on(problem);
        let (status, code) = match refusal {
            Some(refusal) => (status_of(refusal), refusal.code),
            None => own_code(problem, request.has_token),
        };
        let own = FailureDetails {
            message: match problem.kind {
                ProblemKind::InvalidRequest if !problem.errors.is_empty() => {
                    language.choose(CORRECT_FIELDS, CORRECT_FIELDS_ZH)
                }
                _ => language.choose(problem.remedy.en, problem.remedy.zh),
            },
            log_id: problem.log_id.as_deref().unwrap_or(request.id),
            troubleshooter: request.page,
            field_violations: violations(&problem.errors, language),
            uuid: problem.uuid.as_ref().map(DedupKey::as_str),
            safe_retry_until: problem.safe_retry_until,
        };
        let mut error = members(&own);
        let of_feishu = refusal.and_then(|it| it.details.as_deref()).map(serde_json::from_str);
        if let Some(Ok(Value::Object(members))) = of_feishu {
            let is_own = |name: &str| ["uuid", "safe_retry_until"].contains(&name);
            error.extend(members.into_iter().filter(|(name, it)| !it.is_null() && !is_own(name)));
        }
        let msg = refusal.map_or_else(|| language.of(&problem.detail), |it| it.msg.as_str());
        Self { status, code, msg, error }
    }
}

const CORRECT_FIELDS: &str = "Correct the fields named in field_violations.";
const CORRECT_FIELDS_ZH: &str = "请修正 field_violations 中列出的字段。";

fn members(details: &FailureDetails<'_>) -> Map<String, Value> {
    match serde_json::to_value(details) {
        Ok(Value::Object(members)) => members,
        _ => unreachable!("a struct of strings is always an object"),
    }
}

/// What Feishu said, if that is the truth for the caller as well. It is not if the message may have gone out and Feishu's
/// code does not say so, nor if Feishu refused the gateway's own credentials: the caller would think that they are its
/// own.
fn refusal_to_pass_on(problem: &Problem) -> Option<&Refusal> {
    let refusal = problem.feishu.as_deref()?;
    let is_true = match problem.kind {
        ProblemKind::CredentialsRejected => false,
        ProblemKind::MessageInProgress => true,
        _ => problem.outcome == Outcome::NotDelivered,
    };
    is_true.then_some(refusal)
}

/// The HTTP status that Feishu's answer had. No 504, whose body the Go SDK throws away.
fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal.http_status {
        504 => StatusCode::INTERNAL_SERVER_ERROR,
        // Others have no body, or mean something of the connection.
        status @ (200 | 400..=407 | 409..=599) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
        }
        _ => StatusCode::BAD_REQUEST,
    }
}

/// HTTP status and Feishu's code of what the gateway says itself.
fn own_code(problem: &Problem, has_token: bool) -> (StatusCode, i64) {
    use ProblemKind::*;
    if problem.outcome == Outcome::Unknown {
        // The message is being sent: ask again with the same `uuid`.
        return (StatusCode::BAD_REQUEST, 230049);
    }
    if let Some(code) = problem.refused_before
        && problem.kind != CredentialsRejected
    {
        return (StatusCode::BAD_REQUEST, code.code);
    }
    match problem.kind {
        Unauthorized if has_token => (StatusCode::BAD_REQUEST, 99991663),
        Unauthorized => (StatusCode::BAD_REQUEST, 99991661),
        InvalidRequest => (StatusCode::BAD_REQUEST, 99992402),
        ReceiverNotAllowed | TenantNotAllowed => (StatusCode::BAD_REQUEST, 230027),
        ReceiverRateLimited => (StatusCode::BAD_REQUEST, 230020),
        AppRateLimited | CallerRateLimited => (StatusCode::TOO_MANY_REQUESTS, APP_LIMITED),
        RouteNotFound | MethodNotAllowed => (StatusCode::NOT_FOUND, 404),
        Overloaded | Draining => (StatusCode::SERVICE_UNAVAILABLE, 2200),
        RequestTimeout
        | BodyTooLarge
        | UnsupportedMediaType
        | IdempotencyKeyReused
        | UuidReused
        | TooLateToRepeat
        | CallerQuotaExhausted
        | FeishuUnreachable
        | FeishuUnreadable
        | FeishuError
        | FeishuTimeout
        | InternalError
        | BotNotInChat
        | BotNotEnabled
        | UserOutOfScope
        | ChatSettingsForbid
        | ThreadNotFound
        | PermissionMissing
        | UserResigned
        | ReceiverInvalid
        | SendDenied
        | TenantKeyDeleted
        | CrossTenantForbidden
        | MessageInProgress
        | MessageNotVisible
        | UserStoppedBot
        | MessageTypeUnsupported
        | EncryptedChatForbidden
        | ChatInvalid
        | MessageInvalid
        | MessageRecalled
        | MessageInSecretChat
        | MessageRestricted
        | ThreadNotVisible
        | MessageDeleted
        | ChatDissolved
        | MonthlyQuotaExhausted
        | GatewayAddressDenied
        | CredentialsRejected
        | AppNotInUse
        | AppNotAvailable
        | MessageNotFound
        | DailyQuotaExhausted
        | FeishuInternalError
        | MessagesNotMergeable
        | ThreadSourceNotVisible
        | OriginNotAllowed
        | BroadcastNotFound
        | BroadcastEnded
        | TooManyBroadcasts
        | BroadcastsNotConfigured
        | IdempotencyKeyMissing
        | EventRejected => (StatusCode::INTERNAL_SERVER_ERROR, 2200),
    }
}

fn violations(errors: &[InvalidField], language: Language) -> Vec<Violation<'_>> {
    let errors = errors.iter();
    errors.map(|it| Violation { field: &it.field, description: language.of(&it.detail) }).collect()
}
