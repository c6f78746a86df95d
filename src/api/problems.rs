//! Where the `type` of a problem leads: what it means, for people and for programs.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::echo::shortened;
use super::explanation::Explanation;
use super::pages::{Reader, negotiated, prefers_json, problem_page, problems_page};
use super::problem::Problem;
use super::samples::{Sample, samples};
use crate::model::problem_kind::ProblemKind;

/// Every problem that there is.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemList)]
pub(super) struct List<'a> {
    problems: Vec<Explanation<'a>>,
}

/// List the problems
///
/// Every problem that this gateway answers with, explained. A page for people, or JSON where
/// `Accept` prefers it.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "list_problems",
    tag = "problems",
    security(),
    params(
        ("lang" = Option<String>, Query, nullable = false,
            description = "The language, `en` or `zh`; it comes before `Accept-Language`."),
        ("Accept-Language" = Option<String>, Header, nullable = false,
            description = "`zh` or `zh-CN` for Chinese, else English."),
    ),
    responses((status = 200, description = "Every problem.",
        content((List = "application/json"), (String = "text/html")))),
)]
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let reader = Reader::of(&request);
    if !prefers_json(&request) {
        return problems_page(&reader);
    }
    let all: Vec<(ProblemKind, Vec<Sample>)> =
        ProblemKind::ALL.iter().map(|kind| (*kind, samples(*kind))).collect();
    let problems =
        all.iter().map(|(kind, samples)| Explanation::of(*kind, samples, reader.language));
    negotiated(reader.language).json(List { problems: problems.collect() })
}

/// Explain a problem
///
/// Where the `type` of a problem leads: what it means, who can remove the cause, and how. A page for
/// people, or JSON where `Accept` prefers it.
#[utoipa::path(
    get,
    path = "/problems/{code}",
    operation_id = "get_problem",
    tag = "problems",
    security(),
    params(
        ("code" = ProblemKind, Path, description = "The problem's `code`.", example = "bot_not_in_chat"),
        ("lang" = Option<String>, Query, nullable = false,
            description = "The language, `en` or `zh`; it comes before `Accept-Language`."),
        ("Accept-Language" = Option<String>, Header, nullable = false,
            description = "`zh` or `zh-CN` for Chinese, else English."),
    ),
    responses((status = 200, description = "The problem, explained.",
        content((Explanation = "application/json"), (String = "text/html")))),
)]
pub(super) async fn one(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let code = request.match_info().query("code");
    let Some(kind) = ProblemKind::ALL.iter().find(|kind| kind.facts().name == code) else {
        let detail = format!("There is no problem {:?}.", shortened(code));
        return Err(Problem::new(ProblemKind::RouteNotFound, detail));
    };
    let reader = Reader::of(&request);
    let samples = samples(*kind);
    let explanation = Explanation::of(*kind, &samples, reader.language);
    if prefers_json(&request) {
        return Ok(negotiated(reader.language).json(explanation));
    }
    Ok(problem_page(&reader, &explanation))
}
