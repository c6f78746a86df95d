//! The answers of the routes of broadcasts.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, Accept, CONTENT_LANGUAGE, ETAG, EntityTag, Header as _, HeaderValue, IfNoneMatch,
    LOCATION, VARY,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::api::broadcasting::problems::not_found;
use crate::api::forwarding::headers::{IDEMPOTENCY_REPLAYED, PREFERENCE_APPLIED, set};
use crate::api::language::Language;
use crate::api::problems::problem::Problem;
use crate::api::public_url::PublicUrl;
use crate::broadcasts::{Accepted, Broadcast, BroadcastBody, Broadcasts};
use crate::model::broadcast_id::BroadcastId;

/// The id in the path of a request.
pub(crate) fn id_of(request: &HttpRequest) -> Result<BroadcastId, Problem> {
    BroadcastId::parse(request.match_info().query("id")).ok_or_else(not_found)
}

/// Answers with JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    let body = serde_json::to_vec(body).expect("a struct of strings and numbers is always JSON");
    HttpResponseBuilder::new(status).content_type("application/json").body(body)
}

/// Answers that a broadcast was accepted, now or before.
pub(crate) fn accepted(
    request: &HttpRequest,
    broadcasts: &Broadcasts,
    accepted: &Accepted,
) -> HttpResponse {
    let Accepted { broadcast, is_replayed } = accepted;
    let mut response = one(StatusCode::ACCEPTED, broadcasts, broadcast);
    let headers = response.headers_mut();
    let path = format!("/v1/broadcasts/{}", broadcast.id);
    set(headers, LOCATION, PublicUrl::of(request).location(request.path(), &path));
    if *is_replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Answers with a broadcast.
pub(crate) fn one(
    status: StatusCode,
    broadcasts: &Broadcasts,
    broadcast: &Broadcast,
) -> HttpResponse {
    let mut response =
        json(status, &BroadcastBody::new(broadcast, broadcasts.estimated_finish_at(broadcast)));
    set(response.headers_mut(), ETAG, tag(broadcast).to_string());
    response
}

/// Answers that a broadcast has not changed.
pub(crate) fn not_modified(broadcast: &Broadcast) -> HttpResponse {
    let mut response = HttpResponse::NotModified().finish();
    set(response.headers_mut(), ETAG, tag(broadcast).to_string());
    response
}

/// Names the preference that held.
pub(crate) fn add_preference(response: &mut HttpResponse, preference: String) {
    set(response.headers_mut(), PREFERENCE_APPLIED, preference);
}

/// Names the language of an answer that is in one, and what decided on it.
pub(crate) fn add_language(response: &mut HttpResponse, language: Language) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Language"));
}

/// What the caller's `If-None-Match` says of the broadcast: none without that header, else whether the caller knows it as
/// it is.
pub(crate) fn is_known(request: &HttpRequest, broadcast: &Broadcast) -> Option<bool> {
    let given: IfNoneMatch = request.get_header()?;
    Some(match given {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|it| it.weak_eq(&tag(broadcast))),
    })
}

/// Whether the caller wants CSV rather than JSON.
pub(crate) fn prefers_csv(request: &HttpRequest) -> bool {
    if !request.headers().contains_key(ACCEPT) {
        return false;
    }
    let Ok(accept) = Accept::parse(request) else { return false };
    let ranked = accept.ranked();
    let named =
        ranked.iter().find(|it| ["text/csv", "application/json"].contains(&it.essence_str()));
    named.is_some_and(|it| it.essence_str() == "text/csv")
}

/// Weak, because the estimated time of the end changes without a revision.
fn tag(broadcast: &Broadcast) -> EntityTag {
    EntityTag::new_weak(broadcast.revision.to_string())
}
