//! What a caller sent to have something forwarded.

use std::time::Duration;

use actix_web::http::header::HeaderMap;

use crate::api::auth::sender::TENANT_KEY;
use crate::api::dialect::Dialect;
use crate::api::input::body::{self, ForwardBody};
use crate::api::input::headers::{self, preferred_wait};
use crate::api::input::mistakes::Mistakes;
use crate::api::input::query::{self, ForwardQuery};
use crate::api::input::source::Source;
use crate::api::problems::problem::InvalidField;
use crate::delivery::ForwardRequest;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::idempotency_key::{IdempotencyKey, UuidMaker};
use crate::model::receiver::Receiver;
use crate::model::wording::Wording;

/// What a caller sent to have something forwarded.
#[derive(Clone, Copy)]
pub(crate) struct ForwardInput<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) dialect: Dialect,
    /// The query as it is in the URL, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// Whether it is answered before it is done: then it is a broadcast to one.
    pub(crate) is_async: bool,
}

/// A forward that was asked for without a mistake.
pub(crate) struct ParsedForward {
    pub(crate) forward_request: ForwardRequest,
    pub(crate) is_dry_run: bool,
    /// Whether the header `Prefer` decided how long the forward waits at most.
    pub(crate) prefers_wait: bool,
    /// The caller's name for it.
    pub(crate) key: Option<IdempotencyKey>,
}

impl ForwardInput<'_> {
    /// Reads the forward that `caller` asks for, or none if the request is wrong about its tenant. It waits for `max_wait` at most. It gets a new `uuid`
    /// if the caller gave neither one nor an `Idempotency-Key`, whose `uuid` is one of `uuids`.
    ///
    /// In the gateway's dialect every field that is not known is a mistake: a typo must not silently change where a
    /// message goes.
    pub(crate) fn parse(
        self,
        request_id: String,
        caller: Result<Caller, Wording>,
        uuids: &UuidMaker,
        max_wait: Duration,
    ) -> Result<ParsedForward, Vec<InvalidField>> {
        let mut mistakes = Mistakes::default();
        let ForwardQuery { receive_id_type, uuid, is_dry_run } =
            query::parse(self.query, self.dialect, &mut mistakes);
        let ForwardBody { receive_id, message_id_list } =
            body::parse(self.body, self.source, self.dialect, &mut mistakes);
        let forward = self.source.forward(message_id_list, &mut mistakes);
        let receiver = receive_id
            .and_then(|id| mistakes.keep("receive_id", Receiver::parse(&id, receive_id_type)));
        headers::find_misplaced(self.headers, &mut mistakes);
        let key =
            mistakes.keep("Idempotency-Key", headers::idempotency_key(self.headers)).flatten();
        let preferred = mistakes.keep("Prefer", preferred_wait(self.headers)).flatten();
        let caller = mistakes.keep(TENANT_KEY, caller);
        let (Some(forward), Some(receiver), Some(caller)) = (forward, receiver, caller) else {
            return Err(mistakes.into_fields());
        };
        let receiver = caller.receiver(receiver);
        if self.is_async && !is_dry_run && uuid.is_some() {
            let detail = Wording::new(
                "must be left out when Prefer asks for an asynchronous answer: the Idempotency-Key determines the uuid",
                "Prefer 要求异步响应时请勿传 uuid：uuid 由 Idempotency-Key 决定",
            );
            mistakes.add("uuid", detail);
            return Err(mistakes.into_fields());
        }
        let idempotent =
            key.as_ref().map(|key| key.names(&caller.name, &caller.app, &forward, &receiver));
        let uuid_of_key = idempotent.map(|it| uuids.of(&it));
        if let (Some(uuid), Some(uuid_of_key)) = (&uuid, &uuid_of_key)
            && uuid != uuid_of_key
        {
            let detail = Wording::new(
                "must be left out when there is an Idempotency-Key: the key determines the uuid",
                "已有 Idempotency-Key 时请勿传 uuid：uuid 由 Idempotency-Key 决定",
            );
            mistakes.add("uuid", detail);
        }
        if !mistakes.none_so_far() {
            return Err(mistakes.into_fields());
        }
        let given_uuid = uuid_of_key.or(uuid);
        let forward_request = ForwardRequest {
            request_id,
            caller,
            forward,
            receiver,
            uuid_is_given: given_uuid.is_some(),
            uuid: given_uuid.unwrap_or_else(DedupKey::generate),
            idempotent,
            broadcast: None,
            // In whole seconds, so that `Preference-Applied` says exactly what holds.
            wait: preferred
                .map_or(max_wait, |wait| wait.min(Duration::from_secs(max_wait.as_secs()))),
            urgency: headers::urgency(self.headers),
        };
        Ok(ParsedForward { forward_request, is_dry_run, prefers_wait: preferred.is_some(), key })
    }
}
