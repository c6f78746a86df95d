//! A forward of a message, of several messages or of a thread: what is forwarded and to whom, read from a request.

use serde_json::{Map, Value};

use crate::call::Call;
use crate::codes;
use crate::ids::chat_of;
use crate::ledger::Api;
use crate::refusal::Refusal;

/// The valid values of `receive_id_type` (doc).
const RECEIVE_ID_TYPES: [&str; 6] =
    ["open_id", "user_id", "union_id", "email", "chat_id", "thread_id"];

/// The largest number of characters in a uuid (doc).
const MAX_UUID: usize = 50;

/// The largest number of messages in a merge (doc).
const MAX_MERGED: usize = 100;

/// The checked parameters of a forward.
pub(crate) struct Forward<'a> {
    pub(crate) source: ForwardSource<'a>,
    pub(crate) receive_id: &'a str,
    pub(crate) receive_id_type: &'a str,
    pub(crate) uuid: Option<&'a str>,
}

/// What is forwarded.
pub(crate) enum ForwardSource<'a> {
    /// The message with this id.
    Message(&'a str),
    /// The messages with these ids, merged into one.
    Messages(Vec<&'a str>),
    /// The thread with this id.
    Thread(&'a str),
}

impl<'a> Forward<'a> {
    /// Checks everything that does not depend on messages, threads and receivers.
    pub(crate) fn read(call: &'a Call) -> Result<Self, Refusal> {
        if let Some(message_id) = &call.message_id {
            check_message_id(message_id)?;
        }
        let uuid = call.uuid.as_deref();
        if uuid.is_some_and(|uuid| uuid.chars().count() > MAX_UUID) {
            return Err(Refusal::new(codes::FIELD_VALIDATION)); // This refusal names no field (seen).
        }
        let receive_id_type = check_type(call.receive_id_type.as_deref())?;
        let Some(body) = call.json.as_ref().and_then(Value::as_object) else {
            return Err(Refusal::field("body", "", "body must be a JSON object"));
        };
        let receive_id = check_receiver(body)?;
        let source = match call.api {
            Api::MergeForward => ForwardSource::Messages(check_messages(body)?),
            Api::ThreadForward => ForwardSource::Thread(check_thread(call)?),
            _ => ForwardSource::Message(call.message_id.as_deref().unwrap_or_default()),
        };
        // An empty uuid counts as no uuid (guess).
        let uuid = uuid.filter(|uuid| !uuid.is_empty());
        Ok(Self { source, receive_id, receive_id_type, uuid })
    }

    /// The refusal that a caller requests with an id such as `oc_code_230002`.
    pub(crate) fn requested_refusal(&self) -> Option<Refusal> {
        self.source
            .ids()
            .iter()
            .find_map(|id| Refusal::requested_by(id))
            .or_else(|| Refusal::requested_by(self.receive_id))
    }

    /// The chat in which the new message is.
    pub(crate) fn chat_id(&self) -> String {
        if self.receive_id_type == "chat_id" {
            self.receive_id.to_owned()
        } else {
            chat_of(self.receive_id_type, self.receive_id)
        }
    }

    /// The thread in which the new message is. `None` if the receiver is not a thread.
    pub(crate) fn thread_id(&self) -> Option<&'a str> {
        (self.receive_id_type == "thread_id").then_some(self.receive_id)
    }
}

impl ForwardSource<'_> {
    /// The ids of what is forwarded.
    fn ids(&self) -> &[&str] {
        match self {
            Self::Message(id) | Self::Thread(id) => std::slice::from_ref(id),
            Self::Messages(ids) => ids,
        }
    }
}

fn check_message_id(id: &str) -> Result<(), Refusal> {
    if id.starts_with("om_") { Ok(()) } else { Err(Refusal::new(codes::NOT_AN_ID)) }
}

/// Checks the thread id. Its prefix does not matter (guess), because none of the known codes names a thread id.
fn check_thread(call: &Call) -> Result<&str, Refusal> {
    let id = call.thread_id.as_deref().filter(|id| !id.trim().is_empty());
    id.ok_or_else(|| Refusal::invalid("thread_id"))
}

fn check_type(given: Option<&str>) -> Result<&str, Refusal> {
    let given = given.unwrap_or_default();
    if given.is_empty() {
        return Err(Refusal::field("receive_id_type", "", "receive_id_type is required"));
    }
    if !RECEIVE_ID_TYPES.contains(&given) {
        let options = RECEIVE_ID_TYPES.join(",");
        let description = format!("receive_id_type is required, options: [{options}]");
        return Err(Refusal::field("receive_id_type", given, &description));
    }
    Ok(given)
}

fn check_receiver(body: &Map<String, Value>) -> Result<&str, Refusal> {
    match body.get("receive_id") {
        None | Some(Value::Null) => Err(Refusal::field("receive_id", "", "receive_id is required")),
        Some(Value::String(id)) if id.trim().is_empty() => Err(Refusal::invalid("receive_id")),
        Some(Value::String(id)) => Ok(id),
        Some(other) => {
            Err(Refusal::field("receive_id", &other.to_string(), "receive_id must be a string"))
        }
    }
}

/// Checks `message_id_list` (doc: 1 to 100 ids; guess: the refusals).
fn check_messages(body: &Map<String, Value>) -> Result<Vec<&str>, Refusal> {
    let refused = |description: &str| Refusal::field("message_id_list", "", description);
    let list = match body.get("message_id_list") {
        None | Some(Value::Null) => return Err(refused("message_id_list is required")),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(refused("message_id_list must be a list of strings")),
    };
    if !(1..=MAX_MERGED).contains(&list.len()) {
        let description = format!("message_id_list must have 1 to {MAX_MERGED} items");
        return Err(refused(&description));
    }
    let ids: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
    let ids = ids.ok_or_else(|| refused("message_id_list must be a list of strings"))?;
    ids.iter().try_for_each(|id| check_message_id(id))?;
    Ok(ids)
}
