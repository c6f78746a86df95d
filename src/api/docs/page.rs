//! What all pages share: their frame, their stylesheet and the headers for caches.
//!
//! Pages are HTML without scripts, in the reader's language. maud makes them: the compiler checks the HTML,
//! and every value is escaped. What a browser may do with a page is in `http/security_headers.rs`.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, ContentType, HeaderValue, VARY};
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{DOCTYPE, Markup, html};

use crate::api::docs::reader::Reader;
use crate::api::language::Language;

/// The value of `Vary` for an answer that depends on what the reader accepts.
pub(crate) const NEGOTIATED: HeaderValue = HeaderValue::from_static("Accept, Accept-Language");

/// The stylesheet of all pages.
pub(crate) async fn stylesheet() -> HttpResponse {
    let css = include_str!("pages.css");
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "max-age=3600"))
        .body(css)
}

/// Begins an answer that depends on what the reader accepts. It may be cached, as only another version of
/// the gateway answers otherwise.
pub(crate) fn negotiated(language: Language) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_LANGUAGE, language.tag()))
        .insert_header((VARY, NEGOTIATED))
        .insert_header((CACHE_CONTROL, "max-age=3600"));
    answer
}

/// The page around its main part.
pub(crate) fn page(reader: &Reader, title: &str, main: &Markup) -> HttpResponse {
    let page = html! {
        (DOCTYPE)
        html lang=(reader.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href=(reader.link("/pages.css"));
                // Without it, browsers request /favicon.ico.
                link rel="icon" href="data:,";
            }
            body {
                header { (navigation(reader)) }
                main { (main) }
            }
        }
    };
    negotiated(reader.language).content_type(ContentType::html()).body(page.into_string())
}

/// The links to the other pages, and to the same page in the other language.
pub(crate) fn navigation(reader: &Reader) -> Markup {
    let say = |english, chinese| reader.language.choose(english, chinese);
    let other = reader.other_language();
    html! {
        nav aria-label=(say("This gateway", "本网关")) {
            @if reader.has_docs {
                a href=(reader.link_to_page("/")) { "feishu-forward-gateway" }
            }
            a href=(reader.link_to_page("/problems")) { (say("Problems", "错误说明")) }
            @if reader.has_docs {
                a href=(reader.link_to_page("/docs/")) { (say("Try the API", "调试接口")) }
            }
            a href={ "?lang=" (other.tag()) } lang=(other.tag()) hreflang=(other.tag()) {
                (other.choose("English", "中文"))
            }
        }
    }
}
