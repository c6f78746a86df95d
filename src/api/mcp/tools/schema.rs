//! The parts of the tools' schemas that several of them have.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

/// What a tool does to the world.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// It sends messages, the same one never twice.
    Sends,
    /// It only looks.
    Reads,
}

/// A tool as its callers see it.
pub(super) fn tool(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    effect: Effect,
    (input, output): (Value, Value),
) -> Tool {
    let reads = matches!(effect, Effect::Reads);
    // Hints that are left out mean that a tool destroys, and talks to the whole world.
    let annotations = ToolAnnotations::with_title(title)
        .read_only(reads)
        .destructive(false)
        .idempotent(true)
        .open_world(!reads);
    Tool::new(name, description, Arc::new(object(input)))
        .with_title(title)
        .with_raw_output_schema(Arc::new(object(output)))
        .with_annotations(annotations)
}

fn object(schema: Value) -> JsonObject {
    match schema {
        Value::Object(object) => object,
        _ => JsonObject::default(),
    }
}

pub(super) fn message_id() -> Value {
    json!({
        "type": "string",
        "pattern": "^om_[A-Za-z0-9_-]+$",
        "minLength": 4,
        "maxLength": 128,
        "description": "The id of the message to forward, om_…",
    })
}

pub(super) fn receive_id() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 256,
        "description": "The receiver: a group (oc_…), a user (ou_… or on_…), a thread (omt_…), a user_id, or an e-mail address. One id. Never guess an id.",
    })
}

/// Without a `default`: a model that fills in defaults would send it along with ids of other types.
pub(super) fn receive_id_type() -> Value {
    json!({
        "type": "string",
        "enum": ["chat_id", "open_id", "union_id", "user_id", "email", "thread_id"],
        "description": "Only a user_id needs it. Left out, it is detected from receive_id.",
    })
}

pub(super) fn idempotency_key(why: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$", "description": why })
}
