//! The routes of broadcasts: one message to many receivers.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::SecretString;

use crate::api::auth::extractor::presented_key;
use crate::api::auth::keyring::Keyring;
use crate::api::auth::sender::Sender;
use crate::api::broadcasting::answer::{
    accepted, add_language, add_preference, id_of, is_known, json, not_modified, one, prefers_csv,
};
use crate::api::broadcasting::body::LargeBody;
use crate::api::broadcasting::events::{EventStream, last_event_id};
use crate::api::broadcasting::input::{self, BroadcastInput, ParsedBroadcast, RetryInput};
use crate::api::broadcasting::problems::{NamedIn, problem_of_broadcast};
use crate::api::broadcasting::query;
use crate::api::broadcasting::results::{CsvStream, Reader};
use crate::api::broadcasting::schema::{
    BroadcastPageBody, NewBroadcastBody, PreviewBody, ReceiverPageBody, RetryBody,
};
use crate::api::http::body::Body;
use crate::api::http::streamed::{Chunks, Streamed};
use crate::api::input::headers::preferred_wait;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::api::v1::parameters::{
    BroadcastIdParameter, BroadcastKeyHeaders, ListParameters, LongPollHeaders, ReaderHeaders,
    ReceiverListParameters, StreamHeaders,
};
use crate::broadcasts::{BroadcastBody, BroadcastError, BroadcastRequest, Broadcasts, in_millis};
use crate::clock::Clock;
use crate::model::api_key::Caller;

/// The longest wait for a change, in seconds.
const LONGEST_WAIT: u64 = 60;

/// Forward a message to many receivers
///
/// Starts a broadcast: one forward to each receiver, with bulk priority, as fast as Feishu's rate limits allow. An accepted
/// broadcast survives a restart of the gateway.
///
/// The gateway accepts all receivers or none: each one must be valid, allowed and listed once. If not, the problem lists
/// every mistake. The same request with the same `Idempotency-Key` gets the same broadcast.
#[utoipa::path(
    post,
    path = "/v1/messages/{message_id}/broadcasts",
    operation_id = "broadcast_message",
    tag = "broadcasts",
    security(("api_key" = []), ("bearer" = [])),
    params(
        ("message_id" = String, Path, description = "The message to forward.",
            min_length = 4, max_length = 128, pattern = "^om_[A-Za-z0-9_-]+$",
            example = "om_dc13264520392913993dd051dba21dcf"),
        ("dry_run" = Option<bool>, Query, description = "`true`, `1` or no value: check everything and say what would be accepted, but accept nothing."),
        BroadcastKeyHeaders,
        ReaderHeaders,
    ),
    request_body(content = NewBroadcastBody, content_type = "application/json"),
    responses(
        (status = 202, description = "The broadcast was accepted, now or by an earlier request with the same `Idempotency-Key`.",
            content_type = "application/json", body = BroadcastBody,
            headers(
                ("Location" = String, description = "The URL of the broadcast. It is relative to this request unless the operator has set a public URL."),
                ("ETag" = String, description = "The revision of the broadcast."),
                ("Idempotency-Replayed" = bool, description = "`true` if an earlier request with the same `Idempotency-Key` was accepted."),
            )),
        (status = 200, description = "In a dry run: what would be accepted.", content_type = "application/json", body = PreviewBody),
    ),
)]
pub(crate) async fn create(
    (sender, broadcasts, request, body): (Sender, Broadcasts, HttpRequest, LargeBody),
) -> Result<HttpResponse, Problem> {
    let input = BroadcastInput {
        caller: sender.in_named_tenant(),
        message_id: request.match_info().query("message_id"),
        query: request.query_string(),
        headers: request.headers(),
        body: &body.bytes,
        most: broadcasts.settings().max_receivers,
    };
    let ParsedBroadcast { caller, request: asked, is_dry_run } = input.parse()?;
    if is_dry_run {
        return preview(&broadcasts, &caller, asked).await;
    }
    let result = broadcasts.accept(&caller, asked).await;
    let result = result.map_err(|it| refused(&it))?;
    Ok(accepted(&request, &broadcasts, &result))
}

