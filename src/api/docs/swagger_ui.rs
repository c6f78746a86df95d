//! The OpenAPI document, and Swagger UI, which lets people try the API.
//!
//! The files of Swagger UI are those of its release. The page, its stylesheet, and the scripts that start, correct and
//! translate Swagger UI are the gateway's own, and lie beside this file.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, OnceLock};

use actix_web::http::header::{CONTENT_LANGUAGE, HeaderValue, LOCATION, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::api::docs::document::{CSS, Document, SCRIPT};
use crate::api::docs::reader::Reader;
use crate::api::docs::swagger_page::swagger_page;
use crate::api::language::Language;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// The OpenAPI document in both languages. Each takes half a megabyte, and is made when a reader first asks for it.
pub struct OpenApiDocument {
    write: Box<dyn Fn(Language) -> String + Send + Sync>,
    english: OnceLock<Document>,
    chinese: OnceLock<Document>,
}

impl OpenApiDocument {
    /// The document that `write` writes in each language.
    #[must_use]
    pub fn new(write: impl Fn(Language) -> String + Send + Sync + 'static) -> Self {
        Self { write: Box::new(write), english: OnceLock::new(), chinese: OnceLock::new() }
    }

    fn of(&self, language: Language) -> &Document {
        let document = match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        };
        document.get_or_init(|| Document::new("application/json", (self.write)(language)))
    }
}

/// Get this document
///
/// The OpenAPI document of this gateway. No API key is needed.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "documentation",
    security(),
    params(
        ("lang" = Option<String>, Query, nullable = false,
            description = "The language: `en` or `zh`. Takes precedence over `Accept-Language`."),
        ("Accept-Language" = Option<String>, Header, nullable = false,
            description = "The language: `zh` or `zh-CN` for Chinese, otherwise English."),
    ),
    responses((status = 200, description = "The document, in OpenAPI 3.1.", content_type = "application/json", body = BTreeMap<String, serde_json::Value>)),
)]
pub(crate) async fn openapi(
    request: HttpRequest,
    document: web::Data<OpenApiDocument>,
) -> HttpResponse {
    let language = Reader::of(&request).language;
    let mut answer = document.of(language).answer(&request);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language"));
    answer
}

/// The files that Swagger UI is made of.
static FILES: LazyLock<Vec<(&str, Document)>> = LazyLock::new(|| {
    let own = [
        ("swagger-corrections.js", SCRIPT, include_str!("swagger-corrections.js")),
        ("swagger-initializer.js", SCRIPT, include_str!("swagger-initializer.js")),
        ("swagger-zh.js", SCRIPT, include_str!("swagger-zh.js")),
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

/// The page, or one of the files that it loads, from the program itself.
pub(crate) async fn swagger(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("file");
    if matches!(name, "" | "index.html") {
        return Ok(swagger_page(&Reader::of(&request)));
    }
    let Some((_, document)) = FILES.iter().find(|(known, _)| *known == name) else {
        return Err(Problem::new(
            ProblemKind::RouteNotFound,
            Wording::new("The documentation has no such file.", "文档中没有该文件。"),
        ));
    };
    Ok(document.answer(&request))
}

/// Redirects `/docs`, and a program that asks for `/`, to the page.
pub(crate) async fn to_docs(request: HttpRequest) -> HttpResponse {
    let page = Reader::of(&request).in_chosen_language("/docs/");
    let location = PublicUrl::of(&request).location(request.path(), &page);
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, location)).finish()
}
