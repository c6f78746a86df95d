//! What a caller sent in the query.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::api::input::forward::{Mistakes, more_than_once};
use crate::api::input::misplaced::elsewhere;
use crate::api::sanitize::shortened;
use crate::model::dedup_key::DedupKey;
use crate::model::receiver::ReceiveIdType;
use crate::model::wording::Wording;

#[derive(Default)]
pub(crate) struct Query {
    pub(crate) kind: Option<ReceiveIdType>,
    pub(crate) uuid: Option<DedupKey>,
    pub(crate) is_dry_run: bool,
}

/// Reads the query as it stands in the URL.
pub(crate) fn read(text: &str, mistakes: &mut Mistakes) -> Query {
    let mut query = Query::default();
    let mut seen = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) =
            pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
        if mistakes.are_enough() {
            break;
        }
        let name = decode(name).unwrap_or(Cow::Borrowed(name));
        if name.is_empty() {
            mistakes.add("query", Wording::new("has a parameter without a name", "有参数没有名称"));
            continue;
        }
        let Some(text) = decode(value.unwrap_or_default()) else {
            let detail =
                Wording::new("is not UTF-8 when it is percent-decoded", "经百分号解码后不是 UTF-8");
            mistakes.add(shortened(&name), detail);
            continue;
        };
        if seen.contains(&name) {
            mistakes.add(shortened(&name), more_than_once());
            continue;
        }
        match &*name {
            "receive_id_type" => {
                query.kind = mistakes.keep("receive_id_type", ReceiveIdType::parse(&text));
            }
            "uuid" => query.uuid = mistakes.keep("uuid", DedupKey::parse(&text)),
            "dry_run" => {
                query.is_dry_run =
                    mistakes.keep("dry_run", flag(value.map(|_| &*text))).unwrap_or_default();
            }
            other => mistakes.add(shortened(other), elsewhere(other).unwrap_or_else(unknown)),
        }
        seen.push(name);
    }
    query
}

fn unknown() -> Wording {
    Wording::new(
        "is not a query parameter; there are receive_id_type, uuid and dry_run",
        "不是查询参数；可用的有 receive_id_type、uuid 和 dry_run",
    )
}

/// A flag as people and programs write it. One that is there without a value is set; with an empty value
/// it is neither, as a template may have left it out.
fn flag(text: Option<&str>) -> Result<bool, Wording> {
    match text {
        None | Some("true" | "True" | "TRUE" | "1") => Ok(true),
        Some("false" | "False" | "FALSE" | "0") => Ok(false),
        _ => Err(Wording::new("must be true or false", "必须是 true 或 false")),
    }
}

/// A percent-decoded part of a query, in which `+` is a space; none if it is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode(spaced.as_bytes())
            .decode_utf8()
            .ok()
            .map(|it| Cow::Owned(it.into_owned()));
    }
    percent_decode(text.as_bytes()).decode_utf8().ok()
}
