//! What all pages share: their frame, their stylesheet and how they are answered.
//!
//! Pages are HTML, in the reader's language. maud makes them: the compiler checks the HTML, and every value is escaped. What a
//! browser may do with a page is in `http/security_headers.rs`.

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_LANGUAGE, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use maud::{DOCTYPE, Markup, html};

use crate::api::docs::document::{CSS, Document, HTML};
use crate::api::docs::reader::Reader;

/// The value of `Vary` for an answer that depends on what the reader accepts.
pub(crate) const NEGOTIATED: HeaderValue =
    HeaderValue::from_static("Accept, Accept-Encoding, Accept-Language");

/// The stylesheet of all pages.
static STYLESHEET: LazyLock<Document> =
    LazyLock::new(|| Document::new(CSS, include_str!("pages.css")));

/// Answers with the stylesheet of all pages.
pub(crate) async fn stylesheet(request: HttpRequest) -> HttpResponse {
    STYLESHEET.answer(&request)
}

/// The answer with content that depends on what the reader accepts.
pub(crate) fn negotiated(
    reader: &Reader,
    media_type: &str,
    content: impl Into<Bytes>,
) -> HttpResponse {
    let mut answer = Document::new(media_type, content).answer(reader.request);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(reader.language.tag()));
    headers.insert(VARY, NEGOTIATED);
    answer
}

/// The answer with a page of the public listener.
pub(crate) fn page(reader: &Reader, title: &str, main: &Markup) -> HttpResponse {
    framed(reader, title, &navigation(reader), main)
}

/// The answer with a page that has this navigation.
pub(crate) fn framed(
    reader: &Reader,
    title: &str,
    navigation: &Markup,
    main: &Markup,
) -> HttpResponse {
    let body = html! {
        header { (navigation) }
        main { (main) }
    };
    with_head(reader, title, &[&reader.link("/pages.css")], &body)
}

/// The answer with a page of this title, these stylesheets and this body.
pub(crate) fn with_head(
    reader: &Reader,
    title: &str,
    stylesheets: &[&str],
    body: &Markup,
) -> HttpResponse {
    let page = html! {
        (DOCTYPE)
        html lang=(reader.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                @for stylesheet in stylesheets {
                    link rel="stylesheet" href=(stylesheet);
                }
                // Without it, browsers request /favicon.ico.
                link rel="icon" href="data:,";
            }
            body { (body) }
        }
    };
    negotiated(reader, HTML, page.into_string())
}

/// The links to the other pages, and to the same page in the other language.
pub(crate) fn navigation(reader: &Reader) -> Markup {
    let say = |english, chinese| reader.language.choose(english, chinese);
    html! {
        nav aria-label=(say("This gateway", "本网关")) {
            @if reader.has_docs {
                a href=(reader.link_to_page("/")) { "feishu-forward-gateway" }
            }
            a href=(reader.link_to_page("/problems")) { (say("Problems", "错误说明")) }
            @if reader.has_docs {
                a href=(reader.link_to_page("/docs/")) { (say("Try the API", "调试接口")) }
            }
            (link_to_other_language(reader))
        }
    }
}

/// The link to the same page in the other language.
pub(crate) fn link_to_other_language(reader: &Reader) -> Markup {
    let (other, query) = reader.other_language();
    html! {
        a href=(query) lang=(other.tag()) hreflang=(other.tag()) {
            (other.choose("English", "中文"))
        }
    }
}

/// A code such as `bot_not_in_chat`, which a narrow page breaks after an underscore.
pub(crate) fn code(code: &str) -> Markup {
    html! {
        code {
            @for (at, part) in code.split('_').enumerate() {
                @if at > 0 { "_" wbr; }
                (part)
            }
        }
    }
}
