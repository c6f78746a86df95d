//! `forward_message`: forwards one message to one receiver.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::mcp::arguments::Arguments;
use crate::api::mcp::context::ToolContext;
use crate::api::mcp::text::clean;
use crate::api::mcp::tools::answer::ToolAnswer;
use crate::api::mcp::tools::schema::{self, Effect};
use crate::api::problems::forward_failure::problem_of_forward;
use crate::api::problems::problem::Problem;
use crate::delivery::{ForwardReport, ForwardRequest};
use crate::feishu::error::Forwarded;
use crate::model::api_key::Caller;
use crate::model::fingerprint::fingerprint;
use crate::model::forward::Forward;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::model::urgency::Urgency;

const DESCRIPTION: &str = "Forwards one existing Feishu (Lark) message to one group, user or thread, as the company's \
    bot. People see it at once, and it cannot be taken back: use this tool only when you were asked to forward this \
    message to this receiver. It cannot write a message of your own. For many receivers use broadcast_message, if this \
    gateway has it. check_forward says what would happen, without sending anything.\n\
    What to do with the outcome. delivered: nothing more. not_delivered: nothing was sent; say to the person why and \
    who can fix it, and call again only as the answer says. unknown: it may have arrived; call again with exactly the \
    same arguments, which cannot deliver it twice. Do not call with other arguments.\n\
    Within an hour the same arguments send once, however often you call. To send the same message to the same receiver \
    again on purpose, pass a new idempotency_key.";
/// The forward that the arguments of a call ask for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::api::mcp) struct AskedForward {
    pub(in crate::api::mcp) message: MessageId,
    pub(in crate::api::mcp) receiver: Receiver,
    /// The call's own, or that which follows from the two above.
    pub(in crate::api::mcp) key: IdempotencyKey,
}

/// Longest id of Feishu's that is repeated, in characters.
const LONGEST_ID: usize = 128;

pub(super) fn definition() -> Tool {
    let output = json!({
        "type": "object",
        "required": ["outcome"],
        "properties": {
            "outcome": {
                "enum": ["delivered", "not_delivered", "unknown"],
                "description": "The outcome. unknown: the message may have arrived.",
            },
            "message_id": { "type": "string", "description": "The new message, om_…" },
            "chat_id": { "type": "string", "description": "The chat of the new message, oc_…" },
            "receive_id_type": { "type": "string", "description": "The type of receive_id." },
            "uuid": { "type": "string", "description": "The id by which Feishu recognizes a repeated forward." },
            "replayed": {
                "type": "boolean",
                "description": "Whether an earlier call with the same arguments sent it.",
            },
            "safe_retry_until": {
                "type": "string",
                "description": "Present if the outcome is unknown: until then, the same call cannot deliver twice.",
            },
            "problem": {
                "type": "object",
                "description": "Why it was not delivered, or why that is unknown.",
                "required": ["code", "title", "remedy", "fix_by", "retryable"],
                "properties": {
                    "code": { "type": "string" },
                    "title": { "type": "string" },
                    "remedy": { "type": "string" },
                    "fix_by": { "type": "string" },
                    "retryable": { "type": "boolean" },
                },
            },
        },
    });
    schema::tool(
        "forward_message",
        "Forward a Feishu message",
        DESCRIPTION,
        Effect::Sends,
        (input(), output),
    )
}

/// The schema of the arguments.
pub(super) fn input() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["message_id", "receive_id"],
        "properties": {
            "message_id": schema::message_id(),
            "receive_id": schema::receive_id(),
            "receive_id_type": schema::receive_id_type(),
            "idempotency_key": schema::idempotency_key(
                "Usually left out. To send the same message to the same receiver again on purpose, pass a new text of your choice."
            ),
        },
    })
}

