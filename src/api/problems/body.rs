//! The body of a problem: `application/problem+json` (RFC 9457), in the language of the answer.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::language::Language;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::api::public_url::PublicUrl;
use crate::feishu::error::Refusal;
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{FixBy, Outcome, ProblemKind};

/// An error. Every failure has this shape (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// The address of the explanation: `/problems/` and the code. It begins with the gateway's public URL if the operator
    /// has set one.
    #[serde(rename = "type")]
    #[schema(example = "/problems/bot_not_in_chat")]
    kind: String,
    /// A short summary, always the same for this problem. `title`, `detail`, `remedy` and the details in `errors` are in
    /// English, or in Chinese if `Accept-Language` prefers `zh`.
    #[schema(example = json!(ProblemKind::BotNotInChat.facts().title))]
    pub(crate) title: &'static str,
    /// The HTTP status.
    #[schema(example = 403, minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong in this case.
    #[schema(example = "Feishu answered 230002: The bot can not be outside the group.")]
    detail: &'a str,
    /// The path of the request.
    #[schema(example = "/v1/messages/om_dc13264520392913993dd051dba21dcf/forward")]
    instance: &'a str,
    /// The problem code, for programs.
    #[schema(inline = false)]
    code: ProblemKind,
    /// Whether the message was delivered: `not_delivered`, or `unknown` if nobody can know.
    outcome: Outcome,
    /// Whether the same request may succeed later although nobody changes anything. Retry with the same `uuid` or
    /// `Idempotency-Key`.
    #[schema(example = false)]
    retryable: bool,
    /// Who can remove the cause.
    fix_by: FixBy,
    /// What to do.
    #[schema(example = json!(ProblemKind::BotNotInChat.facts().remedy.en))]
    remedy: &'static str,
    /// The id of this request in the gateway's log, the same as in the header `X-Request-Id`.
    #[schema(example = "0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20")]
    request_id: &'a str,
    /// The id of the trace that the request belongs to: the one in its header `traceparent`, or a new one.
    #[schema(example = "0af7651916cd43dd8448eb211c80319c", pattern = "^[0-9a-f]{32}$")]
    trace_id: &'a str,
    /// The `uuid` of this forward, yours or the gateway's. Retry with it, and the message does not arrive twice
    /// (see `safe_retry_until`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20", max_length = 50, nullable = false)]
    uuid: Option<&'a str>,
    /// Until this time, a retry with the same `uuid` or `Idempotency-Key` cannot deliver the message twice. Only if the
    /// outcome is `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:55:00Z", nullable = false)]
    safe_retry_until: Option<Timestamp>,
    /// Feishu's answer. Absent unless Feishu refused the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    feishu: Option<&'a Refusal>,
    /// Every mistake in the request. Absent if the request is valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<InvalidFieldBody<'a>>,
}

/// A mistake in the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvalidField)]
struct InvalidFieldBody<'a> {
    /// The name of the parameter, header or body member. `body` means the body as a whole.
    #[schema(example = "receive_id")]
    field: &'a str,
    /// What is wrong.
    #[schema(example = "must not be empty")]
    detail: &'a str,
}

/// The request that a problem answers.
pub(crate) struct Occurrence<'a> {
    pub(crate) path: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) trace_id: &'a str,
}

impl<'a> ProblemBody<'a> {
    /// The body of the problem of a request.
    pub(crate) fn of(
        problem: &'a Problem,
        occurrence: &Occurrence<'a>,
        language: Language,
        public_url: &PublicUrl,
    ) -> Self {
        let facts = problem.kind.facts();
        Self {
            kind: public_url.type_of(facts.name),
            title: language.choose(facts.title, facts.title_zh),
            status: facts.status,
            detail: language.of(&problem.detail),
            instance: occurrence.path,
            code: problem.kind,
            outcome: problem.outcome,
            retryable: facts.retryable,
            fix_by: facts.fix_by,
            remedy: language.choose(problem.remedy.en, problem.remedy.zh),
            request_id: occurrence.request_id,
            trace_id: occurrence.trace_id,
            uuid: problem.uuid.as_ref().map(DedupKey::as_str),
            safe_retry_until: problem.safe_retry_until,
            feishu: problem.feishu.as_deref(),
            errors: problem.errors.iter().map(|it| InvalidFieldBody::of(it, language)).collect(),
        }
    }
}

impl<'a> InvalidFieldBody<'a> {
    fn of(invalid: &'a InvalidField, language: Language) -> Self {
        Self { field: &invalid.field, detail: language.of(&invalid.detail) }
    }
}

/// The bytes of the body.
pub(crate) fn render(
    problem: &Problem,
    occurrence: &Occurrence<'_>,
    language: Language,
    public_url: &PublicUrl,
) -> Vec<u8> {
    let body = ProblemBody::of(problem, occurrence, language, public_url);
    serde_json::to_vec(&body).expect("a struct of strings and numbers is always JSON")
}
