//! A forward: what is sent to a receiver, and how Feishu's request for it is built.

use serde::Serialize;

use super::fingerprint::{Fingerprint, fingerprint};
use super::message_id::MessageId;
use super::receiver::Receiver;

/// What is forwarded. Path and body of Feishu's request depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// One message.
    Message(MessageId),
}

/// The JSON body of Feishu's request.
#[derive(Debug, Serialize)]
pub struct FeishuBody<'a> {
    receive_id: &'a str,
}

impl Forward {
    /// The segments of the request's path below `/open-apis/` (Feishu's documentation).
    #[must_use]
    pub fn path(&self) -> [&str; 5] {
        match self {
            Self::Message(id) => ["im", "v1", "messages", id.as_str(), "forward"],
        }
    }

    /// The body of the request (Feishu's documentation).
    #[must_use]
    pub fn body<'a>(&self, receiver: &'a Receiver) -> FeishuBody<'a> {
        match self {
            Self::Message(_) => FeishuBody { receive_id: receiver.id() },
        }
    }

    /// The id of what is forwarded. The audit log records it.
    #[must_use]
    pub fn source_id(&self) -> &str {
        match self {
            Self::Message(id) => id.as_str(),
        }
    }

    /// The fingerprint of this forward to `receiver` with the app of this name. A repetition has an equal
    /// fingerprint, any other forward a different one.
    #[must_use]
    pub fn fingerprint(&self, app: &str, receiver: &Receiver) -> Fingerprint {
        match self {
            Self::Message(id) => {
                fingerprint([app, id.as_str(), receiver.kind().as_str(), receiver.id()])
            }
        }
    }
}
