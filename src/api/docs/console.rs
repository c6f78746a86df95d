//! The console: broadcasts for people who do not write programs.
//!
//! It is a page whose modules call the API as any program does. Its files lie in `console/`, and browsers run them as they
//! are. All of its links are relative, so it works behind a proxy's prefix.

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse};

use crate::api::docs::document::{CSS, Document, HTML, SCRIPT};
use crate::api::docs::reader::{Reader, has_docs};
use crate::api::http::security_headers::SCRIPTED;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// The files: name, type and content.
const FILES: &[(&str, &str, &str)] = &[
    ("", HTML, include_str!("console/index.html")),
    ("api.js", SCRIPT, include_str!("console/api.js")),
    ("broadcast_view.js", SCRIPT, include_str!("console/broadcast_view.js")),
    ("console.css", CSS, include_str!("console/console.css")),
    ("dom.js", SCRIPT, include_str!("console/dom.js")),
    ("editor.js", SCRIPT, include_str!("console/editor.js")),
    ("event_stream.js", SCRIPT, include_str!("console/event_stream.js")),
    ("failures.js", SCRIPT, include_str!("console/failures.js")),
    ("follow.js", SCRIPT, include_str!("console/follow.js")),
    ("kept.js", SCRIPT, include_str!("console/kept.js")),
    ("language.js", SCRIPT, include_str!("console/language.js")),
    ("list_view.js", SCRIPT, include_str!("console/list_view.js")),
    ("main.js", SCRIPT, include_str!("console/main.js")),
    ("receivers.js", SCRIPT, include_str!("console/receivers.js")),
    ("receivers_view.js", SCRIPT, include_str!("console/receivers_view.js")),
    ("start_view.js", SCRIPT, include_str!("console/start_view.js")),
    ("texts.js", SCRIPT, include_str!("console/texts.js")),
    ("trouble.js", SCRIPT, include_str!("console/trouble.js")),
];

/// The same files, each with its name.
static DOCUMENTS: LazyLock<Vec<(&str, Document)>> = LazyLock::new(|| {
    FILES.iter().map(|(name, kind, content)| (*name, Document::new(*kind, *content))).collect()
});

/// The page of a gateway that has neither a start page nor Swagger UI.
static PAGE_WITHOUT_DOCS: LazyLock<Document> =
    LazyLock::new(|| Document::new(HTML, without_docs(include_str!("console/index.html"))));

/// A file of the console.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("file");
    let Some((_, document)) = DOCUMENTS.iter().find(|(known, _)| *known == name) else {
        return Err(Problem::new(
            ProblemKind::RouteNotFound,
            Wording::new("The console has no such file.", "控制台中没有该文件。"),
        ));
    };
    if !name.is_empty() {
        return Ok(document.answer(&request));
    }
    let page = if has_docs(&request) { document } else { &PAGE_WITHOUT_DOCS };
    let mut answer = page.answer(&request);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SCRIPTED));
    Ok(answer)
}

/// The page without its links to the start page and Swagger UI.
fn without_docs(page: &str) -> String {
    let is_link = |line: &&str| ["\"../\"", "\"../docs/\""].iter().any(|to| line.contains(to));
    page.split_inclusive('\n').filter(|line| !is_link(line)).collect()
}

/// Redirects `/console` to the page.
pub(crate) async fn to_console(request: HttpRequest) -> HttpResponse {
    let page = Reader::of(&request).in_chosen_language("/console/");
    let location = PublicUrl::of(&request).location(request.path(), &page);
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, location)).finish()
}
