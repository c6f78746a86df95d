//! The OpenAPI document, and Swagger UI, which lets people try the API.
//!
//! The files of Swagger UI are those of its release. Only the page and the script that starts it are the
//! gateway's own, and lie beside this file.

use std::sync::{Arc, OnceLock};

use actix_web::http::header::{
    CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, ContentEncoding, ContentType, LOCATION, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::api::docs::reader::Reader;
use crate::api::http::security_headers::SCRIPTED;
use crate::api::language::Language;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// The OpenAPI document in both languages. Each takes half a megabyte, and is made when a reader first asks for it.
pub struct OpenApiDocument {
    write: Box<dyn Fn(Language) -> String + Send + Sync>,
    english: OnceLock<Bytes>,
    chinese: OnceLock<Bytes>,
}

impl OpenApiDocument {
    /// The document that `write` writes in each language.
    #[must_use]
    pub fn new(write: impl Fn(Language) -> String + Send + Sync + 'static) -> Self {
        Self { write: Box::new(write), english: OnceLock::new(), chinese: OnceLock::new() }
    }

    fn of(&self, language: Language) -> &Bytes {
        let document = match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        };
        document.get_or_init(|| (self.write)(language).into())
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
    (document, request): (web::Data<OpenApiDocument>, HttpRequest),
) -> HttpResponse {
    let language = Reader::of(&request).language;
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CONTENT_LANGUAGE, language.tag()))
        .insert_header((VARY, "Accept-Language"))
        .body(document.of(language).clone())
}

/// A file of the page, from the program itself.
pub(crate) async fn swagger(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let file = request.match_info().query("file");
    let mut answer = HttpResponse::Ok();
    match file {
        "" | "index.html" => Ok(answer
            .insert_header((CONTENT_SECURITY_POLICY, SCRIPTED))
            .content_type(ContentType::html())
            .body(include_str!("index.html"))),
        "swagger-initializer.js" => Ok(answer
            .content_type("text/javascript; charset=utf-8")
            .body(include_str!("swagger-initializer.js"))),
        "docs.css" => {
            Ok(answer.content_type("text/css; charset=utf-8").body(include_str!("docs.css")))
        }
        _ => swagger_ui(file),
    }
}

fn swagger_ui(file: &str) -> Result<HttpResponse, Problem> {
    match utoipa_swagger_ui::serve(file, Arc::default()) {
        Ok(Some(found)) => {
            let mut answer = HttpResponse::Ok();
            if found.gzpipped {
                // The program holds these files only compressed, which makes it smaller by a fifth. Every
                // browser accepts gzip.
                answer.insert_header(ContentEncoding::Gzip);
            }
            Ok(answer.content_type(found.content_type).body(found.bytes.into_owned()))
        }
        Ok(None) => Err(Problem::new(
            ProblemKind::RouteNotFound,
            Wording::new("The documentation has no such file.", "文档中没有该文件。"),
        )),
        Err(error) => Err(Problem::new(
            ProblemKind::InternalError,
            Wording::new(format!("The page cannot be made: {error}."), "无法生成页面。"),
        )),
    }
}

/// Redirects `/docs`, and a program that asks for `/`, to the page.
pub(crate) async fn to_docs(request: HttpRequest) -> HttpResponse {
    let location = PublicUrl::of(&request).location(request.path(), "/docs/");
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, location)).finish()
}
