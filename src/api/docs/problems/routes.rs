//! `GET /problems` and `GET /problems/{code}`: the explanations of problems, as pages or as JSON.

use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::docs::page::negotiated;
use crate::api::docs::problems::examples::{ProblemExample, examples};
use crate::api::docs::problems::explanation::ProblemExplanation;
use crate::api::docs::problems::list::problems_page;
use crate::api::docs::problems::page::problem_page;
use crate::api::docs::problems::search::Search;
use crate::api::docs::reader::{Reader, prefers_json};
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::feishu::codes;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// Problems, each with its explanation.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemList<'a> {
    problems: Vec<ProblemExplanation<'a>>,
}

/// List the problems
///
/// The problems of this gateway, with their explanations: all of them, or those that `q` finds. The answer is a page, or
/// JSON if `Accept` prefers JSON.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "list_problems",
    tag = "problems",
    security(),
    params(
        ("q" = Option<String>, Query, nullable = false, example = "230013",
            description = "Only the problems that match all of this: Feishu's error codes, HTTP statuses, problem codes, \
                or words in English or Chinese. Only the first 100 characters count."),
        ("lang" = Option<String>, Query, nullable = false,
            description = "The language: `en` or `zh`. Takes precedence over `Accept-Language`."),
        ("Accept-Language" = Option<String>, Header, nullable = false,
            description = "The language: `zh` or `zh-CN` for Chinese, otherwise English."),
    ),
    responses((status = 200, description = "The problems.",
        content((ProblemList = "application/json"), (String = "text/html")))),
)]
pub(crate) async fn list(request: HttpRequest) -> HttpResponse {
    let reader = Reader::of(&request);
    let search = Search::of(reader.search().unwrap_or_default());
    let found = search.found();
    if !prefers_json(&request) {
        return problems_page(&reader, &search, &found);
    }
    let all: Vec<(ProblemKind, Vec<ProblemExample>)> =
        found.into_iter().map(|kind| (kind, examples(kind))).collect();
    let public_url = PublicUrl::of(&request);
    let problems = all.iter().map(|(kind, examples)| {
        ProblemExplanation::of(*kind, examples, reader.language, &public_url)
    });
    json(&reader, &ProblemList { problems: problems.collect() })
}

/// Explain a problem
///
/// What the problem means, who can remove the cause, and how. The `type` of a problem is the address of this explanation.
/// The answer is a page, or JSON if `Accept` prefers JSON.
#[utoipa::path(
    get,
    path = "/problems/{code}",
    operation_id = "get_problem",
    tag = "problems",
    security(),
    params(
        ("code" = ProblemKind, Path, description = "The problem's `code`.", example = "bot_not_in_chat"),
        ("lang" = Option<String>, Query, nullable = false,
            description = "The language: `en` or `zh`. Takes precedence over `Accept-Language`."),
        ("Accept-Language" = Option<String>, Header, nullable = false,
            description = "The language: `zh` or `zh-CN` for Chinese, otherwise English."),
    ),
    responses(
        (status = 200, description = "The explanation.",
            content((ProblemExplanation = "application/json"), (String = "text/html"))),
        (status = 307, description = "The code is one of Feishu's, such as 230002. `Location` leads to its problem.",
            headers(("Location" = String, description = "The URL of the problem."))),
    ),
)]
pub(crate) async fn one(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let code = request.match_info().query("code");
    let reader = Reader::of(&request);
    let Some(kind) = ProblemKind::ALL.iter().find(|kind| kind.facts().name == code) else {
        return to_problem_of_feishu(code, &request, &reader).ok_or_else(|| no_problem(code));
    };
    let examples = examples(*kind);
    let explanation =
        ProblemExplanation::of(*kind, &examples, reader.language, &PublicUrl::of(&request));
    if prefers_json(&request) {
        return Ok(json(&reader, &explanation));
    }
    Ok(problem_page(&reader, &explanation))
}

fn json(reader: &Reader, value: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(value) {
        Ok(json) => negotiated(reader, "application/json", json),
        Err(error) => HttpResponse::from_error(ErrorInternalServerError(error)),
    }
}

/// The redirect from one of Feishu's codes to the problem that it becomes.
fn to_problem_of_feishu(
    code: &str,
    request: &HttpRequest,
    reader: &Reader,
) -> Option<HttpResponse> {
    let known = codes::find(code.parse().ok()?)?;
    let problem = format!("/problems/{}", known.problem.facts().name);
    let location =
        PublicUrl::of(request).location(request.path(), &reader.in_chosen_language(&problem));
    Some(HttpResponse::TemporaryRedirect().insert_header((LOCATION, location)).finish())
}

fn no_problem(code: &str) -> Problem {
    let written = code.to_ascii_lowercase().replace('-', "_");
    let nearly =
        ProblemKind::ALL.iter().map(|kind| kind.facts().name).find(|name| *name == written);
    let detail = match nearly {
        Some(name) => Wording::new(
            format!("No problem has this code. Did you mean /problems/{name}?"),
            format!("没有该错误码。你要找的是 /problems/{name} 吗？"),
        ),
        None if code.parse::<i64>().is_ok() => Wording::new(
            "The gateway does not know this Feishu code; its problem is feishu_error.",
            "网关不认识该飞书错误码；它对应的错误为 feishu_error。",
        ),
        None => Wording::new(
            "No problem has this code; /problems lists all problems.",
            "没有该错误码；/problems 列出了全部错误。",
        ),
    };
    Problem::new(ProblemKind::RouteNotFound, detail)
}
