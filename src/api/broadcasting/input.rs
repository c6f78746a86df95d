//! Reads what a caller sent to one of the routes of broadcasts, or finds every mistake in it at once.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use serde_json::value::RawValue;

use crate::api::auth::sender::TENANT_KEY;
use crate::api::broadcasting::json;
use crate::api::broadcasting::problems::{key_is_missing, key_missing};
use crate::api::broadcasting::query;
use crate::api::broadcasting::receivers::{self, RECEIVERS};
use crate::api::input::body::{not_an_object, other_encoding};
use crate::api::input::headers::{find_misplaced, idempotency_key};
use crate::api::input::mistakes::{Mistakes, more_than_once};
use crate::api::problems::problem::Problem;
use crate::api::sanitize;
use crate::broadcasts::{BroadcastRequest, ReceiverState};
use crate::model::api_key::Caller;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;
use crate::model::wording::Wording;

/// What a caller sent to have a message broadcast.
pub(crate) struct BroadcastInput<'a> {
    /// Who asks for it, or what is wrong about the tenant.
    pub(crate) caller: Result<Caller, Wording>,
    pub(crate) message_id: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// The most receivers.
    pub(crate) most: u32,
}

/// A broadcast that was asked for without a mistake.
#[derive(Debug)]
pub(crate) struct ParsedBroadcast {
    pub(crate) caller: Caller,
    pub(crate) request: BroadcastRequest,
    pub(crate) is_dry_run: bool,
}

/// What a caller sent to have some receivers of a broadcast sent to again.
pub(crate) struct RetryInput<'a> {
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// For how long a broadcast may be delivered, if the caller does not say.
pub(crate) const USUAL_EXPIRY: Duration = Duration::from_hours(24);
const SHORTEST_EXPIRY: Duration = Duration::from_mins(1);
const LONGEST_EXPIRY: Duration = Duration::from_hours(7 * 24);

/// The outcomes that can be retried.
pub(super) const RETRIABLE: [ReceiverState; 4] = [
    ReceiverState::NotDelivered,
    ReceiverState::Expired,
    ReceiverState::Unknown,
    ReceiverState::Canceled,
];
/// The outcomes that are retried if the caller does not say: those that cannot have been delivered, and were wanted.
const USUALLY_RETRIED: [ReceiverState; 2] = [ReceiverState::NotDelivered, ReceiverState::Expired];
pub(super) const OUTCOMES: &str = "outcomes";

impl BroadcastInput<'_> {
    /// Reads the broadcast.
    pub(crate) fn parse(self) -> Result<ParsedBroadcast, Problem> {
        let mut mistakes = Mistakes::in_a_list();
        let is_dry_run = query::is_dry_run(self.query, &mut mistakes);
        let message = mistakes.keep("message_id", MessageId::parse(self.message_id));
        let (mut receivers, mut expires_in) = (None, None);
        let example = r#"{"receivers": [{"receive_id": "oc_…"}]}"#;
        let is_object =
            object(self.body, example, &mut mistakes, |name, value, mistakes| match name {
                RECEIVERS if receivers.is_some() => mistakes.add(RECEIVERS, more_than_once()),
                RECEIVERS => {
                    receivers = Some(receivers::parse(value, self.most as usize, mistakes));
                }
                "expires_in" if expires_in.is_some() => mistakes.add(name, more_than_once()),
                "expires_in" => {
                    let given = json::text(value).as_deref().and_then(expiry);
                    expires_in = Some(mistakes.keep(name, given.ok_or_else(not_an_expiry)));
                }
                "receive_id" | "receive_id_type" => {
                    let detail = Wording::new(
                        "belongs in an item of receivers, such as [{\"receive_id\": \"oc_…\"}]",
                        "应放在 receivers 的各项中：[{\"receive_id\": \"oc_…\"}]",
                    );
                    mistakes.add(name, detail);
                }
                _ => mistakes.add(shown(name), unknown("receivers, expires_in")),
            });
        if is_object && receivers.is_none() {
            mistakes.add(RECEIVERS, Wording::new("is missing", "缺失"));
        }
        find_misplaced(self.headers, &mut mistakes);
        let caller = mistakes.keep(TENANT_KEY, self.caller);
        let key = key(self.headers, mistakes, RECEIVERS)?;
        let (Some(message), Some(receivers), Some(caller)) = (message, receivers, caller) else {
            unreachable!("what is missing is a mistake");
        };
        let receivers = receivers.into_iter().map(|it| caller.receiver(it)).collect();
        let expires_in = expires_in.flatten().unwrap_or(USUAL_EXPIRY);
        Ok(ParsedBroadcast {
            request: BroadcastRequest { message, receivers, key, expires_in },
            caller,
            is_dry_run,
        })
    }
}

