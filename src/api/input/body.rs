//! The body of a forward.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::api::input::misplaced::where_it_belongs;
use crate::api::input::mistakes::{Mistakes, more_than_once};
use crate::api::sanitize;
use crate::model::wording::Wording;

/// The `receive_id` in a body.
pub(super) fn receive_id(body: &[u8], mistakes: &mut Mistakes) -> Option<String> {
    if let Some(detail) = other_encoding(body) {
        mistakes.add("body", detail);
        return None;
    }
    let members = match serde_json::from_slice::<BodyMembers>(body) {
        Ok(BodyMembers(members)) => members,
        Err(error) => {
            mistakes.add("body", not_an_object(&error));
            return None;
        }
    };
    let mut found = None;
    for (name, value) in members {
        if mistakes.are_enough() {
            break;
        }
        match (name.as_str(), value, &found) {
            ("receive_id", _, Some(_)) => mistakes.add("receive_id", more_than_once()),
            ("receive_id", value, None) => found = Some(value),
            ("", ..) => {
                let detail = Wording::new("has a member without a name", "有字段没有名称");
                mistakes.add("body", detail);
            }
            (other, ..) => {
                let detail = where_it_belongs(other).unwrap_or_else(unknown);
                mistakes.add(sanitize::name(other), detail);
            }
        }
    }
    match found {
        Some(Value::String(id)) => Some(id),
        Some(_) => {
            mistakes.add("receive_id", Wording::new("must be a string", "必须是字符串"));
            None
        }
        None => {
            mistakes.add("receive_id", Wording::new("is missing", "缺失"));
            None
        }
    }
}

fn unknown() -> Wording {
    Wording::new(
        "is not a member of the body; there is only receive_id",
        "不是请求体的字段；请求体只有 receive_id",
    )
}

/// The mistake of a body whose first bytes show another encoding or format than JSON in UTF-8.
fn other_encoding(body: &[u8]) -> Option<Wording> {
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
            "is compressed (gzip); send it plain",
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
fn not_an_object(error: &serde_json::Error) -> Wording {
    let english = "is not a JSON object such as {\"receive_id\": \"oc_…\"}";
    let chinese = "不是形如 {\"receive_id\": \"oc_…\"} 的 JSON 对象";
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
