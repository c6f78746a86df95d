//! What is forwarded.

use serde::Serialize;

use super::fingerprint::{Fingerprint, fingerprint};
use super::message_id::MessageId;
use super::receiver::Receiver;

/// What is forwarded. It knows what Feishu's call for it looks like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// One message.
    Message(MessageId),
}

/// The body of Feishu's call.
#[derive(Debug, Serialize)]
pub struct FeishuBody<'a> {
    receive_id: &'a str,
}

impl Forward {
    /// The segments of the call's path below `/open-apis/` (Feishu's documentation).
    #[must_use]
    pub fn path(&self) -> [&str; 5] {
        match self {
            Self::Message(id) => ["im", "v1", "messages", id.as_str(), "forward"],
        }
    }

    /// The body of the call (Feishu's documentation).
    #[must_use]
    pub fn body<'a>(&self, receiver: &'a Receiver) -> FeishuBody<'a> {
        match self {
            Self::Message(_) => FeishuBody { receive_id: receiver.id() },
        }
    }

    /// The id of what is forwarded, as it stands in the audit log.
    #[must_use]
    pub fn source_id(&self) -> &str {
        match self {
            Self::Message(id) => id.as_str(),
        }
    }

    /// The fingerprint of this forward to a receiver with an app: equal for a repetition, and different for
    /// any other forward.
    #[must_use]
    pub fn fingerprint(&self, app: &str, receiver: &Receiver) -> Fingerprint {
        match self {
            Self::Message(id) => {
                fingerprint([app, id.as_str(), receiver.kind().as_str(), receiver.id()])
            }
        }
    }
}
