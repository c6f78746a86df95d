//! The preferences of a page's reader: language, and HTML or JSON.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header as _, Quality};
use actix_web::mime::Mime;
use url::form_urlencoded;

use crate::api::language::Language;
use crate::api::public_url::relative;

/// Most characters of a search that count.
pub(crate) const LONGEST_SEARCH: usize = 100;

/// The reader of a page.
pub(crate) struct Reader<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) language: Language,
    /// Whether the reader chose the language by `?lang=`, so that links to other pages have to pass it on.
    pub(crate) has_chosen: bool,
    /// Whether there is a start page and Swagger UI to link to.
    pub(crate) has_docs: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn of(request: &'a HttpRequest) -> Self {
        let chosen = parameter(request, "lang").and_then(|tag| Language::of_tag(&tag));
        Self {
            request,
            language: chosen.unwrap_or_else(|| Language::preferred_by(request)),
            has_chosen: chosen.is_some(),
            has_docs: has_docs(request),
        }
    }

    /// The query of the same page in the other language.
    pub(crate) fn other_language(&self) -> (Language, String) {
        let other = match self.language {
            Language::English => Language::Chinese,
            Language::Chinese => Language::English,
        };
        let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        if let Some(search) = self.search() {
            query.append_pair("q", &search);
        }
        (other, query.append_pair("lang", other.tag()).finish())
    }

    /// What the reader looks for, as far as it counts.
    pub(crate) fn search(&self) -> Option<String> {
        let text = parameter(self.request, "q")?;
        Some(text.trim().chars().take(LONGEST_SEARCH).collect())
    }

    /// A link from the page to a path.
    pub(crate) fn link(&self, path: &str) -> String {
        relative(self.request.path(), path)
    }

    /// A link to another page, which passes on the language that the reader chose.
    pub(crate) fn link_to_page(&self, path: &str) -> String {
        self.link(&self.in_chosen_language(path))
    }

    /// The path with the language that the reader chose.
    pub(crate) fn in_chosen_language(&self, path: &str) -> String {
        if self.has_chosen {
            format!("{path}?lang={}", self.language.tag())
        } else {
            path.to_owned()
        }
    }
}

/// The first parameter of this name in the query.
fn parameter<'a>(request: &'a HttpRequest, name: &str) -> Option<Cow<'a, str>> {
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    query.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Whether the gateway that a request came to serves its start page and Swagger UI.
pub(crate) fn has_docs(request: &HttpRequest) -> bool {
    request.resource_map().has_resource("/docs/")
}

/// Whether `Accept` prefers JSON to HTML, as programs do.
pub(crate) fn prefers_json(request: &HttpRequest) -> bool {
    let prefers = |kind: Mime| match kind.essence_str() {
        "application/json" => Some(true),
        "text/html" | "text/*" | "*/*" => Some(false),
        _ => None,
    };
    accepted(request).ranked().into_iter().find_map(prefers).unwrap_or(false)
}

/// Whether `Accept` names HTML, as browsers do.
pub(crate) fn names_html(request: &HttpRequest) -> bool {
    accepted(request).iter().any(|kind| kind.item.essence_str() == "text/html")
}

fn accepted(request: &HttpRequest) -> Accept {
    let mut accepted = Accept::parse(request).unwrap_or_else(|_| Accept(Vec::new()));
    // A quality of zero means that the type is not acceptable (RFC 9110, section 12.4.2).
    accepted.retain(|kind| kind.quality > Quality::ZERO);
    accepted
}
