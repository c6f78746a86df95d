//! The OpenAPI document, and Swagger UI, which lets people try the API.
//!
//! The files of Swagger UI are those of its release. Only the page and the script that starts it are the
//! gateway's own, and lie beside this file.

use std::sync::Arc;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentEncoding, ContentType, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::api::http::security_headers::SCRIPTED;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// The OpenAPI document. Clones share it.
#[derive(Clone)]
pub struct OpenApiDocument(Bytes);

impl OpenApiDocument {
    /// The document with this text.
    #[must_use]
    pub fn new(openapi_json: String) -> Self {
        Self(openapi_json.into())
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
    responses((status = 200, description = "The document, in OpenAPI 3.1.", content_type = "application/json", body = BTreeMap<String, serde_json::Value>)),
)]
pub(crate) async fn openapi(document: web::Data<OpenApiDocument>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.0.clone())
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
