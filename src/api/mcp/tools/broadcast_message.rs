//! `broadcast_message`: has one message forwarded to many receivers.

use std::borrow::Cow;
use std::fmt::Write as _;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{JsonObject, Tool};
use serde_json::json;
use serde_json::value::RawValue;

use crate::api::broadcasting::configured::not_configured;
use crate::api::broadcasting::input::{BroadcastInput, ParsedBroadcast};
use crate::api::broadcasting::json;
use crate::api::broadcasting::problems::{NamedIn, problem_of_broadcast};
use crate::api::broadcasting::receivers::{RECEIVERS, id_at};
use crate::api::input::mistakes::Mistakes;
use crate::api::mcp::arguments::Arguments;
use crate::api::mcp::context::ToolContext;
use crate::api::mcp::receivers::check_type;
use crate::api::mcp::tasks;
use crate::api::mcp::tools::answer::ToolAnswer;
use crate::api::mcp::tools::get_broadcast::{self, in_json, state_in_words};
use crate::api::mcp::tools::schema::{self, Effect};
use crate::api::problems::problem::Problem;
use crate::broadcasts::{Accepted, BroadcastRequest};
use crate::model::api_key::Caller;
use crate::model::fingerprint::fingerprint;
use crate::model::idempotency_key::IdempotencyKey;

const DESCRIPTION: &str = "Forwards one existing Feishu (Lark) message to many groups, users or threads, as the \
    company's bot. People see it, and it cannot be taken back: use this tool only when you were asked to send this \
    message to exactly these receivers. Show a long list of receivers to a person first. For one receiver use \
    forward_message.\n\
    A broadcast is accepted or refused as a whole, and delivered in the background: the answer says only that it was \
    accepted. Call get_broadcast with its id to see the outcomes, and do not say that it was delivered before you see \
    them. If the call is refused, it sends the message to nobody: correct what the answer names, and call again.\n\
    The same message to the same receivers is one broadcast, however often you call. To send it to them again on \
    purpose, pass a new idempotency_key.";
const MESSAGE_ID: &str = "message_id";
const EXPIRES_IN: &str = "expires_in";
const RECEIVE_ID: &str = "receive_id";
const RECEIVE_ID_TYPE: &str = "receive_id_type";
/// The header without which a request for a broadcast is not read. The tool's key takes its place.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) fn definition() -> Tool {
    let input = json!({
        "type": "object",
        "additionalProperties": false,
        "required": [MESSAGE_ID, RECEIVERS],
        "properties": {
            MESSAGE_ID: schema::message_id(),
            RECEIVERS: {
                "type": "array",
                "minItems": 1,
                "description": "The receivers of the message, each one once.",
                "items": { "anyOf": [
                    schema::receive_id(),
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": [RECEIVE_ID],
                        "properties": {
                            RECEIVE_ID: schema::receive_id(),
                            RECEIVE_ID_TYPE: schema::receive_id_type(),
                        },
                    },
                ] },
            },
            EXPIRES_IN: {
                "type": "string",
                "description": "How long the gateway may deliver it: from 1 minute to 7 days, such as 30m or 2h. Default: one day. After that, nobody else gets the message.",
            },
            "idempotency_key": schema::idempotency_key(
                "Usually left out. To send the same message to the same receivers again on purpose, pass a new text of your choice."
            ),
        },
    });
    schema::tool(
        "broadcast_message",
        "Forward a Feishu message to many",
        DESCRIPTION,
        Effect::Sends,
        (input, get_broadcast::output()),
    )
}

