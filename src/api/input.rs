//! From what a caller sent to an order, or to every mistake in it at once.
//!
//! Nothing unknown is passed over: a typo must not silently change where a message goes.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use percent_encoding::percent_decode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::echo::shortened;
use super::problem::InvalidField;
use crate::delivery::Order;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;
use crate::model::receiver::{ReceiveIdType, Receiver};

/// What a caller sent.
pub(super) struct Input<'a> {
    pub(super) message_id: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) caller: &'a Caller,
    pub(super) request_id: String,
}

#[derive(Default)]
struct Query {
    kind: Option<ReceiveIdType>,
    uuid: Option<DedupKey>,
    is_dry_run: bool,
}

impl Input<'_> {
    /// Reads an order that may wait for `max_wait`, and whether it is only to be rehearsed; in it,
    /// `uuid` is made if it was left out.
    pub(super) fn order(self, max_wait: Duration) -> Result<(Order, bool), Vec<InvalidField>> {
        let mut mistakes = Mistakes(Vec::new());
        let message = mistakes.keep("message_id", MessageId::parse(self.message_id));
        let Query { kind, uuid, is_dry_run } = self.query(&mut mistakes);
        let receive_id = self.receive_id(&mut mistakes);
        let receiver =
            receive_id.and_then(|id| mistakes.keep("receive_id", Receiver::parse(&id, kind)));
        let key = mistakes.keep("Idempotency-Key", idempotency_key(self.headers)).flatten();
        let wait = mistakes.keep("Prefer", preferred_wait(self.headers)).flatten();
        let (Some(message), Some(receiver)) = (message, receiver) else {
            return Err(mistakes.0);
        };
        let Caller { name, app, .. } = self.caller;
        let named = key.map(|key| key.names(name, app, &message, &receiver));
        let uuid_of_key = named.map(|named| named.uuid());
        if let (Some(uuid), Some(uuid_of_key)) = (&uuid, &uuid_of_key)
            && uuid != uuid_of_key
        {
            mistakes.add(
                "uuid",
                "must be left out where there is an Idempotency-Key, which stands for one",
            );
        }
        if !mistakes.0.is_empty() {
            return Err(mistakes.0);
        }
        let uuid = uuid_of_key.or(uuid);
        let order = Order {
            request_id: self.request_id,
            caller: self.caller.clone(),
            message,
            receiver,
            uuid_is_given: uuid.is_some(),
            uuid: uuid.unwrap_or_else(DedupKey::generate),
            named,
            // In whole seconds, so that `Preference-Applied` says just what holds.
            wait: wait.map_or(max_wait, |wait| wait.min(Duration::from_secs(max_wait.as_secs()))),
        };
        Ok((order, is_dry_run))
    }

    fn query(&self, mistakes: &mut Mistakes) -> Query {
        let mut query = Query::default();
        let mut seen = Vec::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if mistakes.are_enough() {
                break;
            }
            let name = decode(name).unwrap_or(Cow::Borrowed(name));
            if name.is_empty() {
                mistakes.add("query", "has a parameter without a name");
                continue;
            }
            let Some(value) = decode(value) else {
                mistakes.add(shortened(&name), "is not UTF-8 when it is percent-decoded");
                continue;
            };
            if seen.contains(&name) {
                mistakes.add(shortened(&name), "is given more than once");
                continue;
            }
            match &*name {
                "receive_id_type" => {
                    query.kind = mistakes.keep("receive_id_type", ReceiveIdType::parse(&value));
                }
                "uuid" => query.uuid = mistakes.keep("uuid", DedupKey::parse(&value)),
                "dry_run" => {
                    query.is_dry_run = mistakes.keep("dry_run", flag(&value)).unwrap_or_default();
                }
                _ => mistakes.add(
                    shortened(&name),
                    "is not a query parameter; there are receive_id_type, uuid and dry_run",
                ),
            }
            seen.push(name);
        }
        query
    }

    fn receive_id(&self, mistakes: &mut Mistakes) -> Option<String> {
        let members = match serde_json::from_slice::<Members>(self.body) {
            Ok(Members(members)) => members,
            Err(error) => {
                let example = "is not a JSON object such as {\"receive_id\": \"oc_…\"}";
                // The error of what is JSON but no object would repeat it, however long it is.
                let more = if error.is_data() { String::new() } else { format!(": {error}") };
                mistakes.add("body", format!("{example}{more}"));
                return None;
            }
        };
        let mut found = None;
        for (name, value) in members {
            if mistakes.are_enough() {
                break;
            }
            match (name.as_str(), value, &found) {
                ("receive_id", _, Some(_)) => mistakes.add("receive_id", "is given more than once"),
                ("receive_id", value, None) => found = Some(value),
                ("", ..) => mistakes.add("body", "has a member without a name"),
                (other, ..) => mistakes
                    .add(shortened(other), "is not a member of the body; there is only receive_id"),
            }
        }
        match found {
            Some(Value::String(id)) => Some(id),
            Some(_) => {
                mistakes.add("receive_id", "must be a string");
                None
            }
            None => {
                mistakes.add("receive_id", "is missing");
                None
            }
        }
    }
}

/// The `wait` of `Prefer` (RFC 7240) in seconds; other preferences are none of ours.
pub(super) fn preferred_wait(headers: &HeaderMap) -> Result<Option<Duration>, &'static str> {
    let values = headers.get_all("prefer").filter_map(|value| value.to_str().ok());
    for preference in values.flat_map(preferences) {
        // What follows a semicolon are parameters of the preference.
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        if name.trim().eq_ignore_ascii_case("wait") {
            return whole_seconds(value.trim().trim_matches('"')).map(Some);
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

/// The caller's name for its forward, if it gave one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, &'static str> {
    let mut values = headers.get_all("idempotency-key");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err("is given more than once");
    }
    let value = value.to_str().map_err(|_| "must be of visible ASCII characters")?;
    IdempotencyKey::parse(value).map(Some)
}

fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false"),
    }
}

fn whole_seconds(text: &str) -> Result<Duration, &'static str> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("wait must be a whole number of seconds, as in wait=5");
    }
    // A number that does not fit is above every wait that is allowed, and so is the largest.
    Ok(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

struct Mistakes(Vec<InvalidField>);

/// More help nobody, and a caller must not make the answer as long as they like.
const ENOUGH: usize = 20;

impl Mistakes {
    fn are_enough(&self) -> bool {
        self.0.len() >= ENOUGH
    }

    fn add(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        if !self.are_enough() {
            self.0.push(InvalidField::new(field, detail));
        }
    }

    fn keep<T>(&mut self, field: &str, result: Result<T, &'static str>) -> Option<T> {
        result.map_err(|detail| self.add(field, detail)).ok()
    }
}

/// A percent-decoded part of a query, in which `+` is a space; none if it is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode(spaced.as_bytes())
            .decode_utf8()
            .ok()
            .map(|it| Cow::Owned(it.into_owned()));
    }
    percent_decode(text.as_bytes()).decode_utf8().ok()
}

/// The members of a JSON object in order, repeated ones included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
