//! The OpenAPI document, and Swagger UI, which lets people try the API.
//!
//! The files of Swagger UI are those of its release. Only the page and the script that starts it are the
//! gateway's own, and lie beside this file.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::api::docs::document::Document;
use crate::api::http::security_headers::SCRIPTED;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The OpenAPI document.
#[derive(Debug)]
pub struct OpenApiDocument(Document);

impl OpenApiDocument {
    /// The document with this text.
    #[must_use]
    pub fn new(openapi_json: String) -> Self {
        Self(Document::new("application/json", openapi_json))
    }
}

/// Get this document
///
/// The OpenAPI document of the gateway that answers; it needs no key.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "documentation",
    security(),
    responses((status = 200, description = "The OpenAPI 3.1 document.", content_type = "application/json", body = BTreeMap<String, serde_json::Value>)),
)]
pub(crate) async fn openapi(
    request: HttpRequest,
    document: web::Data<OpenApiDocument>,
) -> HttpResponse {
    document.0.answer(&request)
}

/// The files that Swagger UI is made of.
static FILES: LazyLock<Vec<(&str, Document)>> = LazyLock::new(|| {
    let own = [
        ("", HTML, include_str!("index.html")),
        ("index.html", HTML, include_str!("index.html")),
        ("swagger-initializer.js", SCRIPT, include_str!("swagger-initializer.js")),
        ("docs.css", CSS, include_str!("docs.css")),
    ];
    let own = own.map(|(name, kind, content)| (name, Document::new(kind, content)));
    let of_its_release =
        OF_ITS_RELEASE.iter().filter_map(|name| Some((*name, of_its_release(name)?)));
    own.into_iter().chain(of_its_release).collect()
});

/// The files of Swagger UI's release that its page loads.
const OF_ITS_RELEASE: &[&str] = &["swagger-ui.css", "swagger-ui-bundle.js"];

/// A file of Swagger UI's release. The program holds it only compressed, which makes it smaller by a fifth.
fn of_its_release(name: &str) -> Option<Document> {
    let file = utoipa_swagger_ui::serve(name, Arc::default()).ok()??;
    let content = match file.bytes {
        Cow::Borrowed(content) => Bytes::from_static(content),
        Cow::Owned(content) => content.into(),
    };
    Some(if file.gzpipped {
        Document::compressed(file.content_type, content)
    } else {
        Document::new(file.content_type, content)
    })
}

/// A file of the page, from the program itself.
pub(crate) async fn swagger(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("file");
    let Some((_, document)) = FILES.iter().find(|(known, _)| *known == name) else {
        return Err(Problem::new(
            ProblemKind::RouteNotFound,
            Wording::new("The documentation has no such file.", "文档中没有该文件。"),
        ));
    };
    let mut answer = document.answer(&request);
    if matches!(name, "" | "index.html") {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SCRIPTED));
    }
    Ok(answer)
}

/// Redirects `/docs`, and a program that asks for `/`, to the page.
pub(crate) async fn to_docs(request: HttpRequest) -> HttpResponse {
    let location = PublicUrl::of(&request).location(request.path(), "/docs/");
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, location)).finish()
}