pub(super) async fn call(
    context: &ToolContext,
    arguments: JsonObject,
) -> Result<ToolAnswer, Problem> {
    let broadcasts = context.broadcasts.as_ref().ok_or_else(not_configured)?;
    let long_list = context.long_list.as_deref();
    let caller = context.caller_in_tenant()?;
    let request = read(&caller, arguments, long_list, broadcasts.settings().max_receivers)?;
    let result = broadcasts.accept(&caller, request).await;
    let Accepted { broadcast, is_replayed } =
        result.map_err(|error| problem_of_broadcast(&error, NamedIn::List))?;
    let mut structured = in_json(broadcasts, &broadcast);
    structured["replayed"] = is_replayed.into();
    let accepted = if is_replayed {
        "An earlier call with the same message and receivers was accepted. This is its broadcast; this call sends nothing. Call get_broadcast with this broadcast_id to see the outcomes. To send the message again on purpose, pass a new idempotency_key."
    } else {
        "Accepted. It is delivered in the background: call get_broadcast with this broadcast_id to see the outcomes."
    };
    let text = format!("{accepted}\n{}", state_in_words(&broadcast));
    let task = tasks::of(broadcasts, &broadcast, context.clock.wall());
    Ok(ToolAnswer { text, structured, task: Some(task) })
}

/// Reads the broadcast that the arguments ask for, as the body of a request for one is read. A long list of receivers has
/// been cut out of them.
pub(in crate::api::mcp) fn read(
    caller: &Caller,
    arguments: JsonObject,
    long_list: Option<&str>,
    most: u32,
) -> Result<BroadcastRequest, Problem> {
    let mut arguments = Arguments::new(arguments);
    let message_id = arguments.text(MESSAGE_ID);
    let receivers = arguments.value(RECEIVERS);
    let expires_in = arguments.value(EXPIRES_IN);
    let key = arguments.idempotency_key();
    let mut mistakes = arguments.into_mistakes();
    let receivers = receivers.map(|list| {
        let list = long_list.map_or_else(|| Cow::from(list.to_string()), Cow::from);
        format!("\"{RECEIVERS}\":{}", as_objects(&list, most as usize))
    });
    let expires_in = expires_in.map(|it| format!("\"{EXPIRES_IN}\":{it}"));
    let members: Vec<String> = receivers.into_iter().chain(expires_in).collect();
    let body = format!("{{{}}}", members.join(","));
    let mut headers = HeaderMap::new();
    headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("of-the-tool"));
    let message_id = message_id.unwrap_or_default();
    let input = BroadcastInput {
        caller: Ok(caller.clone()),
        message_id: &message_id,
        query: "",
        headers: &headers,
        body: body.as_bytes(),
        most,
    };
    let ParsedBroadcast { mut request, .. } = match input.parse() {
        Ok(parsed) => parsed,
        Err(problem) => {
            mistakes.extend(problem.errors);
            return Err(Problem::invalid(mistakes));
        }
    };
    let mut wrong_types = Mistakes::in_a_list();
    for (place, receiver) in request.receivers.iter().enumerate() {
        wrong_types.keep(&id_at(place), check_type(receiver));
    }
    mistakes.extend(wrong_types.into_fields_of(RECEIVERS));
    if !mistakes.is_empty() {
        return Err(Problem::invalid(mistakes));
    }
    request.key = key.unwrap_or_else(|| key_of(&request));
    Ok(request)
}

/// The JSON of the receivers as the body of a request has them, in which each is an object. Those that are too many are
/// only counted there.
fn as_objects(list: &str, most: usize) -> String {
    let mut objects = String::with_capacity(list.len());
    let read = json::items(list, usize::MAX, |place, item| {
        objects.push(if place == 0 { '[' } else { ',' });
        if place < most {
            push_object(&mut objects, item.get());
        } else {
            objects.push('0');
        }
    });
    match read {
        Ok(1..) => objects + "]",
        _ => list.to_owned(),
    }
}

fn push_object(objects: &mut String, item: &str) {
    if item.starts_with('"') {
        let _ = write!(objects, "{{\"{RECEIVE_ID}\":{item}}}");
        return;
    }
    let mut members = Vec::new();
    let read = json::members(item, |name, value: &RawValue| {
        // Models write an optional member that they leave out as null.
        if value.get() != "null" {
            members.push(format!("{}:{}", json!(name), value.get()));
        }
    });
    let _ = match read {
        Ok(()) => write!(objects, "{{{}}}", members.join(",")),
        Err(_) => write!(objects, "{item}"),
    };
}

