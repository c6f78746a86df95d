//! How a problem is written: `application/problem+json` (RFC 9457), in the caller's language.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT_LANGUAGE, AcceptLanguage, Header as _, Quality};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{InvalidField, Problem};
use crate::feishu::error::Refusal;
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{FixBy, Outcome, ProblemKind};

/// Every failure has this shape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    /// Identifies the kind of problem: `/problems/` and the code.
    #[serde(rename = "type")]
    #[schema(example = "/problems/bot_not_in_chat")]
    kind: String,
    /// A short summary, the same for every case of the problem.
    #[schema(example = "The bot is not in the chat")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 403, minimum = 400, maximum = 599)]
    status: u16,
    /// One sentence about this case.
    #[schema(example = "Feishu answered 230002: The bot can not be outside the group.")]
    detail: &'a str,
    /// The path that was called.
    #[schema(example = "/v1/messages/om_dc13264520392913993dd051dba21dcf/forward")]
    instance: &'a str,
    /// The problem, for programs.
    #[schema(inline = false)]
    code: ProblemKind,
    /// What it says about delivery.
    outcome: Outcome,
    /// Whether the same request may succeed later although nobody acts. Repeat it with the same
    /// `uuid`.
    retryable: bool,
    /// Who can remove the cause.
    fix_by: FixBy,
    /// What to do, in English, or in Chinese where `Accept-Language` prefers `zh`.
    #[schema(example = "Add the app's bot to the chat that receives the message.")]
    remedy: &'static str,
    /// The id of this request in the gateway's log, as in the header `X-Request-Id`.
    #[schema(example = "0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20")]
    request_id: &'a str,
    /// The `uuid` that this forward had or was given: repeat with it and nothing arrives twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20", max_length = 50, nullable = false)]
    uuid: Option<&'a str>,
    /// Where the outcome is unknown: until when repeating with the `uuid`, or with the same
    /// `Idempotency-Key`, cannot deliver twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:55:00Z", nullable = false)]
    safe_retry_until: Option<Timestamp>,
    /// What Feishu said, where Feishu answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    feishu: Option<&'a Refusal>,
    /// Every mistake in the request, where the request is what is wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [InvalidField],
}

/// The languages that remedies are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    /// The one that the caller prefers; English when none of the two is named.
    pub(super) fn preferred_by(request: &HttpRequest) -> Self {
        if !request.headers().contains_key(ACCEPT_LANGUAGE) {
            return Self::English;
        }
        let Ok(AcceptLanguage(mut accepted)) = AcceptLanguage::parse(request) else {
            return Self::English;
        };
        // A quality of zero says that a language will not do.
        accepted.retain(|language| language.quality > Quality::ZERO);
        let known = |tag: String| match tag.split('-').next() {
            Some(primary) if primary.eq_ignore_ascii_case("zh") => Some(Self::Chinese),
            Some(primary) if primary.eq_ignore_ascii_case("en") => Some(Self::English),
            _ => None,
        };
        let mut ranked = AcceptLanguage(accepted).ranked().into_iter();
        ranked.find_map(|tag| known(tag.to_string())).unwrap_or(Self::English)
    }

    /// The tag for `Content-Language`.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}

/// The body of a problem.
pub(super) fn render(
    problem: &Problem,
    path: &str,
    request_id: &str,
    language: Language,
) -> Vec<u8> {
    let facts = problem.kind.facts();
    let body = ProblemBody {
        kind: format!("/problems/{}", facts.name),
        title: facts.title,
        status: facts.status,
        detail: &problem.detail,
        instance: path,
        code: problem.kind,
        outcome: problem.outcome,
        retryable: facts.retryable,
        fix_by: facts.fix_by,
        remedy: match language {
            Language::English => problem.remedy.en,
            Language::Chinese => problem.remedy.zh,
        },
        request_id,
        uuid: problem.uuid.as_ref().map(DedupKey::as_str),
        safe_retry_until: problem.safe_retry_until,
        feishu: problem.feishu.as_deref(),
        errors: &problem.errors,
    };
    serde_json::to_vec(&body).expect("a struct of strings and numbers is always JSON")
}
