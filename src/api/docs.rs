//! The OpenAPI document and the page that lets people try it.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use utoipa_swagger_ui::Config;

use super::problem::Problem;
use crate::model::problem_kind::ProblemKind;

/// What the pages are made of; one for all workers.
#[derive(Clone)]
pub struct Docs {
    openapi: Bytes,
    swagger: Arc<Config<'static>>,
}

impl Docs {
    /// The page for a document.
    #[must_use]
    pub fn new(openapi_json: String) -> Self {
        let swagger = Config::from("/openapi.json")
            .use_base_layout()
            .deep_linking(true)
            .display_request_duration(true)
            .try_it_out_enabled(true)
            // Otherwise the page sends the document to a validator on the internet.
            .validator_url("none");
        Self { openapi: openapi_json.into(), swagger: Arc::new(swagger) }
    }
}

/// The OpenAPI document of this API.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "documentation",
    responses((status = 200, description = "The OpenAPI 3.1 document.", content_type = "application/json", body = serde_json::Value)),
)]
pub(super) async fn openapi(docs: web::Data<Docs>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(docs.openapi.clone())
}

/// A file of Swagger UI, from the binary itself.
pub(super) async fn swagger(
    request: HttpRequest,
    docs: web::Data<Docs>,
) -> Result<HttpResponse, Problem> {
    let file = request.match_info().query("file");
    match utoipa_swagger_ui::serve(file, Arc::clone(&docs.swagger)) {
        Ok(Some(found)) => {
            Ok(HttpResponse::Ok().content_type(found.content_type).body(found.bytes.into_owned()))
        }
        Ok(None) => Err(Problem::new(
            ProblemKind::RouteNotFound,
            format!("The documentation has no file {file:?}."),
        )),
        Err(error) => Err(Problem::new(
            ProblemKind::InternalError,
            format!("The page cannot be made: {error}."),
        )),
    }
}

/// Sends a visitor of `/` and `/docs` to the page.
pub(super) async fn to_docs() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, "/docs/")).finish()
}
