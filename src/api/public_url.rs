//! Links that hold behind a proxy which serves the gateway under a path of its own.
//!
//! Such a proxy cuts its prefix off, so the gateway does not see it. Links on pages and in redirects are
//! therefore relative to the page on which they stand, unless the operator has set a public URL.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use url::Url;

/// The URL at which callers reach the gateway, if the operator has set one. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct PublicUrl(Option<Arc<str>>);

impl PublicUrl {
    /// The public URL `url`, with or without a slash at its end.
    #[must_use]
    pub fn new(url: &Url) -> Self {
        Self(Some(url.as_str().trim_end_matches('/').into()))
    }

    /// The public URL of the gateway that a request came to.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let Some(known) = request.app_data::<web::Data<Self>>() else {
            unreachable!("every application has a PublicUrl");
        };
        Self::clone(known)
    }

    /// The public URL, without a slash at its end.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The `type` of a problem. It identifies the kind of problem, also to those who compare it as a text,
    /// so it is the same on every route: without a public URL it is a full path from the root and not
    /// relative (RFC 9457, section 3.1.1).
    pub(crate) fn type_of(&self, problem: &str) -> String {
        format!("{}/problems/{problem}", self.0.as_deref().unwrap_or_default())
    }

    /// The value of `Location` that redirects a request for the path `from` to the path `to`.
    pub(crate) fn location(&self, from: &str, to: &str) -> String {
        match &self.0 {
            Some(url) => format!("{url}{to}"),
            None => relative(from, to),
        }
    }

    /// The server in the OpenAPI document, relative to that document.
    pub(crate) fn server(&self) -> &str {
        self.0.as_deref().unwrap_or(".")
    }

    /// The gateway's root, relative to the page of Swagger UI, which shows the OpenAPI document.
    pub(crate) fn root_from_docs(&self) -> &str {
        self.0.as_deref().unwrap_or("..")
    }
}

/// A link to the path `to` on the page at the path `from`. It holds behind any prefix.
pub(crate) fn relative(from: &str, to: &str) -> String {
    let depth = from.matches('/').count().saturating_sub(1);
    let up = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
    format!("{up}{}", to.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_link_leads_to_the_same_page_from_everywhere_behind_any_prefix() {
        for root in ["https://example.com/", "https://example.com/apps/feishu/"] {
            let root = Url::parse(root).expect("a URL");
            for from in ["/", "/docs", "/docs/", "/docs/index.html", "/problems/230002"] {
                for to in ["/", "/docs/", "/problems", "/problems/draining?lang=zh", "/pages.css"] {
                    let page = root.join(&from[1..]).expect("a URL");
                    let target = page.join(&relative(from, to)).expect("a URL");
                    assert_eq!(target, root.join(&to[1..]).expect("a URL"), "{from} to {to}");
                }
            }
        }
    }

    #[test]
    fn a_public_url_begins_what_leaves_the_gateway_with_one_slash_after_it() {
        for url in ["https://apps.example.com/feishu", "https://apps.example.com/feishu/"] {
            let known = PublicUrl::new(&Url::parse(url).expect("a URL"));
            let start = "https://apps.example.com/feishu";
            assert_eq!(known.type_of("draining"), format!("{start}/problems/draining"));
            assert_eq!(known.location("/docs", "/docs/"), format!("{start}/docs/"));
            assert_eq!(known.server(), start);
        }
        let bare = PublicUrl::new(&Url::parse("https://example.com").expect("a URL"));
        assert_eq!(bare.type_of("draining"), "https://example.com/problems/draining");
    }
}
