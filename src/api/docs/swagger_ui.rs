//! The OpenAPI document, and Swagger UI, which lets people try the API.
//!
//! The files of Swagger UI are those of its release. The page, its stylesheet, and the scripts that start, correct and
//! translate Swagger UI are the gateway's own, and lie beside this file.

use std::sync::Arc;

use actix_web::http::header::{ContentEncoding, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::api::docs::reader::Reader;
use crate::api::docs::swagger_page::swagger_page;
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
/// The OpenAPI document of the gateway that answers; it needs no key.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "documentation",
    security(),
    responses((status = 200, description = "The OpenAPI 3.1 document.", content_type = "application/json", body = BTreeMap<String, serde_json::Value>)),
)]
pub(crate) async fn openapi(document: web::Data<OpenApiDocument>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.0.clone())
}

/// The page, or one of the files that it loads, from the program itself.
pub(crate) async fn swagger(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let script = "text/javascript; charset=utf-8";
    let (kind, content) = match request.match_info().query("file") {
        "" | "index.html" => return Ok(swagger_page(&Reader::of(&request))),
        "docs.css" => ("text/css; charset=utf-8", include_str!("docs.css")),
        "swagger-initializer.js" => (script, include_str!("swagger-initializer.js")),
        "swagger-corrections.js" => (script, include_str!("swagger-corrections.js")),
        "swagger-zh.js" => (script, include_str!("swagger-zh.js")),
        file => return swagger_ui(file),
    };
    Ok(HttpResponse::Ok().content_type(kind).body(content))
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
