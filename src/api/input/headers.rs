//! What a caller sent in the headers.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};

use crate::api::input::forward::{Mistakes, more_than_once};
use crate::api::input::misplaced::elsewhere;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::wording::Wording;

/// The `wait` of `Prefer` (RFC 7240) in seconds; other preferences are none of ours.
pub(crate) fn preferred_wait(headers: &HeaderMap) -> Result<Option<Duration>, Wording> {
    let values = headers.get_all("prefer").filter_map(|value| value.to_str().ok());
    for preference in values.flat_map(preferences) {
        // What follows a semicolon are parameters of the preference.
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("wait") {
            return whole_seconds(value.trim().trim_matches('"')).map(Some);
        }
        // `wait 5` and `wait:5` are no names of preferences at all.
        let begins = name.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("wait"));
        if begins && name[4..].starts_with([' ', ':']) {
            return Err(no_wait());
        }
    }
    Ok(None)
}

/// The preferences in one header: a comma within quotes separates nothing.
fn preferences(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

fn whole_seconds(text: &str) -> Result<Duration, Wording> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_wait());
    }
    // A number that does not fit is above every wait that is allowed, and so is the largest.
    Ok(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

fn no_wait() -> Wording {
    Wording::new(
        "wait must be a whole number of seconds, as in wait=5",
        "wait 必须是整数秒，例如 wait=5",
    )
}

/// Finds fields of the API in headers that nobody reads: passed over, a key would not protect and a dry
/// run would be none.
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
        if is_misplaced && let Some(detail) = elsewhere(name) {
            mistakes.add(as_written(name), detail);
        }
    }
}

/// A header's name as people write it: `X-Idempotency-Key`.
fn as_written(name: &str) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let written = if begins { letter.to_ascii_uppercase() } else { letter };
        begins = letter == '-';
        written
    };
    name.chars().map(letter).collect()
}

/// The caller's name for its forward, if it gave one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Wording> {
    let mut values = headers.get_all("idempotency-key");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(more_than_once());
    }
    let value = value.to_str().map_err(|_| {
        Wording::new("must be of visible ASCII characters", "只能包含可见的 ASCII 字符")
    })?;
    IdempotencyKey::parse(value).map(Some)
}