/// Reads the forward that the arguments ask for.
pub(in crate::api::mcp) fn read(
    caller: &Caller,
    arguments: JsonObject,
) -> Result<AskedForward, Problem> {
    let mut arguments = Arguments::new(arguments);
    let message = arguments
        .required_text("message_id")
        .and_then(|id| arguments.keep("message_id", MessageId::parse(&id)));
    let receiver = arguments.receiver();
    let key = arguments.idempotency_key();
    arguments.finish()?;
    let (Some(message), Some(receiver)) = (message, receiver) else {
        unreachable!("what is missing is a mistake");
    };
    let receiver = caller.receiver(receiver);
    let key = key.unwrap_or_else(|| key_of(&message, &receiver));
    Ok(AskedForward { message, receiver, key })
}

/// The caller's request for the forward that the arguments ask for.
pub(super) fn request(
    context: &ToolContext,
    arguments: JsonObject,
) -> Result<ForwardRequest, Problem> {
    let caller = context.caller_in_tenant()?;
    let AskedForward { message, receiver, key } = read(&caller, arguments)?;
    let forward = Forward::Message(message);
    let idempotent = key.names(&caller.name, &caller.app, &forward, &receiver);
    Ok(ForwardRequest {
        request_id: context.request_id.clone(),
        uuid: context.delivery.uuids(&caller).of(&idempotent),
        uuid_is_given: true,
        idempotent: Some(idempotent),
        caller,
        forward,
        receiver,
        broadcast: None,
        wait: context.max_wait,
        urgency: Urgency::Interactive,
    })
}

/// The key of a call without one, so that a model that calls again does not send twice. (A key belongs to its caller.)
fn key_of(message: &MessageId, receiver: &Receiver) -> IdempotencyKey {
    let kind = receiver.kind().as_str();
    let content = fingerprint(["forward_message", message.as_str(), kind, receiver.name()]);
    IdempotencyKey::derived(content)
}

pub(super) async fn call(
    context: &ToolContext,
    arguments: JsonObject,
) -> Result<ToolAnswer, Problem> {
    let request = Arc::new(request(context, arguments)?);
    let ForwardReport { result, prior_attempts, is_replayed, attempts, timings, .. } =
        context.delivery.forward(&request).await;
    let _ = context.notes.timings.set((timings, attempts));
    match result {
        Ok(forwarded) => {
            if let Some(id) = &forwarded.log_id {
                let _ = context.notes.feishu_log_id.set(id.clone());
            }
            Ok(delivered(&request, &forwarded, is_replayed))
        }
        Err(error) => Err(problem_of_forward(&error, request.uuid.clone(), prior_attempts)),
    }
}

/// What is told of the new message besides its id.
#[derive(Deserialize)]
struct NewMessage<'a> {
    #[serde(borrow)]
    chat_id: Cow<'a, str>,
}

/// Without what the message says: those are the words of whoever wrote it.
fn delivered(request: &ForwardRequest, forwarded: &Forwarded, is_replayed: bool) -> ToolAnswer {
    let message_id = clean(&forwarded.message_id, LONGEST_ID);
    let message = serde_json::from_slice::<NewMessage<'_>>(&forwarded.data).ok();
    let chat_id = message.map(|it| clean(&it.chat_id, LONGEST_ID));
    let (kind, uuid) = (request.receiver.kind().as_str(), request.uuid.as_str());
    let mut structured = json!({
        "outcome": "delivered",
        "message_id": message_id,
        "receive_id_type": kind,
        "uuid": uuid,
        "replayed": is_replayed,
    });
    let mut text = if is_replayed {
        "An earlier call with the same arguments delivered it: this call sent nothing. To send it again on purpose, pass a new idempotency_key.".to_owned()
    } else {
        "Delivered: the message was forwarded.".to_owned()
    };
    text.push_str("\noutcome: delivered\nmessage_id: ");
    text.push_str(&message_id);
    if let Some(chat_id) = chat_id {
        text.push_str("\nchat_id: ");
        text.push_str(&chat_id);
        structured["chat_id"] = chat_id.into();
    }
    let _ = write!(text, "\nreceive_id_type: {kind}\nuuid: {uuid}\nreplayed: {is_replayed}");
    ToolAnswer { text, structured, task: None }
}
