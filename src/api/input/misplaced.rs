//! Fields of the API in the wrong place or spelling, and where each belongs.

use crate::model::wording::Wording;

/// Where a field of this name belongs, if the API has such a field.
pub(super) fn where_it_belongs(name: &str) -> Option<Wording> {
    // A longer name is none of these.
    let letters = name.chars().take(32).filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    Some(match letters.strip_prefix('x').unwrap_or(&letters) {
        "receiveid" => Wording::new(
            "belongs in the body: {\"receive_id\": \"oc_…\"}",
            "应放在请求体中：{\"receive_id\": \"oc_…\"}",
        ),
        "receiveidtype" => Wording::new(
            "belongs in the query, such as receive_id_type=chat_id",
            "应放在查询参数中，例如 receive_id_type=chat_id",
        ),
        "uuid" => {
            Wording::new("belongs in the query, such as uuid=…", "应放在查询参数中，例如 uuid=…")
        }
        "dryrun" => Wording::new(
            "belongs in the query, such as dry_run=true",
            "应放在查询参数中，例如 dry_run=true",
        ),
        "messageid" => Wording::new(
            "belongs in the path: /v1/messages/{message_id}/forward",
            "应放在路径中：/v1/messages/{message_id}/forward",
        ),
        "messageids" | "messageidlist" => Wording::new(
            "belongs in the body of /v1/messages/merge_forward, as message_id_list",
            "应放在 /v1/messages/merge_forward 的请求体中，名称为 message_id_list",
        ),
        "idempotencykey" | "idempotencytoken" | "idempotentkey" | "idempotency" => Wording::new(
            "belongs in the header Idempotency-Key, with exactly this name",
            "应放在请求头 Idempotency-Key 中，且名称须完全一致",
        ),
        "wait" | "prefer" => Wording::new(
            "belongs in a header, such as Prefer: wait=5",
            "应放在请求头中，例如 Prefer: wait=5",
        ),
        "apikey" | "key" | "token" | "accesstoken" => Wording::new(
            "does not belong here; send the API key in the header X-API-Key",
            "不应出现在这里；API 密钥应放在请求头 X-API-Key 中",
        ),
        "chatid" | "openid" | "userid" | "unionid" | "email" => Wording::new(
            "is not a field; the id belongs in the body as receive_id, and its type in the query as receive_id_type",
            "不是字段；ID 应放在请求体的 receive_id 中，其类型放在查询参数 receive_id_type 中",
        ),
        "threadid" => Wording::new(
            "is not a field; a thread to forward belongs in the path: /v1/threads/{thread_id}/forward; a thread that receives a message belongs in the body, as receive_id",
            "不是字段；要转发的话题应放在路径中：/v1/threads/{thread_id}/forward；接收消息的话题应放在请求体的 receive_id 中",
        ),
        _ => return None,
    })
}
