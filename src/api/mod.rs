//! HTTP in: the routes of all listeners. Knows actix, and nothing of the wire format of Feishu's API.

mod admin;
mod auth;
mod broadcasting;
mod compat;
mod connections;
mod dialect;
mod docs;
mod forwarding;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod http;
mod input;
mod language;
mod mcp;
mod openapi;
mod problems;
mod public_url;
mod readiness;
mod sanitize;
mod store_apps;
mod v1;

use std::future::ready;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard::{self, GuardContext};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpRequest, Resource, Route, Scope, web};
use tracing_actix_web::TracingLogger;

use compat::tokens::{self, TokenCall};
use docs::problems::routes as problem_pages;
use docs::{admin_index, console, home, page, swagger_ui};
use http::access_log::AccessLog;
use http::{admission, response};
use mcp::adapter;
use problems::not_found::{not_found, not_found_among_events, not_found_on_admin};
use problems::problem::Problem;
use v1::{broadcasts, events, forward, merge_forward, thread_forward};

pub use auth::keyring;
pub use connections::connection::ClientConnection;
pub use connections::handshake::take_up_tls;
pub use connections::http2::serve_http2;
pub use connections::serve::{HEAD_TIMEOUT, KEEP_ALIVE, serve};
pub use connections::slots::ConnectionSlots;
pub use connections::socket::{Socket, attach_connection};
pub use docs::swagger_ui::OpenApiDocument;
pub use forwarding::answer::ForwardSettings;
pub use http::admission::Admission;
pub use http::body::BodyLimits;
pub use http::draining::Draining;
pub use language::Language;
pub use mcp::door::McpDoor;
pub use openapi::document::openapi_json;
pub use public_url::PublicUrl;
pub use store_apps::StoreApps;

/// The application of the public listener, with or without its start page and Swagger UI. A request passes the access log, then admission, which also
/// completes its answer, then its route.
///
/// Its application data are [`Admission`], [`BodyLimits`], [`Broadcasts`](crate::broadcasts::Broadcasts) or none,
/// [`Clock`](crate::clock::Clock), [`Delivery`](crate::delivery::Delivery), [`Draining`], [`ForwardSettings`],
/// [`Keyring`](keyring::Keyring), [`McpDoor`], [`OpenApiDocument`], [`PublicUrl`] and [`StoreApps`].
pub fn public(
    has_docs: bool,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        // actix tries the routes in this order, so the busiest one comes first. It sees at a glance that a path is not
        // below a root. (Feishu's SDK for node begins with two slashes if the domain ends with one.)
        .service(feishus_own_paths("/open-apis"))
        .service(feishus_own_paths("//open-apis"))
        .service(post("/v1/messages/{message_id}/forward", web::route().to(forward::forward)))
        .service(post("/v1/messages/merge_forward", web::route().to(merge_forward::merge_forward)))
        .service(post(
            "/v1/threads/{thread_id}/forward",
            web::route().to(thread_forward::thread_forward),
        ))
        .service(post("/v1/messages/{message_id}/broadcasts", web::route().to(broadcasts::create)))
        .service(post(EVENTS, web::route().to(events::take)))
        .service(get("/v1/broadcasts", web::route().to(broadcasts::list)))
        .service(get("/v1/broadcasts/{id}", web::route().to(broadcasts::get)))
        .service(get("/v1/broadcasts/{id}/receivers", web::route().to(broadcasts::receivers)))
        .service(get("/v1/broadcasts/{id}/events", web::route().to(broadcasts::events)))
        .service(post("/v1/broadcasts/{id}/cancel", web::route().to(broadcasts::cancel)))
        .service(post("/v1/broadcasts/{id}/retry", web::route().to(broadcasts::retry)))
        .service(post("/mcp", web::route().to(adapter::answer)))
        .service(get("/openapi.json", web::route().to(swagger_ui::openapi)))
        .service(get("/console/{file:.*}", web::route().to(console::file)))
        .service(get("/console", web::route().to(console::to_console)))
        .service(get("/problems", web::route().to(problem_pages::list)))
        .service(get("/problems/{code}", web::route().to(problem_pages::one)))
        .service(get("/pages.css", web::route().to(page::stylesheet)))
        .configure(move |routes| {
            if has_docs {
                routes
                    .service(get("/docs/{file:.*}", web::route().to(swagger_ui::swagger)))
                    .service(get("/docs", web::route().to(swagger_ui::to_docs)))
                    .service(get("/home.js", web::route().to(home::script)))
                    .service(get("/", web::route().to(home::home)));
            }
        })
        .default_service(web::to(move |it: HttpRequest| {
            ready(refuse(not_found(it.path(), has_docs)))
        }))
        .wrap(from_fn(admission::admit))
        .wrap(TracingLogger::<AccessLog>::new())
}

