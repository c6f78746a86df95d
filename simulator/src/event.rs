//! An event that Feishu pushes to a store app.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An event, of which the simulator only makes the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The type, such as `im.message.receive_v1`.
    pub event_type: String,
    /// The version of the envelope. The default in JSON is 2.
    #[serde(default)]
    pub version: EventVersion,
    /// The key of the tenant in which the event happened.
    #[serde(default)]
    pub tenant_key: Option<String>,
    /// The id by which the receiver recognises a repetition: `event_id`, or `uuid` in version 1. `None` makes a new one.
    #[serde(default)]
    pub id: Option<String>,
    /// The member `event`. It must be an object.
    #[serde(default = "empty")]
    pub event: Value,
}

/// The version of an event's envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventVersion {
    /// Version 1, which app tickets have: `ts`, `uuid`, `token`, `type` and `event`, without a `schema`.
    #[serde(rename = "1")]
    One,
    /// Version 2: `schema`, `header` and `event`.
    #[default]
    #[serde(rename = "2")]
    Two,
}

/// What the envelope of an event says of its app and its time.
pub(crate) struct Envelope<'a> {
    pub(crate) app_id: &'a str,
    pub(crate) verification_token: &'a str,
    pub(crate) id: &'a str,
    pub(crate) unix_ms: u64,
}

impl Event {
    /// An event of version 2 in a tenant, with a new id.
    #[must_use]
    pub fn new(event_type: &str, tenant_key: &str, event: Value) -> Self {
        Self {
            event_type: event_type.into(),
            version: EventVersion::Two,
            tenant_key: Some(tenant_key.into()),
            id: None,
            event,
        }
    }

    /// The event of version 1 that brings an app ticket.
    pub(crate) fn app_ticket(ticket: &str) -> Self {
        Self {
            event_type: "app_ticket".into(),
            version: EventVersion::One,
            tenant_key: None,
            id: None,
            event: json!({"app_ticket": ticket}),
        }
    }

    /// The event in its envelope (doc). An `event` that is not an object becomes an empty one.
    pub(crate) fn enveloped(&self, envelope: &Envelope) -> Value {
        let Envelope { app_id, verification_token, id, unix_ms } = envelope;
        match self.version {
            EventVersion::One => {
                let mut event = self.event.as_object().cloned().unwrap_or_default();
                event.insert("app_id".into(), json!(app_id));
                event.insert("type".into(), json!(self.event_type));
                if let Some(tenant_key) = &self.tenant_key {
                    event.insert("tenant_key".into(), json!(tenant_key));
                }
                let ts = format!("{}.{:03}", unix_ms / 1000, unix_ms % 1000);
                json!({
                    "ts": ts,
                    "uuid": id,
                    "token": verification_token,
                    "type": "event_callback",
                    "event": event,
                })
            }
            EventVersion::Two => json!({
                "schema": "2.0",
                "header": {
                    "event_id": id,
                    "token": verification_token,
                    "create_time": unix_ms.to_string(),
                    "event_type": self.event_type,
                    "tenant_key": self.tenant_key.as_deref().unwrap_or_default(),
                    "app_id": app_id,
                },
                "event": if self.event.is_object() { self.event.clone() } else { empty() },
            }),
        }
    }
}

fn empty() -> Value {
    json!({})
}