async fn preview(
    broadcasts: &Broadcasts,
    caller: &Caller,
    asked: BroadcastRequest,
) -> Result<HttpResponse, Problem> {
    let mut by_type = BTreeMap::new();
    for receiver in &asked.receivers {
        *by_type.entry(receiver.kind().as_str()).or_default() += 1;
    }
    let total = by_type.values().sum();
    let end = broadcasts.preview(caller, asked).await;
    let end = end.map_err(|it| refused(&it))?;
    let body = PreviewBody { total, by_type, estimated_finish_at: end.map(in_millis) };
    Ok(json(StatusCode::OK, &body))
}

/// List your broadcasts
///
/// The broadcasts of your API key, newest first. The gateway keeps each one for some days after its end (`broadcasts.keep`).
#[utoipa::path(
    get,
    path = "/v1/broadcasts",
    operation_id = "list_broadcasts",
    tag = "broadcasts",
    security(("api_key" = []), ("bearer" = [])),
    params(ListParameters, ReaderHeaders),
    responses((status = 200, description = "A page of broadcasts.", content_type = "application/json", body = BroadcastPageBody)),
)]
pub(crate) async fn list(
    (caller, broadcasts, request): (Caller, Broadcasts, HttpRequest),
) -> Result<HttpResponse, Problem> {
    let query = query::list(request.query_string()).map_err(Problem::invalid)?;
    // One more than asked for shows whether there is another page.
    let mut page = broadcasts
        .list(&caller, query.before.as_ref(), query.limit + 1)
        .await
        .map_err(|it| refused(&it))?;
    let has_more = page.len() > query.limit as usize;
    page.truncate(query.limit as usize);
    let body = BroadcastPageBody {
        broadcasts: page
            .iter()
            .map(|it| BroadcastBody::new(it, broadcasts.estimated_finish_at(it)))
            .collect(),
        next_cursor: page.last().filter(|_| has_more).map(|it| it.id.as_str()),
    };
    Ok(json(StatusCode::OK, &body))
}

/// Get a broadcast
///
/// The state of the broadcast, and the number of receivers with each outcome. With `Prefer: wait=N` the answer comes when
/// they change, or after N seconds. If the broadcast has ended, the answer comes at once.
#[utoipa::path(
    get,
    path = "/v1/broadcasts/{id}",
    operation_id = "get_broadcast",
    tag = "broadcasts",
    security(("api_key" = []), ("bearer" = [])),
    params(BroadcastIdParameter, LongPollHeaders, ReaderHeaders),
    responses(
        (status = 200, description = "The broadcast.", content_type = "application/json", body = BroadcastBody,
            headers(
                ("ETag" = String, description = "The revision of the broadcast."),
                ("Preference-Applied" = String, description = "The longest wait that the gateway applied. Absent if `Prefer` did not ask for one."),
            )),
        (status = 304, description = "The broadcast has not changed since `If-None-Match`, nor during the wait."),
    ),
)]
pub(crate) async fn get(
    (caller, broadcasts, request, clock): (Caller, Broadcasts, HttpRequest, web::Data<Clock>),
) -> Result<HttpResponse, Problem> {
    query::nothing(request.query_string()).map_err(Problem::invalid)?;
    let wait = preferred_wait(request.headers())
        .map_err(|detail| Problem::invalid(vec![InvalidField::new("Prefer", detail)]))?
        .map(|it| it.as_secs().min(LONGEST_WAIT));
    let id = id_of(&request)?;
    let mut broadcast = broadcasts.find(&caller, &id).await.map_err(|it| refused(&it))?;
    let is_news = is_known(&request, &broadcast) == Some(false);
    if let Some(seconds) = wait.filter(|_| !is_news && broadcast.finished_at.is_none()) {
        let until = clock.now() + Duration::from_secs(seconds);
        let changed = broadcasts.changed(&caller, &id, broadcast.revision, until).await;
        broadcast = changed.map_err(|it| refused(&it))?;
    }
    let mut response = match is_known(&request, &broadcast) {
        Some(true) => not_modified(&broadcast),
        _ => one(StatusCode::OK, &broadcasts, &broadcast),
    };
    if let Some(seconds) = wait {
        add_preference(&mut response, format!("wait={seconds}"));
    }
    Ok(response)
}

