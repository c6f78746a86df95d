//! HTTP in: the routes of both listeners. Knows actix and nothing of Feishu's wire.

mod admin;
mod attend;
mod body;
mod caller;
mod connection;
mod docs;
mod dry_run;
mod echo;
mod explanation;
mod forward;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod input;
pub mod keyring;
mod language;
mod links;
mod nowhere;
mod observe;
mod openapi;
mod pages;
pub mod problem;
mod problem_body;
mod problems;
mod request_log;
mod room;
mod samples;
mod unauthorized;

use std::future::ready;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpRequest, Resource, Route, web};
use tracing_actix_web::TracingLogger;

use nowhere::Listener;
use problem::Problem;
use request_log::RequestLog;

pub use admin::Draining;
pub use attend::{HEAD_TIMEOUT, KEEP_ALIVE, Socket, attend, introduce};
pub use connection::Connection;
pub use docs::Docs;
pub use forward::ForwardSettings;
pub use links::PublicUrl;
pub use observe::Observer;
pub use openapi::openapi_json;
pub use room::Room;

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
        .service(get("/openapi.json", || web::route().to(docs::openapi)))
        .service(get("/docs/{file:.*}", || web::route().to(docs::swagger)))
        .service(get("/docs", || web::route().to(docs::to_docs)))
        .service(get("/problems", || web::route().to(problems::list)))
        .service(get("/problems/{code}", || web::route().to(problems::one)))
        .service(get("/pages.css", || web::route().to(pages::stylesheet)))
        .service(get("/", || web::route().to(pages::home)))
        .default_service(web::to(|it: HttpRequest| ready(route_not_found(&it, Listener::Public))))
        .wrap(from_fn(observe::observe))
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
        .wrap(from_fn(observe::finish_only))
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
    Err(nowhere::nowhere(request.path(), listener))
}
