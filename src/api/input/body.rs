//! What a caller sent in the body.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::api::input::forward::{Mistakes, more_than_once};
use crate::api::input::misplaced::elsewhere;
use crate::api::sanitize::shortened;
use crate::model::wording::Wording;

/// The `receive_id` in a body.
pub(crate) fn receive_id(body: &[u8], mistakes: &mut Mistakes) -> Option<String> {
    if let Some(detail) = in_another_form(body) {
        mistakes.add("body", detail);
        return None;
    }
    let members = match serde_json::from_slice::<Members>(body) {
        Ok(Members(members)) => members,
        Err(error) => {
            mistakes.add("body", no_object(&error));
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
            (other, ..) => mistakes.add(shortened(other), elsewhere(other).unwrap_or_else(unknown)),
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

/// What a body is, where its bytes show that it is no JSON in UTF-8.
fn in_another_form(body: &[u8]) -> Option<Wording> {
    Some(match body {
        [0xEF, 0xBB, 0xBF, ..] => Wording::new(
            "begins with a byte order mark (BOM); send UTF-8 without one",
            "以字节顺序标记（BOM）开头；请发送不带 BOM 的 UTF-8",
        ),
        // JSON begins with two characters of ASCII.
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

/// Why a body is not the object that it has to be.
fn no_object(error: &serde_json::Error) -> Wording {
    let english = "is not a JSON object such as {\"receive_id\": \"oc_…\"}";
    let chinese = "不是形如 {\"receive_id\": \"oc_…\"} 的 JSON 对象";
    // The error of what is JSON but no object would repeat it, however long it is.
    if error.is_data() {
        return Wording::new(english, chinese);
    }
    let (line, column) = (error.line(), error.column());
    Wording::new(
        format!("{english}: {error}"),
        format!("{chinese}：第 {line} 行第 {column} 列有语法错误"),
    )
}

/// The members of a JSON object in order, repeated ones included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
