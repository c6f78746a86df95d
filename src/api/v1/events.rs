//! `POST /v1/events/{app}`: what Feishu pushes to a store app.

use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::http::body::Body;
use crate::api::problems::problem::Problem;
use crate::api::store_apps::StoreApps;
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::feishu::events::{Event, EventSignature, decode};
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// Largest body in bytes. That of a ticket has less than 1 KiB.
const LARGEST: usize = 64 * 1024;

/// The answer to an event: empty, or the challenge of an address check.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct EventAnswer {
    /// The challenge of the address check.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ajls384kdjx98XX")]
    challenge: Option<String>,
}

/// An encrypted event. If the app has no Encrypt Key, Feishu pushes the event itself: an object in Feishu's version 1
/// or 2.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub(crate) struct PushedEvent {
    /// The event, encrypted with the app's Encrypt Key (AES-256-CBC), in base64.
    #[schema(nullable = false, example = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=")]
    encrypt: Option<String>,
}

/// Take an event of a store app
///
/// Feishu pushes here what happens to a store app. Set the URL in the developer console, on the page of the app's events.
/// No API key is needed: the app's Encrypt Key and verification token show that Feishu sent the event.
///
/// The gateway keeps the app's tickets, and acknowledges all other events. Feishu pushes an event again unless it is
/// answered with 200.
#[utoipa::path(
    post,
    path = "/v1/events/{app}",
    operation_id = "take_event",
    tag = "events",
    security(),
    params(
        ("app" = String, Path, description = "The name of the store app in the gateway's configuration.", example = "main"),
        ("X-Lark-Signature" = Option<String>, Header, nullable = false,
            description = "The signature: SHA-256 of timestamp, nonce, Encrypt Key and body, in lower-case hexadecimal. \
                Required for each event of an app with an Encrypt Key, except for the address check."),
        ("X-Lark-Request-Timestamp" = Option<String>, Header, nullable = false, description = "A part of what is signed."),
        ("X-Lark-Request-Nonce" = Option<String>, Header, nullable = false, description = "A part of what is signed."),
    ),
    request_body(content = PushedEvent, content_type = "application/json"),
    responses((status = 200, description = "The event is taken.", content_type = "application/json", body = EventAnswer)),
)]
pub(crate) async fn take(
    request: HttpRequest,
    payload: web::Payload,
    apps: web::Data<StoreApps>,
    delivery: web::Data<Delivery>,
    clock: web::Data<Clock>,
) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("app");
    let app = apps.find(name).ok_or_else(no_store_app)?;
    let Body(body) = Body::read(&request, &mut payload.into_inner(), LARGEST).await?;
    let event = decode(&app.expected.load(), signature(request.headers()), &body, clock.wall());
    let event = event.map_err(|why| {
        tracing::warn!(app = name, reason = %why, "a pushed event was rejected");
        apps.count(name, "other", "rejected");
        rejected()
    })?;
    let (event, id) = match event {
        Event::AddressCheck { challenge } => {
            apps.count(name, "url_verification", "accepted");
            return Ok(HttpResponse::Ok().json(EventAnswer { challenge: Some(challenge) }));
        }
        Event::AppTicket { id, ticket } => {
            if !app.has_taken(&id, clock.now()) {
                delivery.app_ticket(name, ticket).await.map_err(|error| {
                    tracing::error!(app = name, %error, "an app ticket could not be stored");
                    apps.count(name, "app_ticket", "not_stored");
                    not_stored()
                })?;
            }
            ("app_ticket", id)
        }
        Event::Other { id, event_type } => {
            tracing::debug!(app = name, event_type, "an event that the gateway does not use");
            ("other", id)
        }
    };
    let result = if app.has_taken(&id, clock.now()) { "repeated" } else { "accepted" };
    app.take(id, clock.now());
    apps.count(name, event, result);
    Ok(HttpResponse::Ok().json(EventAnswer::default()))
}

fn signature(headers: &HeaderMap) -> Option<EventSignature<'_>> {
    let bytes = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    Some(EventSignature {
        signature: bytes("x-lark-signature")?,
        timestamp: bytes("x-lark-request-timestamp").unwrap_or_default(),
        nonce: bytes("x-lark-request-nonce").unwrap_or_default(),
    })
}

fn no_store_app() -> Problem {
    let detail = Wording::new(
        "No store app of this name takes its events at this address.",
        "该地址没有接收此名称的商店应用的事件。",
    );
    Problem::new(ProblemKind::RouteNotFound, detail)
}

/// The problem of a request that is no event of the app. It does not say which check failed: somebody who sends variants
/// of a recorded event could decrypt it by that.
pub(crate) fn rejected() -> Problem {
    let detail = Wording::new(
        "The request did not pass the checks of an event of this app; the gateway's log says which one.",
        "该请求未通过此应用的事件校验；具体原因见网关日志。",
    );
    Problem::new(ProblemKind::EventRejected, detail)
}

fn not_stored() -> Problem {
    let detail = Wording::new(
        "The app ticket could not be stored. Push the event again.",
        "app_ticket 未能保存，请重新推送该事件。",
    );
    Problem::new(ProblemKind::Overloaded, detail)
}
