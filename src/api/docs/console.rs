//! The console: broadcasts for people who do not write programs.
//!
//! It is a page whose modules call the API as any program does. Its files lie in `console/`, and browsers run them as they
//! are. All of its links are relative, so it works behind a proxy's prefix.

use std::borrow::Cow;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, EntityTag, Header as _, IfNoneMatch, LOCATION,
};
use actix_web::{HttpRequest, HttpResponse};

use crate::api::docs::reader::has_docs;
use crate::api::http::security_headers::SCRIPTED;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::model::fingerprint::fingerprint;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

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

/// A file of the console. Browsers keep it and ask each time whether it has changed, so the files of two versions of the
/// gateway never meet in one page.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("file");
    let Some((_, kind, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return Err(Problem::new(
            ProblemKind::RouteNotFound,
            Wording::new("The console has no such file.", "控制台中没有该文件。"),
        ));
    };
    let content =
        if has_docs(&request) { Cow::from(*content) } else { without_docs(content).into() };
    let tag = EntityTag::new_strong(hex::encode(&fingerprint([&*content])[..16]));
    let is_kept = is_kept(&request, &tag);
    let mut answer = if is_kept { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .content_type(*kind)
        .insert_header((ETAG, tag.to_string()))
        .insert_header((CACHE_CONTROL, "no-cache"));
    if *kind == HTML {
        answer.insert_header((CONTENT_SECURITY_POLICY, SCRIPTED));
    }
    Ok(if is_kept { answer.finish() } else { answer.body(content) })
}

/// The page without its links to the start page and Swagger UI.
fn without_docs(page: &str) -> String {
    let is_link = |line: &&str| ["\"../\"", "\"../docs/\""].iter().any(|to| line.contains(to));
    page.split_inclusive('\n').filter(|line| !is_link(line)).collect()
}

/// Whether the browser has kept the content with this tag.
fn is_kept(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(kept)) => kept.iter().any(|it| it.weak_eq(tag)),
        // Without the header, the list is empty.
        Ok(IfNoneMatch::Any) | Err(_) => false,
    }
}

/// Redirects `/console` to the page.
pub(crate) async fn to_console(request: HttpRequest) -> HttpResponse {
    let location = PublicUrl::of(&request).location(request.path(), "/console/");
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, location)).finish()
}
