//! Examples of each problem for the OpenAPI document and the problem's page, made as the gateway makes its
//! answers.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::auth::sender;
use crate::api::auth::unauthorized::Unauthorized;
use crate::api::broadcasting::configured::not_configured;
use crate::api::broadcasting::problems::{NamedIn, key_missing, problem_of_broadcast};
use crate::api::http::body::{not_json, too_large, too_slow};
use crate::api::language::Language;
use crate::api::mcp::door::foreign_origin;
use crate::api::problems::body::{Occurrence, ProblemBody};
use crate::api::problems::forward_failure::problem_of_forward;
use crate::api::problems::not_found::not_found;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::api::public_url::PublicUrl;
use crate::api::v1::events;
use crate::broadcasts::BroadcastError;
use crate::delivery::{ForwardError, PriorAttempts};
use crate::feishu::codes::CODES;
use crate::feishu::error::{CallError, Refusal};
use crate::limits::{Month, OverBudget, Scope};
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{Facts, Outcome, ProblemKind};
use crate::model::wording::Wording;
use crate::queue::QueueError;

/// The path of the forward that most examples answer.
pub(crate) const EXAMPLE_FORWARD: &str = "/v1/messages/om_dc13264520392913993dd051dba21dcf/forward";
/// The `request_id` and the `uuid` in the examples.
const EXAMPLE_ID: &str = "0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20";
const EXAMPLE_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

const LOG_ID: &str = "202611221530120F2A6D1F5C3B7E9A4D21";
/// When the examples happen.
const EXAMPLE_TIME: &str = "2026-11-22T09:00:00Z";
/// A code that Feishu does not document.
const UNKNOWN_CODE: i64 = 239_999;

/// A problem as it could happen.
pub(crate) struct ProblemExample {
    /// The name of the example, which no other one has.
    pub(crate) name: String,
    problem: Problem,
}

impl ProblemExample {
    pub(crate) fn body<'a>(
        &'a self,
        instance: &'a str,
        language: Language,
        public_url: &PublicUrl,
    ) -> ProblemBody<'a> {
        let occurrence =
            Occurrence { path: instance, request_id: EXAMPLE_ID, trace_id: EXAMPLE_TRACE };
        ProblemBody::of(&self.problem, &occurrence, language, public_url)
    }
}

/// The examples of a problem: one that the gateway finds itself, one that Feishu answers, or both.
pub(crate) fn examples(kind: ProblemKind) -> Vec<ProblemExample> {
    let name = kind.facts().name;
    let own: Vec<_> = before_delivery(kind).into_iter().chain(in_delivery(kind)).collect();
    let codes = CODES.iter().filter(|code| code.problem == kind);
    let by_feishu = codes.min_by_key(|code| code.msg.is_empty()).map(|code| {
        let name = if own.is_empty() { name.to_owned() } else { format!("{name}_by_feishu") };
        // Feishu documents no text for some codes.
        let msg = if code.msg.is_empty() { kind.facts().title } else { code.msg };
        ProblemExample { name, problem: forwarding(&refused(code.code, msg)) }
    });
    let own = own.into_iter().map(|problem| ProblemExample { name: name.to_owned(), problem });
    own.chain(by_feishu).collect()
}