/// The key of a call without one. Neither the order of the receivers nor the time is in it: a model that changes them when
/// it calls again is refused, and sends nothing twice.
fn key_of(request: &BroadcastRequest) -> IdempotencyKey {
    let mut named: Vec<[&str; 2]> =
        request.receivers.iter().map(|it| [it.kind().as_str(), it.name()]).collect();
    named.sort_unstable();
    let content = ["broadcast_message", request.message.as_str()];
    IdempotencyKey::derived(fingerprint(content.into_iter().chain(named.into_iter().flatten())))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::tenant_key::TenantKey;

    fn caller(tenant: Option<&str>) -> Caller {
        Caller::in_test(tenant.and_then(TenantKey::parse))
    }

    fn parsed(arguments: Value) -> Result<BroadcastRequest, Vec<String>> {
        let Value::Object(arguments) = arguments else { unreachable!("an object") };
        read(&caller(None), arguments, None, 5)
            .map_err(|it| it.errors.into_iter().map(|it| it.field).collect())
    }

    #[test]
    fn receivers_are_ids_or_objects() {
        let arguments = json!({
            "message_id": "om_1",
            "receivers": ["oc_1", { "receive_id": "4b7c9d", "receive_id_type": "user_id" },
                { "receive_id": "ou_1", "receive_id_type": null }],
        });
        let request = parsed(arguments).expect("no mistake");
        let named: Vec<_> =
            request.receivers.iter().map(|it| (it.id(), it.kind().as_str())).collect();
        assert_eq!(named, [("oc_1", "chat_id"), ("4b7c9d", "user_id"), ("ou_1", "open_id")]);
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let arguments = json!({
            "message_id": "oc_1",
            "receivers": ["oc_1", "oc_1", 3, "a b"],
            "expires_in": "soon",
            "recievers": [],
        });
        let fields = [
            "recievers",
            "message_id",
            "receivers[1].receive_id",
            "receivers[2]",
            "receivers[3].receive_id",
            "expires_in",
        ];
        let mut wrong = parsed(arguments).expect_err("mistakes");
        wrong.sort_unstable_by_key(|it| fields.iter().position(|field| field == it));
        assert_eq!(wrong, fields);
        let wrong_type = json!({ "message_id": "om_1",
            "receivers": [{ "receive_id": "ou_1", "receive_id_type": "chat_id" }] });
        assert_eq!(parsed(wrong_type).expect_err("a type"), ["receivers[0].receive_id"]);
        assert_eq!(parsed(json!({})).expect_err("nothing"), ["message_id", "receivers"]);
    }

    #[test]
    fn the_key_follows_from_the_message_and_the_set_of_receivers_unless_one_is_given() {
        let key = |arguments| parsed(arguments).expect("no mistake").key;
        let one = key(json!({ "message_id": "om_1", "receivers": ["oc_1", "oc_2"] }));
        let same =
            json!({ "message_id": "om_1", "receivers": ["oc_2", "oc_1"], "expires_in": "2h" });
        assert_eq!(key(same), one);
        for other in [
            json!({ "message_id": "om_2", "receivers": ["oc_1", "oc_2"] }),
            json!({ "message_id": "om_1", "receivers": ["oc_1"] }),
            json!({ "message_id": "om_1", "receivers": ["oc_1", "oc_2"], "idempotency_key": "again" }),
        ] {
            assert_ne!(key(other), one);
        }
        let Value::Object(arguments) =
            json!({ "message_id": "om_1", "receivers": ["oc_1", "oc_2"] })
        else {
            unreachable!("an object")
        };
        let in_tenant = read(&caller(Some("t")), arguments, None, 5).expect("no mistake");
        assert_ne!(in_tenant.key, one);
    }
}
