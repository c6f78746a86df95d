//! The body of a forward.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::api::dialect::Dialect;
use crate::api::input::misplaced::where_it_belongs;
use crate::api::input::mistakes::{Mistakes, more_than_once};
use crate::api::input::source::{MESSAGE_ID_LIST, Source};
use crate::api::sanitize;
use crate::model::wording::Wording;

/// The members of a body. One that is missing or wrong is none.
#[derive(Default)]
pub(super) struct ForwardBody {
    pub(super) receive_id: Option<String>,
    /// The ids of a merge, some of which may be no text.
    pub(super) message_id_list: Option<Vec<Value>>,
}

const RECEIVE_ID: &str = "receive_id";

/// Reads the body of a forward.
pub(super) fn parse(
    body: &[u8],
    source: Source<'_>,
    dialect: Dialect,
    mistakes: &mut Mistakes,
) -> ForwardBody {
    if let Some(detail) = other_encoding(body) {
        mistakes.add("body", detail);
        return ForwardBody::default();
    }
    let members = match serde_json::from_slice::<BodyMembers>(body) {
        Ok(BodyMembers(members)) => members,
        Err(error) => {
            let example = match source {
                Source::Message(_) | Source::Thread(_) => r#"{"receive_id": "oc_…"}"#,
                Source::Merged => r#"{"receive_id": "oc_…", "message_id_list": ["om_…"]}"#,
            };
            mistakes.add("body", not_an_object(&error, example));
            return ForwardBody::default();
        }
    };
    let has_list = matches!(source, Source::Merged);
    let (mut receive_id, mut message_id_list) = (None, None);
    for (name, value) in members {
        if mistakes.are_enough() {
            break;
        }
        let (known, name) = match name.as_str() {
            RECEIVE_ID => (&mut receive_id, RECEIVE_ID),
            MESSAGE_ID_LIST if has_list => (&mut message_id_list, MESSAGE_ID_LIST),
            _ if dialect == Dialect::Feishu => continue,
            "" => {
                let detail = Wording::new("has a field without a name", "有字段没有名称");
                mistakes.add("body", detail);
                continue;
            }
            other => {
                let detail = misplaced_member(other, source).unwrap_or_else(|| unknown(has_list));
                mistakes.add(sanitize::name(other), detail);
                continue;
            }
        };
        if known.replace(value).is_some() {
            mistakes.add(name, more_than_once());
        }
    }
    let receive_id = required(RECEIVE_ID, receive_id, mistakes);
    let message_id_list =
        if has_list { required(MESSAGE_ID_LIST, message_id_list, mistakes) } else { None };
    ForwardBody {
        receive_id: receive_id.and_then(|value| text(value, mistakes)),
        message_id_list: message_id_list.and_then(|value| list(value, mistakes)),
    }
}

fn required(name: &str, value: Option<Value>, mistakes: &mut Mistakes) -> Option<Value> {
    if value.is_none() {
        mistakes.add(name, Wording::new("is missing", "缺失"));
    }
    value
}

fn text(value: Value, mistakes: &mut Mistakes) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text);
    }
    mistakes.add(RECEIVE_ID, Wording::new("must be a string", "必须是字符串"));
    None
}

fn list(value: Value, mistakes: &mut Mistakes) -> Option<Vec<Value>> {
    if let Value::Array(items) = value {
        return Some(items);
    }
    let detail = Wording::new("must be a list of message ids", "必须是消息 ID 的列表");
    mistakes.add(MESSAGE_ID_LIST, detail);
    None
}

fn misplaced_member(name: &str, source: Source<'_>) -> Option<Wording> {
    match (name, source) {
        ("message_id" | "message_ids", Source::Merged) => Some(Wording::new(
            "is not a field of the body; the messages belong in message_id_list",
            "不是请求体的字段；消息应放在 message_id_list 中",
        )),
        _ => where_it_belongs(name),
    }
}

fn unknown(has_list: bool) -> Wording {
    if has_list {
        return Wording::new(
            "is not a field of the body; known fields: receive_id, message_id_list",
            "不是请求体的字段；请求体只有 receive_id 和 message_id_list",
        );
    }
    Wording::new(
        "is not a field of the body; the only field is receive_id",
        "不是请求体的字段；请求体只有 receive_id",
    )
}

/// The mistake of a body whose first bytes show another encoding or format than JSON in UTF-8.
pub(crate) fn other_encoding(body: &[u8]) -> Option<Wording> {
    Some(match body {
        [0xEF, 0xBB, 0xBF, ..] => Wording::new(
            "begins with a byte order mark (BOM); send UTF-8 without one",
            "以字节顺序标记（BOM）开头；请发送不带 BOM 的 UTF-8",
        ),
        // JSON of an object begins with two ASCII characters, so a zero byte means two or four bytes each.
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => Wording::new(
            "is UTF-16 or UTF-32; send UTF-8",
            "是 UTF-16 或 UTF-32 编码；请使用 UTF-8",
        ),
        [0x1F, 0x8B, ..] => Wording::new(
            "is compressed (gzip); send it uncompressed",
            "经过 gzip 压缩；请发送未压缩的内容",
        ),
        body if str::from_utf8(body).is_err() => {
            Wording::new("is not UTF-8", "不是 UTF-8 编码（例如 GBK）；请使用 UTF-8")
        }
        body if body.starts_with(b"receive_id=") => Wording::new(
            "is form data; send JSON such as {\"receive_id\": \"oc_…\"}",
            "是表单数据；请发送 JSON，例如 {\"receive_id\": \"oc_…\"}",
        ),
        _ => return None,
    })
}

/// The mistake of a body that is not a JSON object.
pub(crate) fn not_an_object(error: &serde_json::Error, example: &str) -> Wording {
    let english = format!("is not a JSON object such as {example}");
    let chinese = format!("不是形如 {example} 的 JSON 对象");
    // serde's error about JSON that is no object would repeat that JSON, however long it is.
    if error.is_data() {
        return Wording::new(english, chinese);
    }
    let (line, column) = (error.line(), error.column());
    Wording::new(
        format!("{english}: {error}"),
        format!("{chinese}：第 {line} 行第 {column} 列有语法错误"),
    )
}

/// The members of a JSON object in order. A `Map` would silently drop repeated ones.
struct BodyMembers(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for BodyMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = BodyMembers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BodyMembers, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(BodyMembers(members))
    }
}
