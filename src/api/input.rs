//! From what a caller sent to an order, or to every mistake in it at once.
//!
//! Nothing unknown is passed over: a typo must not silently change where a message goes.

mod body;
mod elsewhere;
mod headers;
mod query;

use std::time::Duration;

use actix_web::http::header::HeaderMap;

use super::echo::shortened;
use super::problem::InvalidField;
use crate::delivery::ForwardRequest;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::idempotency_key::UuidMaker;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::model::wording::Wording;

pub(super) use headers::preferred_wait;
use query::Query;

/// What a caller sent.
pub(super) struct Input<'a> {
    pub(super) message_id: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) caller: &'a Caller,
    pub(super) uuids: &'a UuidMaker,
    pub(super) request_id: String,
}

impl Input<'_> {
    /// Reads an order that may wait for `max_wait`, and whether it is only to be rehearsed; in it,
    /// `uuid` is made if it was left out.
    pub(super) fn order(
        self,
        max_wait: Duration,
    ) -> Result<(ForwardRequest, bool), Vec<InvalidField>> {
        let mut mistakes = Mistakes(Vec::new());
        let forward =
            mistakes.keep("message_id", MessageId::parse(self.message_id)).map(Forward::Message);
        let Query { kind, uuid, is_dry_run } = query::read(self.query, &mut mistakes);
        let receive_id = body::receive_id(self.body, &mut mistakes);
        let receiver =
            receive_id.and_then(|id| mistakes.keep("receive_id", Receiver::parse(&id, kind)));
        headers::find_misplaced(self.headers, &mut mistakes);
        let key =
            mistakes.keep("Idempotency-Key", headers::idempotency_key(self.headers)).flatten();
        let wait = mistakes.keep("Prefer", preferred_wait(self.headers)).flatten();
        let (Some(forward), Some(receiver)) = (forward, receiver) else {
            return Err(mistakes.0);
        };
        let Caller { name, app, .. } = self.caller;
        let idempotent = key.map(|key| key.names(name, app, &forward, &receiver));
        let uuid_of_key = idempotent.map(|it| self.uuids.of(&it));
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
        let order = ForwardRequest {
            request_id: self.request_id,
            caller: self.caller.clone(),
            forward,
            receiver,
            uuid_is_given: uuid.is_some(),
            uuid: uuid.unwrap_or_else(DedupKey::generate),
            idempotent,
            // In whole seconds, so that `Preference-Applied` says just what holds.
            wait: wait.map_or(max_wait, |wait| wait.min(Duration::from_secs(max_wait.as_secs()))),
        };
        Ok((order, is_dry_run))
    }
}

struct Mistakes(Vec<InvalidField>);

/// More help nobody, and a caller must not make the answer as long as they like.
const ENOUGH: usize = 20;

impl Mistakes {
    fn are_enough(&self) -> bool {
        self.0.len() >= ENOUGH
    }

    fn add(&mut self, field: impl Into<String>, detail: Wording) {
        if !self.are_enough() {
            self.0.push(InvalidField::new(field, detail));
        }
    }

    fn keep<T>(&mut self, field: &str, result: Result<T, Wording>) -> Option<T> {
        result.map_err(|detail| self.add(field, detail)).ok()
    }
}

fn more_than_once() -> Wording {
    Wording::new("is given more than once", "重复出现")
}