impl RetryInput<'_> {
    /// Reads which outcomes are to be retried: at least one, each one once.
    pub(crate) fn parse(self) -> Result<(IdempotencyKey, Vec<ReceiverState>), Problem> {
        let mut mistakes = Mistakes::default();
        query::add_mistakes(self.query, &mut mistakes);
        let mut outcomes = None;
        let example = r#"{"outcomes": ["not_delivered"]}"#;
        object_or_nothing(self.body, example, &mut mistakes, |name, value, mistakes| match name {
            OUTCOMES if outcomes.is_some() => mistakes.add(OUTCOMES, more_than_once()),
            OUTCOMES => outcomes = Some(states(value.get(), mistakes)),
            _ => mistakes.add(shown(name), unknown(OUTCOMES)),
        });
        find_misplaced(self.headers, &mut mistakes);
        let key = key(self.headers, mistakes, OUTCOMES)?;
        Ok((key, outcomes.unwrap_or_else(|| USUALLY_RETRIED.to_vec())))
    }
}

/// Reads a request that says nothing: without a query, and without a body or with an empty object.
pub(crate) fn nothing(query: &str, body: &[u8]) -> Result<(), Problem> {
    let mut mistakes = Mistakes::default();
    query::add_mistakes(query, &mut mistakes);
    object_or_nothing(body, "{}", &mut mistakes, |name, _, mistakes| {
        let detail = Wording::new(
            "is not a field of the body, which has no fields",
            "不是请求体的字段；请求体没有字段",
        );
        mistakes.add(shown(name), detail);
    });
    if mistakes.none_so_far() { Ok(()) } else { Err(Problem::invalid(mistakes.into_fields())) }
}

/// The key of a request that has no other mistakes than these.
fn key(headers: &HeaderMap, mut mistakes: Mistakes, list: &str) -> Result<IdempotencyKey, Problem> {
    let had_none = mistakes.none_so_far();
    match mistakes.keep("Idempotency-Key", idempotency_key(headers)) {
        Some(Some(key)) if had_none => return Ok(key),
        Some(None) if had_none => return Err(key_missing()),
        Some(None) => mistakes.add("Idempotency-Key", key_is_missing()),
        _ => {}
    }
    Err(Problem::invalid(mistakes.into_fields_of(list)))
}

/// Reads outcomes that can be retried.
fn states(list: &str, mistakes: &mut Mistakes) -> Vec<ReceiverState> {
    let mut states = Vec::new();
    let read = json::items(list, RETRIABLE.len(), |place, item| {
        let state = json::text(item).and_then(|name| ReceiverState::parse(&name));
        match state.filter(|it| RETRIABLE.contains(it)) {
            Some(state) if states.contains(&state) => {
                mistakes.add(format!("{OUTCOMES}[{place}]"), more_than_once());
            }
            Some(state) => states.push(state),
            None => mistakes.add(format!("{OUTCOMES}[{place}]"), query::not_one_of(&RETRIABLE)),
        }
    });
    if !matches!(read, Ok(1..=4)) {
        let detail = Wording::new(
            r#"must be a list of 1 to 4 outcomes such as ["not_delivered"]"#,
            r#"必须是包含 1 至 4 个结果的列表，例如 ["not_delivered"]"#,
        );
        mistakes.add(OUTCOMES, detail);
    }
    states
}

fn object_or_nothing(
    body: &[u8],
    example: &str,
    mistakes: &mut Mistakes,
    each: impl FnMut(&str, &RawValue, &mut Mistakes),
) {
    if !body.iter().all(u8::is_ascii_whitespace) {
        object(body, example, mistakes, each);
    }
}

/// Calls `each` with each member of the body. A body that is not a JSON object is a mistake, and the result is false.
fn object(
    body: &[u8],
    example: &str,
    mistakes: &mut Mistakes,
    mut each: impl FnMut(&str, &RawValue, &mut Mistakes),
) -> bool {
    let text = match str::from_utf8(body) {
        Ok(text) if other_encoding(body).is_none() => text,
        _ => {
            let detail = other_encoding(body).unwrap_or_else(|| unknown(""));
            mistakes.add("body", detail);
            return false;
        }
    };
    // What stands before the place of a syntax error is no mistake of its own: the error may be why.
    if let Err(error) = json::members(text, |_, _| {}) {
        mistakes.add("body", not_an_object(&error, example));
        return false;
    }
    json::members(text, |name, value| each(name, value, mistakes)).is_ok()
}

/// The field of a member that is not known.
fn shown(name: &str) -> String {
    // A member without a name is a mistake in the body.
    if name.is_empty() { "body".to_owned() } else { sanitize::name(name) }
}

fn expiry(text: &str) -> Option<Duration> {
    let given = humantime::parse_duration(text).ok()?;
    (SHORTEST_EXPIRY..=LONGEST_EXPIRY).contains(&given).then_some(given)
}

fn not_an_expiry() -> Wording {
    Wording::new(
        "must be a duration from 1 minute to 7 days, such as \"2h\" or \"30m\"",
        "必须是 1 分钟到 7 天之间的时长，例如 \"2h\" 或 \"30m\"",
    )
}

fn unknown(known: &str) -> Wording {
    Wording::new(
        format!("is not a field of the body; known fields: {known}"),
        format!("不是请求体的字段；可用字段：{known}"),
    )
}

#[cfg(test)]
mod tests;