/// List the receivers of a broadcast
///
/// Each receiver with its outcome, and with the id of the new message or the problem, in the order of the request. With
/// `Accept: text/csv` the answer is one CSV file with all receivers, for a spreadsheet.
#[utoipa::path(
    get,
    path = "/v1/broadcasts/{id}/receivers",
    operation_id = "list_broadcast_receivers",
    tag = "broadcasts",
    security(("api_key" = []), ("bearer" = [])),
    params(BroadcastIdParameter, ReceiverListParameters, ReaderHeaders),
    responses((status = 200, description = "A page of receivers. As CSV: all receivers.",
        headers(
            ("Content-Language" = String, description = "The language of the problems."),
            ("Vary" = String, description = "`Accept, Accept-Language`."),
            ("Content-Disposition" = String, description = "The name of the CSV file."),
        ),
        content(
            (ReceiverPageBody = "application/json"),
            (String = "text/csv", example = "receive_id,receive_id_type,outcome,message_id,attempts,ended_at,problem,title,fix_by,retryable,remedy,feishu_code,log_id\r\noc_5ad11d72b830411d72b836c20,chat_id,delivered,om_f04fa7d4a2d3d0ff0b9a6f8dd1e5a3c7,1,2026-11-22T09:00:12Z,,,,,,,\r\n"),
        ))),
)]
pub(crate) async fn receivers(
    (caller, broadcasts, request): (Caller, Broadcasts, HttpRequest),
) -> Result<HttpResponse, Problem> {
    let (is_csv, reader) = (prefers_csv(&request), Reader::of(&request));
    let language = reader.language;
    let query = query::receivers(request.query_string(), is_csv).map_err(Problem::invalid)?;
    let id = id_of(&request)?;
    let mut response = if is_csv {
        let name = format!("attachment; filename=\"{id}.csv\"");
        let csv = CsvStream { broadcasts, caller, id, query, reader };
        let first = csv.read(0).await.map_err(|it| refused(&it))?;
        let mut response = stream(&request, "text/csv; charset=utf-8; header=present", |chunks| {
            csv.write(first, chunks)
        });
        if let Ok(name) = HeaderValue::try_from(name) {
            response.headers_mut().insert(CONTENT_DISPOSITION, name);
        }
        response
    } else {
        let page = broadcasts.receivers(&caller, &id, &query.states, query.from, query.limit).await;
        json(StatusCode::OK, &reader.page(&page.map_err(|it| refused(&it))?, query.limit))
    };
    add_language(&mut response, language);
    Ok(response)
}

