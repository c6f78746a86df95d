//! The headers of a forward.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};

use crate::api::input::misplaced::where_it_belongs;
use crate::api::input::mistakes::{Mistakes, more_than_once};
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::urgency::Urgency;
use crate::model::wording::Wording;

// Made here: a header that is asked for by its text has its name checked and copied each time.
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PRIORITY: HeaderName = HeaderName::from_static("priority");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The `wait` of the header `Prefer` (RFC 7240) in whole seconds. Other preferences are ignored, as the RFC
/// wants it.
pub(crate) fn preferred_wait(headers: &HeaderMap) -> Result<Option<Duration>, Wording> {
    let values = headers.get_all(PREFER).filter_map(|value| value.to_str().ok());
    for preference in values.flat_map(preferences) {
        // A preference may have parameters behind a semicolon.
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("wait") {
            return whole_seconds(value.trim().trim_matches('"')).map(Some);
        }
        // `wait 5` and `wait:5` are typos of `wait=5`, and no names of other preferences.
        let begins = name.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("wait"));
        if begins && name[4..].starts_with([' ', ':']) {
            return Err(not_a_wait());
        }
    }
    Ok(None)
}

/// Whether the header `Prefer` (RFC 7240) asks for an answer before the work is done.
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).filter_map(|value| value.to_str().ok());
    let names = values.flat_map(preferences).filter_map(|it| it.split([';', '=']).next());
    names.map(str::trim).any(|name| name.eq_ignore_ascii_case("respond-async"))
}

/// How urgent the header `Priority` (RFC 9218) says that a forward is. `u=7`, background, is bulk. What does not
/// follow the RFC is ignored, as the RFC wants it.
pub(super) fn urgency(headers: &HeaderMap) -> Urgency {
    let values = headers.get_all(PRIORITY).filter_map(|value| value.to_str().ok());
    let members = values.flat_map(|value| value.split(','));
    // A member may have parameters behind a semicolon. Of several members with one name the last one counts.
    let urgencies =
        members.filter_map(|member| member.split(';').next()?.trim().strip_prefix("u="));
    match urgencies.last() {
        Some("7") => Urgency::Bulk,
        _ => Urgency::Interactive,
    }
}

/// The preferences in one header. A comma inside quotes does not separate them.
fn preferences(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

fn whole_seconds(text: &str) -> Result<Duration, Wording> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_wait());
    }
    // A number that does not fit is above every wait that is allowed, as `u32::MAX` is.
    Ok(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

fn not_a_wait() -> Wording {
    Wording::new(
        "wait must be a whole number of seconds, such as wait=5",
        "wait 必须是整数秒，例如 wait=5",
    )
}

/// Finds fields of the API in headers that are not read. Were they ignored, a key would not protect against
/// a second delivery, and a dry run would be delivered.
pub(crate) fn find_misplaced(headers: &HeaderMap, mistakes: &mut Mistakes) {
    for name in headers.keys().map(HeaderName::as_str) {
        let is_misplaced = matches!(
            name,
            "x-idempotency-key"
                | "idempotency_key"
                | "x_idempotency_key"
                | "idempotencykey"
                | "idempotency-token"
                | "x-idempotency-token"
                | "idempotent-key"
                | "x-idempotent-key"
                | "idempotency"
                | "dry-run"
                | "dry_run"
                | "x-dry-run"
                | "uuid"
                | "receive-id"
                | "receive_id"
                | "receive-id-type"
                | "receive_id_type"
        );
        if is_misplaced && let Some(detail) = where_it_belongs(name) {
            mistakes.add(as_written(name), detail);
        }
    }
}

/// A header's name with capitals, such as `X-Idempotency-Key`. actix keeps names in small letters.
fn as_written(name: &str) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let written = if begins { letter.to_ascii_uppercase() } else { letter };
        begins = letter == '-';
        written
    };
    name.chars().map(letter).collect()
}

/// The value of `Idempotency-Key`, if the header is there.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Wording> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(more_than_once());
    }
    let value = value.to_str().map_err(|_| {
        Wording::new("must contain only visible ASCII characters", "只能包含可见的 ASCII 字符")
    })?;
    IdempotencyKey::parse(value).map(Some)
}
