//! From what a caller sent to an order, or to every mistake in it at once.
//!
//! Nothing unknown is passed over: a typo must not silently change where a message goes.

use std::time::Duration;

use actix_web::http::header::HeaderMap;

use crate::api::input::body;
use crate::api::input::headers::{self, preferred_wait};
use crate::api::input::query::{self, Query};
use crate::api::problems::problem::InvalidField;
use crate::delivery::Order;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::idempotency_key::Uuids;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::model::wording::Wording;

/// What a caller sent.
pub(crate) struct Input<'a> {
    pub(crate) message_id: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) caller: &'a Caller,
    pub(crate) uuids: &'a Uuids,
    pub(crate) request_id: String,
}

impl Input<'_> {
    /// Reads an order that may wait for `max_wait`, and whether it is only to be rehearsed; in it,
    /// `uuid` is made if it was left out.
    pub(crate) fn order(self, max_wait: Duration) -> Result<(Order, bool), Vec<InvalidField>> {
        let mut mistakes = Mistakes(Vec::new());
        let message = mistakes.keep("message_id", MessageId::parse(self.message_id));
        let Query { kind, uuid, is_dry_run } = query::read(self.query, &mut mistakes);
        let receive_id = body::receive_id(self.body, &mut mistakes);
        let receiver =
            receive_id.and_then(|id| mistakes.keep("receive_id", Receiver::parse(&id, kind)));
        headers::find_misplaced(self.headers, &mut mistakes);
        let key =
            mistakes.keep("Idempotency-Key", headers::idempotency_key(self.headers)).flatten();
        let wait = mistakes.keep("Prefer", preferred_wait(self.headers)).flatten();
        let (Some(message), Some(receiver)) = (message, receiver) else {
            return Err(mistakes.0);
        };
        let Caller { name, app, .. } = self.caller;
        let named = key.map(|key| key.names(name, app, &message, &receiver));
        let uuid_of_key = named.map(|named| self.uuids.of(&named));
        if let (Some(uuid), Some(uuid_of_key)) = (&uuid, &uuid_of_key)
            && uuid != uuid_of_key
        {
            let detail = Wording::new(
                "must be left out where there is an Idempotency-Key, which stands for one",
                "已有 Idempotency-Key（它对应一个 uuid），请勿再传 uuid",
            );
            mistakes.add("uuid", detail);
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
}

pub(crate) struct Mistakes(Vec<InvalidField>);

/// More help nobody, and a caller must not make the answer as long as they like.
const ENOUGH: usize = 20;

impl Mistakes {
    pub(crate) fn are_enough(&self) -> bool {
        self.0.len() >= ENOUGH
    }

    pub(crate) fn add(&mut self, field: impl Into<String>, detail: Wording) {
        if !self.are_enough() {
            self.0.push(InvalidField::new(field, detail));
        }
    }

    pub(crate) fn keep<T>(&mut self, field: &str, result: Result<T, Wording>) -> Option<T> {
        result.map_err(|detail| self.add(field, detail)).ok()
    }
}

pub(crate) fn more_than_once() -> Wording {
    Wording::new("is given more than once", "重复出现")
}
