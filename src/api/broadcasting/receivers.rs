//! The receivers in the body of a request for a broadcast.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::api::broadcasting::json;
use crate::api::input::mistakes::{Mistakes, more_than_once};
use crate::api::sanitize;
use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::wording::Wording;

/// The member of the body that names the receivers.
pub(crate) const RECEIVERS: &str = "receivers";

const RECEIVE_ID: &str = "receive_id";
const RECEIVE_ID_TYPE: &str = "receive_id_type";

/// The name of a place in the list, as in `receivers[17].receive_id`.
pub(crate) fn id_at(place: usize) -> String {
    format!("{RECEIVERS}[{place}].{RECEIVE_ID}")
}

/// Reads a list of at most `most` receivers, each of which is there once. Where there is a mistake, the result is of no
/// meaning.
pub(super) fn parse(list: &RawValue, most: usize, mistakes: &mut Mistakes) -> Vec<Receiver> {
    let mut receivers = Vec::new();
    let mut places: HashMap<Receiver, usize> = HashMap::new();
    let read = json::items(list.get(), most, |place, item| {
        let Some(receiver) = one(place, item, mistakes) else { return };
        if let Some(first) = places.get(&receiver) {
            let detail = Wording::new(
                format!("is the same receiver as {RECEIVERS}[{first}]"),
                format!("与 {RECEIVERS}[{first}] 是同一个接收者"),
            );
            return mistakes.add(id_at(place), detail);
        }
        places.insert(receiver.clone(), place);
        receivers.push(receiver);
    });
    match read {
        Err(_) => {
            let detail = Wording::new(
                r#"must be a list such as [{"receive_id": "oc_…"}]"#,
                r#"必须是列表，例如 [{"receive_id": "oc_…"}]"#,
            );
            mistakes.add(RECEIVERS, detail);
        }
        Ok(0) => {
            let detail = Wording::new("must have at least one receiver", "至少要有一个接收者");
            mistakes.add(RECEIVERS, detail);
        }
        Ok(count) if count > most => {
            let detail = Wording::new(
                format!("must have at most {most} receivers; there are {count}"),
                format!("最多 {most} 个接收者，目前有 {count} 个"),
            );
            mistakes.add(RECEIVERS, detail);
        }
        Ok(_) => {}
    }
    receivers
}

/// Reads one receiver. None after a mistake.
fn one(place: usize, item: &RawValue, mistakes: &mut Mistakes) -> Option<Receiver> {
    let (mut id, mut kind, mut is_right) = (None, None, true);
    let read = json::members(item.get(), |name, value| {
        let field = |name: &str| format!("{RECEIVERS}[{place}].{}", sanitize::name(name));
        let known = match name {
            RECEIVE_ID => &mut id,
            RECEIVE_ID_TYPE => &mut kind,
            _ => {
                is_right = false;
                return mistakes.add(field(name), unknown());
            }
        };
        let text = json::text(value);
        if text.is_none() {
            is_right = false;
            mistakes.add(field(name), Wording::new("must be a string", "必须是字符串"));
        }
        if known.replace(text).is_some() {
            is_right = false;
            mistakes.add(field(name), more_than_once());
        }
    });
    if read.is_err() {
        let detail = Wording::new(
            r#"must be an object such as {"receive_id": "oc_…"}"#,
            r#"必须是对象，例如 {"receive_id": "oc_…"}"#,
        );
        mistakes.add(format!("{RECEIVERS}[{place}]"), detail);
        return None;
    }
    let kind = match kind.flatten() {
        None => None,
        Some(kind) => match ReceiveIdType::parse(&kind) {
            Ok(kind) => Some(kind),
            Err(detail) => {
                is_right = false;
                mistakes.add(format!("{RECEIVERS}[{place}].{RECEIVE_ID_TYPE}"), detail);
                None
            }
        },
    };
    let Some(id) = id else {
        mistakes.add(id_at(place), Wording::new("is missing", "缺失"));
        return None;
    };
    let receiver = Receiver::parse(&id?, kind);
    let receiver = receiver.map_err(|detail| mistakes.add(id_at(place), detail)).ok();
    receiver.filter(|_| is_right)
}

fn unknown() -> Wording {
    Wording::new(
        "is not a field of a receiver; known fields: receive_id, receive_id_type",
        "不是接收者的字段；可用字段：receive_id、receive_id_type",
    )
}
