//! HTTP in: the routes of both listeners. Knows actix and nothing of Feishu's wire.

mod admin;
mod auth;
mod connections;
mod docs;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod http;
mod input;
mod language;
mod openapi;
mod problems;
mod public_url;
mod sanitize;
mod v1;

use std::future::ready;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpRequest, Resource, Route, web};
use tracing_actix_web::TracingLogger;

use docs::problems::routes as problem_pages;
use docs::{home, page, swagger_ui};
use http::{access_log::RequestLog, admission};
use problems::not_found::{self, Listener};
use problems::problem::Problem;
use v1::forward;

pub use admin::Draining;
pub use auth::keyring;
pub use connections::connection::Connection;
pub use connections::serve::{HEAD_TIMEOUT, KEEP_ALIVE, Socket, attend, introduce};
pub use connections::slots::Room;
pub use docs::swagger_ui::Docs;
pub use http::admission::Observer;
pub use openapi::document::openapi_json;
pub use public_url::PublicUrl;
pub use v1::forward::ForwardSettings;

/// The public listener: its routes, and around every request, innermost first, counting, bounding,
/// writing problems out and protecting pages, then the span and the log line.
pub fn public() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .service(
            forward::path().guard(fn_guard(is_post)).default_service(web::to(forward::forward)),
        )
        .service(forward::path().default_service(web::to(|| ready(method_not_allowed("POST")))))
        .service(get("/openapi.json", || web::route().to(swagger_ui::openapi)))
        .service(get("/docs/{file:.*}", || web::route().to(swagger_ui::swagger)))
        .service(get("/docs", || web::route().to(swagger_ui::to_docs)))
        .service(get("/problems", || web::route().to(problem_pages::list)))
        .service(get("/problems/{code}", || web::route().to(problem_pages::one)))
        .service(get("/pages.css", || web::route().to(page::stylesheet)))
        .service(get("/", || web::route().to(home::home)))
        .default_service(web::to(|it: HttpRequest| ready(route_not_found(&it, Listener::Public))))
        .wrap(from_fn(admission::observe))
        .wrap(TracingLogger::<RequestLog>::new())
}

/// The admin listener: not counted, bounded or logged, so that it answers when the other is full.
pub fn admin() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .service(get("/livez", || web::route().to(admin::livez)))
        .service(get("/readyz", || web::route().to(admin::readyz)))
        .service(get("/metrics", || web::route().to(admin::metrics)))
        .default_service(web::to(|it: HttpRequest| ready(route_not_found(&it, Listener::Admin))))
        .wrap(from_fn(admission::finish_only))
}

/// actix's own guard writes down for each request what it looked for.
fn is_post(request: &GuardContext<'_>) -> bool {
    request.head().method == Method::POST
}

fn get(path: &str, route: fn() -> Route) -> Resource {
    web::resource(path)
        .route(route().method(Method::GET))
        .route(route().method(Method::HEAD))
        .default_service(web::to(|| ready(method_not_allowed("GET, HEAD"))))
}

fn method_not_allowed(allowed: &'static str) -> Result<&'static str, Problem> {
    Err(Problem::method_not_allowed(allowed))
}

fn route_not_found(request: &HttpRequest, listener: Listener) -> Result<&'static str, Problem> {
    Err(not_found::nowhere(request.path(), listener))
}
