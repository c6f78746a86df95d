//! The query of a forward.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::api::dialect::Dialect;
use crate::api::input::misplaced::where_it_belongs;
use crate::api::input::mistakes::{Mistakes, more_than_once};
use crate::api::sanitize;
use crate::model::dedup_key::DedupKey;
use crate::model::receiver::ReceiveIdType;
use crate::model::wording::Wording;

/// The parameters of a forward's query.
#[derive(Default)]
pub(super) struct ForwardQuery {
    pub(super) receive_id_type: Option<ReceiveIdType>,
    pub(super) uuid: Option<DedupKey>,
    pub(super) is_dry_run: bool,
}

const KNOWN: [&str; 3] = ["receive_id_type", "uuid", "dry_run"];

/// Reads the query as it is in the URL.
pub(super) fn parse(text: &str, dialect: Dialect, mistakes: &mut Mistakes) -> ForwardQuery {
    let mut query = ForwardQuery::default();
    let mut seen = Vec::new();
    for (name, value) in parameters(text) {
        if mistakes.are_enough() {
            break;
        }
        if dialect == Dialect::Feishu && !KNOWN.contains(&&*name) {
            continue;
        }
        if name.is_empty() {
            mistakes.add("query", without_a_name());
            continue;
        }
        let Some(text) = decode(value.unwrap_or_default()) else {
            mistakes.add(sanitize::name(&name), not_utf_8());
            continue;
        };
        if seen.contains(&name) {
            mistakes.add(sanitize::name(&name), more_than_once());
            continue;
        }
        match &*name {
            "receive_id_type" => {
                query.receive_id_type =
                    mistakes.keep("receive_id_type", ReceiveIdType::parse(&text));
            }
            // To Feishu an empty `uuid` is none (a guess), and some programs send it so.
            "uuid" if text.is_empty() && dialect == Dialect::Feishu => {}
            "uuid" => query.uuid = mistakes.keep("uuid", DedupKey::parse(&text)),
            "dry_run" => {
                query.is_dry_run =
                    mistakes.keep("dry_run", flag(value.map(|_| &*text))).unwrap_or_default();
            }
            other => {
                let detail = where_it_belongs(other).unwrap_or_else(unknown);
                mistakes.add(sanitize::name(other), detail);
            }
        }
        seen.push(name);
    }
    if dialect == Dialect::Feishu && !seen.iter().any(|name| name == "receive_id_type") {
        let detail = Wording::new("is missing from the query", "查询参数中缺失");
        mistakes.add("receive_id_type", detail);
    }
    query
}

fn unknown() -> Wording {
    Wording::new(
        "is not a query parameter; known parameters: receive_id_type, uuid, dry_run",
        "不是查询参数；可用参数：receive_id_type、uuid、dry_run",
    )
}

/// A flag as people and programs write it. A flag without `=` is set. A flag with an empty value is a
/// mistake, as a template may have left the value out.
pub(crate) fn flag(text: Option<&str>) -> Result<bool, Wording> {
    match text {
        None | Some("true" | "True" | "TRUE" | "1") => Ok(true),
        Some("false" | "False" | "FALSE" | "0") => Ok(false),
        _ => Err(Wording::new("must be true or false", "必须是 true 或 false")),
    }
}

/// The parameters of a query: the name of each, and what stands behind its `=`, if it has one.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Option<&str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) =
            pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
        (decode(name).unwrap_or(Cow::Borrowed(name)), value)
    })
}

/// The mistake of a parameter without a name.
pub(crate) fn without_a_name() -> Wording {
    Wording::new("has a parameter without a name", "有参数没有名称")
}

/// The mistake of a value that is not text.
pub(crate) fn not_utf_8() -> Wording {
    Wording::new("is not UTF-8 after percent-decoding", "经百分号解码后不是 UTF-8")
}

/// A part of a query, percent-decoded, in which `+` is a space. None if it is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode(spaced.as_bytes())
            .decode_utf8()
            .ok()
            .map(|it| Cow::Owned(it.into_owned()));
    }
    percent_decode(text.as_bytes()).decode_utf8().ok()
}
