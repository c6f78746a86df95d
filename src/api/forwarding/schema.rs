//! The bodies of forwards and of their answers, for the OpenAPI document. The program itself reads a body field by
//! field (`input/body.rs`), and passes the new message on as the bytes that Feishu sent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of a forward.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input/body.rs` reads")]
#[schema(as = ForwardBody)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForwardRequestBody {
    /// The receiver: a user, a group or a thread. One id, without white space or commas. Not a URL, not a message id.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
}

/// The body of a merge forward.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input/body.rs` reads")]
#[schema(as = MergeForwardBody)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeForwardRequestBody {
    /// The receiver: a user, a group or a thread. One id, without white space or commas. Not a URL, not a message id.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
    /// The messages to forward. All from one chat, each one once.
    #[schema(
        example = json!(["om_dc13264520392913993dd051dba21dcf", "om_f04fa7d4a2d3d0ff0b9a6f8dd1e5a3c7"]),
        min_items = 1,
        max_items = 100,
        value_type = BTreeSet<MessageIdText>
    )]
    message_id_list: Vec<MessageIdText>,
}

/// The id of a message.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `model::message_id` parses")]
#[schema(
    as = MessageId,
    example = "om_dc13264520392913993dd051dba21dcf",
    min_length = 4,
    max_length = 128,
    pattern = "^om_[A-Za-z0-9_-]+$"
)]
pub(crate) struct MessageIdText(String);

/// The body of the call to Feishu.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeishuRequestBody {
    /// The receiver.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
    /// The messages of a merge forward.
    #[schema(nullable = false, max_items = 100, value_type = Option<Vec<MessageIdText>>)]
    message_id_list: Option<Vec<String>>,
}

/// The result of a merge forward, as Feishu sent it. It can have fields that are not listed here.
#[derive(Serialize, ToSchema)]
pub(crate) struct MergeForwardResult {
    /// The new message, which contains the forwarded ones.
    message: ForwardedMessage,
    /// The messages that Feishu left out because it cannot forward them. All others were forwarded.
    #[schema(example = json!([]), nullable = false)]
    invalid_message_id_list: Option<Vec<String>>,
}

/// The new message, as Feishu sent it. It can have fields that are not listed here.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForwardedMessage {
    /// The id of the new message.
    #[schema(example = "om_dc13264520392913993dd051dba21dcf")]
    message_id: String,
    /// The type of the message: `text`, `post`, `image`, `interactive` and others.
    #[schema(example = "text", nullable = false)]
    msg_type: Option<String>,
    /// When the message was created: milliseconds since 1970, as a string.
    #[schema(example = "1615380573411", nullable = false)]
    create_time: Option<String>,
    /// When the message was last changed: milliseconds since 1970, as a string.
    #[schema(example = "1615380573411", nullable = false)]
    update_time: Option<String>,
    /// Whether the message was recalled.
    #[schema(example = false, nullable = false)]
    deleted: Option<bool>,
    /// Whether the message was edited.
    #[schema(example = false, nullable = false)]
    updated: Option<bool>,
    /// The chat of the message.
    #[schema(example = "oc_5ad11d72b830411d72b836c20", nullable = false)]
    chat_id: Option<String>,
    /// The thread of the message. Absent if it is in none.
    #[schema(example = "omt_d4be107c616aed9c1da8ed8068570a9f", nullable = false)]
    thread_id: Option<String>,
    /// The sender of the message.
    #[schema(nullable = false)]
    sender: Option<MessageSender>,
    /// The content of the message.
    #[schema(nullable = false)]
    body: Option<MessageBody>,
}

/// The sender of a message. For a forwarded message: the gateway's Feishu app.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageSender {
    /// The id of the sender.
    #[schema(example = "cli_9f427eec54ae901b", nullable = false)]
    id: Option<String>,
    /// The type of `id`: `app_id` or `open_id`.
    #[schema(example = "app_id", nullable = false)]
    id_type: Option<String>,
    /// The type of the sender: `app`, `user`, `anonymous` or `unknown`.
    #[schema(example = "app", nullable = false)]
    sender_type: Option<String>,
    /// The Feishu tenant of the sender.
    #[schema(example = "736588c9260f175e", nullable = false)]
    tenant_key: Option<String>,
}

/// The content of a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageBody {
    /// JSON as a string. Its structure depends on `msg_type`.
    #[schema(example = "{\"text\":\"test content\"}", nullable = false)]
    content: Option<String>,
}
