//! A forward: what is sent to a receiver, and how Feishu's request for it is built.

use serde::Serialize;

use super::feishu_api::FeishuApi;
use super::fingerprint::{Fingerprint, fingerprint};
use super::merged_messages::MergedMessages;
use super::message_id::MessageId;
use super::receiver::Receiver;
use super::thread_id::ThreadId;

/// What is forwarded. The API, the path and the body of Feishu's request depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// One message.
    Message(MessageId),
    /// Several messages of one chat, as one new message.
    Merged(MergedMessages),
    /// A thread, as one new message.
    Thread(ThreadId),
}

/// The JSON body of Feishu's request.
#[derive(Debug, Serialize)]
pub struct FeishuBody<'a> {
    receive_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id_list: Option<&'a [MessageId]>,
}

impl Forward {
    /// The API that forwards it.
    #[must_use]
    pub fn api(&self) -> FeishuApi {
        match self {
            Self::Message(_) => FeishuApi::Forward,
            Self::Merged(_) => FeishuApi::MergeForward,
            Self::Thread(_) => FeishuApi::ThreadForward,
        }
    }

    /// The segments of the request's path below `/open-apis/` (Feishu's documentation).
    pub fn path(&self) -> impl Iterator<Item = &str> {
        let (collection, id, action) = match self {
            Self::Message(id) => ("messages", Some(id.as_str()), "forward"),
            Self::Merged(_) => ("messages", None, "merge_forward"),
            Self::Thread(id) => ("threads", Some(id.as_str()), "forward"),
        };
        ["im", "v1", collection].into_iter().chain(id).chain([action])
    }

    /// The body of the request (Feishu's documentation).
    #[must_use]
    pub fn body<'a>(&'a self, receiver: &'a Receiver) -> FeishuBody<'a> {
        let message_id_list = match self {
            Self::Merged(messages) => Some(messages.ids()),
            Self::Message(_) | Self::Thread(_) => None,
        };
        FeishuBody { receive_id: receiver.id(), message_id_list }
    }

    /// The fingerprint of this forward to `receiver` with the app of this name. A repetition has an equal
    /// fingerprint, any other forward a different one.
    #[must_use]
    pub fn fingerprint(&self, app: &str, receiver: &Receiver) -> Fingerprint {
        let (kind, receive_id) = (receiver.kind().as_str(), receiver.name());
        match self {
            Self::Message(id) => fingerprint([app, id.as_str(), kind, receive_id]),
            // No message has the name of an API as its id, so no message has a fingerprint of these.
            Self::Thread(id) => {
                fingerprint([app, self.api().as_str(), kind, receive_id, id.as_str()])
            }
            Self::Merged(messages) => {
                let ids = messages.ids().iter().map(MessageId::as_str);
                let to = [app, self.api().as_str(), kind, receive_id];
                fingerprint(to.into_iter().chain(ids))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(ids: &[&str]) -> Forward {
        let ids: Vec<_> = ids.iter().copied().map(Some).collect();
        Forward::Merged(MergedMessages::parse(&ids).expect("valid"))
    }

    fn thread(id: &str) -> Forward {
        Forward::Thread(ThreadId::parse(id).expect("valid"))
    }

    fn message(id: &str) -> Forward {
        Forward::Message(MessageId::parse(id).expect("valid"))
    }

    #[test]
    fn each_forward_has_feishus_path_and_body() {
        let receiver = Receiver::parse("oc_1", None).expect("valid");
        for (forward, path, body) in [
            (message("om_1"), "im/v1/messages/om_1/forward", r#"{"receive_id":"oc_1"}"#),
            (
                merged(&["om_2", "om_1"]),
                "im/v1/messages/merge_forward",
                r#"{"receive_id":"oc_1","message_id_list":["om_2","om_1"]}"#,
            ),
            (thread("omt_1"), "im/v1/threads/omt_1/forward", r#"{"receive_id":"oc_1"}"#),
        ] {
            assert_eq!(forward.path().collect::<Vec<_>>().join("/"), path);
            assert_eq!(serde_json::to_string(&forward.body(&receiver)).ok().as_deref(), Some(body));
        }
    }

    #[test]
    fn forwards_that_differ_in_anything_have_different_fingerprints() {
        let (one, other) = (
            Receiver::parse("oc_1", None).expect("valid"),
            Receiver::parse("oc_2", None).expect("valid"),
        );
        let forwards = [
            message("om_1"),
            message("om_2"),
            merged(&["om_1"]),
            merged(&["om_1", "om_2"]),
            merged(&["om_2", "om_1"]),
            thread("omt_1"),
            thread("omt_2"),
        ];
        let mut seen = std::collections::HashSet::new();
        for forward in &forwards {
            for receiver in [&one, &other] {
                for app in ["main", "second"] {
                    assert!(seen.insert(forward.fingerprint(app, receiver)), "{forward:?}");
                }
            }
        }
    }
}