/// Follow a broadcast
///
/// Server-sent events, at most one per second. `progress` carries the broadcast after each change. `completed` is the last
/// event: every receiver has a final outcome.
///
/// The stream also ends after an hour, when your API key ends, and when the gateway stops. Connect again with
/// `Last-Event-ID`, and you get no `progress` twice.
#[utoipa::path(
    get,
    path = "/v1/broadcasts/{id}/events",
    operation_id = "follow_broadcast",
    tag = "broadcasts",
    security(("api_key" = []), ("bearer" = [])),
    params(BroadcastIdParameter, StreamHeaders, ReaderHeaders),
    // Without a type: some generators of clients read an event, others the whole text.
    responses((status = 200, description = "The events. `data` is the broadcast as JSON, `id` its revision.",
        content_type = "text/event-stream", body = serde_json::Value)),
)]
pub(crate) async fn events(
    (caller, broadcasts, request, clock, keyring): (
        Caller,
        Broadcasts,
        HttpRequest,
        web::Data<Clock>,
        web::Data<Keyring>,
    ),
) -> Result<HttpResponse, Problem> {
    query::nothing(request.query_string()).map_err(Problem::invalid)?;
    let broadcast = broadcasts.find(&caller, &id_of(&request)?).await.map_err(|it| refused(&it))?;
    // `Caller` was extracted, so there is a key.
    let key = SecretString::from(presented_key(request.headers()).unwrap_or_default());
    let known = last_event_id(request.headers());
    let clock = Clock::clone(&clock);
    let events = EventStream { broadcasts, clock, keyring, key, caller, broadcast, known };
    let mut response = stream(&request, "text/event-stream", |chunks| events.write(chunks));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would collect the events otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Cancel a broadcast
///
/// The gateway starts no more forwards of this broadcast. You can repeat the request: the broadcast stays canceled.
#[utoipa::path(
    post,
    path = "/v1/broadcasts/{id}/cancel",
    operation_id = "cancel_broadcast",
    tag = "broadcasts",
    security(("api_key" = []), ("bearer" = [])),
    params(BroadcastIdParameter, ReaderHeaders),
    responses((status = 200, description = "The canceled broadcast. Forwards that had already started may still be `in_doubt`.",
        content_type = "application/json", body = BroadcastBody,
        headers(("ETag" = String, description = "The revision of the broadcast.")))),
)]
pub(crate) async fn cancel(
    (caller, broadcasts, request, body): (Caller, Broadcasts, HttpRequest, Body),
) -> Result<HttpResponse, Problem> {
    input::nothing(request.query_string(), &body.0)?;
    let broadcast =
        broadcasts.cancel(&caller, &id_of(&request)?).await.map_err(|it| refused(&it))?;
    Ok(one(StatusCode::OK, &broadcasts, &broadcast))
}

/// Retry a broadcast
///
/// Starts a new broadcast of the same message, to the receivers of this broadcast that have one of the `outcomes`. The new
/// broadcast has as much time as this one had.
#[utoipa::path(
    post,
    path = "/v1/broadcasts/{id}/retry",
    operation_id = "retry_broadcast",
    tag = "broadcasts",
    security(("api_key" = []), ("bearer" = [])),
    params(BroadcastIdParameter, BroadcastKeyHeaders, ReaderHeaders),
    request_body(content = RetryBody, content_type = "application/json", description = "Optional."),
    responses((status = 202, description = "The new broadcast. Its `retry_of` is the id of this one.",
        content_type = "application/json", body = BroadcastBody,
        headers(
            ("Location" = String, description = "The URL of the new broadcast. It is relative to this request unless the operator has set a public URL."),
            ("ETag" = String, description = "The revision of the new broadcast."),
            ("Idempotency-Replayed" = bool, description = "`true` if an earlier request with the same `Idempotency-Key` was accepted."),
        ))),
)]
pub(crate) async fn retry(
    (sender, broadcasts, request, body): (Sender, Broadcasts, HttpRequest, Body),
) -> Result<HttpResponse, Problem> {
    let (query, headers) = (request.query_string(), request.headers());
    let (key, states) = RetryInput { query, headers, body: &body.0 }.parse()?;
    let id = id_of(&request)?;
    let of = broadcasts.find(sender.caller(), &id).await.map_err(|it| refused(&it))?;
    let caller = sender.in_tenant(of.tenant.as_ref())?;
    let result = broadcasts.retry(&caller, &id, &states, &key).await;
    let result = result.map_err(|error| problem_of_broadcast(&error, NamedIn::EarlierBroadcast))?;
    Ok(accepted(&request, &broadcasts, &result))
}

fn refused(error: &BroadcastError) -> Problem {
    problem_of_broadcast(error, NamedIn::List)
}

/// An answer whose body is written while it is sent. To `HEAD`, the answer without its body.
fn stream<F, E>(
    request: &HttpRequest,
    content_type: &'static str,
    write: impl FnOnce(Chunks) -> F,
) -> HttpResponse
where
    F: Future<Output = Result<(), E>> + 'static,
    E: Error + 'static,
{
    let mut response = HttpResponse::Ok();
    response.content_type(content_type);
    if request.method() == Method::HEAD {
        return response.finish();
    }
    response.body(Streamed::new(write))
}