/// The route of the events of store apps.
const EVENTS: &str = "/v1/events/{app}";

/// The application of a listener for nothing but the events of store apps.
///
/// Its application data are [`Admission`], [`BodyLimits`], [`Clock`](crate::clock::Clock),
/// [`Delivery`](crate::delivery::Delivery), [`PublicUrl`] and [`StoreApps`].
pub fn store_app_events() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .service(post(EVENTS, web::route().to(events::take)))
        .default_service(web::to(|| ready(refuse(not_found_among_events()))))
        .wrap(from_fn(admission::admit))
        .wrap(TracingLogger::<AccessLog>::new())
}

/// The application of the admin listener. Its requests are neither counted nor bounded nor logged.
///
/// Its application data are [`Delivery`](crate::delivery::Delivery), [`Draining`], [`Keyring`](keyring::Keyring),
/// [`Metrics`](crate::telemetry::metrics::Metrics) and [`PublicUrl`].
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
        .service(get("/livez", web::route().to(admin::livez)))
        .service(get("/readyz", web::route().to(admin::readyz)))
        .service(get("/metrics", web::route().to(admin::metrics)))
        .service(get("/pages.css", web::route().to(page::stylesheet)))
        .service(get("/", web::route().to(admin_index::index)))
        .default_service(web::to(|it: HttpRequest| ready(refuse(not_found_on_admin(it.path())))))
        .wrap(from_fn(response::complete_admin))
}

/// The paths of Feishu's API that the gateway serves, for programs that use Feishu's SDKs.
fn feishus_own_paths(root: &str) -> Scope {
    let post = |path: &str, route| post_below(root, path, route);
    let mut scope = web::scope(root)
        .service(post("/im/v1/messages/{message_id}/forward", web::route().to(forward::forward)))
        .service(post(
            "/im/v1/messages/merge_forward",
            web::route().to(merge_forward::merge_forward),
        ))
        .service(post(
            "/im/v1/threads/{thread_id}/forward",
            web::route().to(thread_forward::thread_forward),
        ));
    // Feishu takes these with and without a slash at the end (its documentation).
    for end in ["", "/"] {
        for (path, call) in [
            ("tenant_access_token/internal", TokenCall::Tenant),
            ("app_access_token/internal", TokenCall::App),
            ("app_access_token", TokenCall::StoreApp),
            ("tenant_access_token", TokenCall::StoreTenant),
            ("app_ticket/resend", TokenCall::ResendTicket),
        ] {
            let answer = move |exchange| ready(tokens::answer(call, exchange));
            scope = scope.service(post(&format!("/auth/v3/{path}{end}"), web::route().to(answer)));
        }
    }
    scope
}

fn get(pattern: &str, route: Route) -> Resource {
    let get_or_head = guard::Any(guard::Get()).or(guard::Head());
    resource(pattern, route.guard(get_or_head), "GET, HEAD")
}

fn post(pattern: &str, route: Route) -> Resource {
    post_below("", pattern, route)
}

/// A resource of the scope `root`.
fn post_below(root: &str, pattern: &str, route: Route) -> Resource {
    let spelling = format!("{root}{pattern}");
    let is_spelt_out = move |context: &GuardContext<'_>| is_spelt_out(&spelling, context);
    // `guard::Post` would note the method in the data of each request, for an answer that `resource` gives itself.
    let is_post = |context: &GuardContext<'_>| context.head().method == Method::POST;
    resource(pattern, route.guard(guard::fn_guard(is_post)), "POST")
        .guard(guard::fn_guard(is_spelt_out))
}

fn resource(pattern: &str, route: Route, allowed: &'static str) -> Resource {
    let other_methods = move || ready(refuse(Problem::method_not_allowed(allowed)));
    web::resource(pattern).route(route).default_service(web::to(other_methods))
}

/// Whether no character of the path is percent-encoded beside the pattern's parameter, if it has one. The router takes
/// `forw%61rd` for `forward`, but a proxy in front that has a rule for the path may not.
fn is_spelt_out(pattern: &str, context: &GuardContext<'_>) -> bool {
    let path = context.head().uri.path();
    match pattern.split_once('{').zip(pattern.split_once('}')) {
        Some(((before, _), (_, after))) => path.starts_with(before) && path.ends_with(after),
        None => path == pattern,
    }
}

/// The result of a handler that only refuses.
fn refuse(problem: Problem) -> Result<&'static str, Problem> {
    Err(problem)
}
