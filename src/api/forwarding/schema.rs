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
    /// Who gets the message: a user, a group or a thread. One id, without white space or commas, neither
    /// a URL nor a message's id.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
}

/// The body of a merge.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input/body.rs` reads")]
#[schema(as = MergeForwardBody)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeForwardRequestBody {
    /// Who gets the new message: a user, a group or a thread. One id, without white space or commas, neither
    /// a URL nor a message's id.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
    /// The messages, all of one chat, none of them twice.
    #[schema(
        example = json!(["om_dc13264520392913993dd051dba21dcf", "om_f04fa7d4a2d3d0ff0b9a6f8dd1e5a3c7"]),
        min_items = 1,
        max_items = 100,
        value_type = BTreeSet<MessageIdText>
    )]
    message_id_list: Vec<MessageIdText>,
}

/// A message's id.
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

/// The body that Feishu gets.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeishuRequestBody {
    /// Who gets the message.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
    /// The messages of a merge.
    #[schema(nullable = false, max_items = 100, value_type = Option<Vec<MessageIdText>>)]
    message_id_list: Option<Vec<String>>,
}

/// The new message of a merge, with every field that Feishu sent, ones that are not listed here included.
#[derive(Serialize, ToSchema)]
pub(crate) struct MergeForwardResult {
    /// The new message, which has the others in it.
    message: ForwardedMessage,
    /// The messages that Feishu has left out because it cannot forward them; the others have gone out.
    #[schema(example = json!([]), nullable = false)]
    invalid_message_id_list: Option<Vec<String>>,
}

/// The new message, with every field that Feishu sent, ones that are not listed here included.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForwardedMessage {
    /// The new message's id.
    #[schema(example = "om_dc13264520392913993dd051dba21dcf")]
    message_id: String,
    /// The kind of message: `text`, `post`, `image`, `interactive` and so on.
    #[schema(example = "text", nullable = false)]
    msg_type: Option<String>,
    /// When it was made: milliseconds since 1970, as a string.
    #[schema(example = "1615380573411", nullable = false)]
    create_time: Option<String>,
    /// When it was last changed: milliseconds since 1970, as a string.
    #[schema(example = "1615380573411", nullable = false)]
    update_time: Option<String>,
    /// Whether it was recalled.
    #[schema(example = false, nullable = false)]
    deleted: Option<bool>,
    /// Whether it was changed.
    #[schema(example = false, nullable = false)]
    updated: Option<bool>,
    /// The chat that it is in.
    #[schema(example = "oc_5ad11d72b830411d72b836c20", nullable = false)]
    chat_id: Option<String>,
    /// The thread that it is in, if it is in one.
    #[schema(example = "omt_d4be107c616aed9c1da8ed8068570a9f", nullable = false)]
    thread_id: Option<String>,
    /// Who sent it.
    #[schema(nullable = false)]
    sender: Option<MessageSender>,
    /// What it says.
    #[schema(nullable = false)]
    body: Option<MessageBody>,
}

/// Who sent a message: of one that was forwarded, the gateway's Feishu app.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageSender {
    /// The sender's id.
    #[schema(example = "cli_9f427eec54ae901b", nullable = false)]
    id: Option<String>,
    /// What kind of id it is: `app_id` or `open_id`.
    #[schema(example = "app_id", nullable = false)]
    id_type: Option<String>,
    /// What the sender is: `app`, `user`, `anonymous` or `unknown`.
    #[schema(example = "app", nullable = false)]
    sender_type: Option<String>,
    /// The Feishu tenant that the sender belongs to.
    #[schema(example = "736588c9260f175e", nullable = false)]
    tenant_key: Option<String>,
}

/// What a message says.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageBody {
    /// JSON in a string; what is in it depends on `msg_type`.
    #[schema(example = "{\"text\":\"test content\"}", nullable = false)]
    content: Option<String>,
}