/// The problem, if the gateway refuses a request with it before it asks `delivery`.
fn before_delivery(kind: ProblemKind) -> Option<Problem> {
    Some(match kind {
        ProblemKind::InvalidRequest => {
            let missing = Wording::new("is missing", "缺失");
            Problem::invalid(vec![InvalidField::new("receive_id", missing)])
        }
        ProblemKind::Unauthorized => Unauthorized::NoKey.problem(),
        ProblemKind::RequestTimeout => too_slow(Duration::from_secs(10)),
        ProblemKind::BodyTooLarge => too_large(64 * 1024),
        ProblemKind::TenantNotAllowed => sender::not_allowed(),
        ProblemKind::OriginNotAllowed => foreign_origin(),
        ProblemKind::RouteNotFound => not_found("/nope", true),
        ProblemKind::MethodNotAllowed => Problem::method_not_allowed("POST"),
        ProblemKind::UnsupportedMediaType => not_json("text/plain"),
        ProblemKind::Overloaded => Problem::too_many_in_flight(1024),
        ProblemKind::Draining => Problem::connection_is_over(),
        ProblemKind::BroadcastNotFound => broadcasting(&BroadcastError::NotFound),
        ProblemKind::BroadcastEnded => broadcasting(&BroadcastError::Ended),
        ProblemKind::TooManyBroadcasts => broadcasting(&BroadcastError::TooMany(10)),
        ProblemKind::BroadcastsNotConfigured => not_configured(),
        ProblemKind::IdempotencyKeyMissing => key_missing(),
        ProblemKind::EventRejected => events::rejected(),
        ProblemKind::InternalError => {
            let Facts { title, title_zh, .. } = kind.facts();
            Problem::new(kind, Wording::new(format!("{title}."), format!("{title_zh}。")))
        }
        _ => return None,
    })
}

fn broadcasting(error: &BroadcastError) -> Problem {
    problem_of_broadcast(error, NamedIn::List)
}

/// The problem, if `delivery` fails with it although Feishu has not answered with one of its codes.
fn in_delivery(kind: ProblemKind) -> Option<Problem> {
    let retry_after = Duration::from_millis(412);
    let late = |scope| ForwardError::NoPermit(QueueError::TooLate { scope, retry_after });
    let error = match kind {
        ProblemKind::ReceiverNotAllowed => ForwardError::NotAllowed,
        ProblemKind::ReceiverRateLimited => late(Scope::Receiver),
        ProblemKind::AppRateLimited => late(Scope::App),
        ProblemKind::CallerRateLimited => {
            ForwardError::OverBudget(OverBudget::Minute { limit: 100, retry_after })
        }
        ProblemKind::CallerQuotaExhausted => {
            let now = EXAMPLE_TIME.parse().expect("a time");
            let (limit, month) = (10_000, Month::of(now));
            ForwardError::OverBudget(OverBudget::Month {
                limit,
                month,
                retry_after: month.ends_in(now),
            })
        }
        ProblemKind::IdempotencyKeyReused => ForwardError::KeyReused,
        ProblemKind::UuidReused => ForwardError::UuidReused,
        ProblemKind::TooLateToRepeat => ForwardError::TooLateToRepeat,
        ProblemKind::FeishuUnreachable => ForwardError::CircuitOpen { retry_after },
        ProblemKind::FeishuTimeout => ForwardError::Failed(CallError::TimedOut { is_stale: false }),
        ProblemKind::FeishuUnreadable => ForwardError::Failed(CallError::Unreadable {
            http_status: 502,
            detail: "not a JSON object with a code",
            log_id: None,
        }),
        ProblemKind::FeishuError => refused(UNKNOWN_CODE, "An error that is not documented."),
        _ => return None,
    };
    Some(forwarding(&error))
}

fn refused(code: i64, msg: &str) -> ForwardError {
    ForwardError::Failed(CallError::Refused(Box::new(Refusal {
        code,
        msg: msg.to_owned(),
        log_id: Some(LOG_ID.to_owned()),
        http_status: if code == 99_991_400 { 429 } else { 400 },
        troubleshooter: Some(format!("https://open.feishu.cn/search?query={code}")),
        ..Refusal::default()
    })))
}

fn forwarding(error: &ForwardError) -> Problem {
    let uuid = DedupKey::parse(EXAMPLE_ID).expect("a uuid");
    let problem = problem_of_forward(error, uuid.clone(), PriorAttempts::NotSent);
    if problem.outcome == Outcome::NotDelivered || !problem.kind.facts().retryable {
        return problem;
    }
    let first_attempt = EXAMPLE_TIME.parse::<Timestamp>().expect("a time");
    problem_of_forward(error, uuid, PriorAttempts::InDoubt(first_attempt + Duration::from_mins(55)))
}
