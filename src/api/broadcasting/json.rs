//! Walks through JSON without keeping it: a body of megabytes must not become a tree of values first.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// Calls `each` with the name and the JSON of each member of the object, in order.
pub(crate) fn members(
    object: &str,
    each: impl FnMut(&str, &RawValue),
) -> Result<(), serde_json::Error> {
    let mut json = Deserializer::from_str(object);
    json.deserialize_map(Members(each))?;
    json.end()
}

/// Calls `each` with the JSON of each of the first `most` items of the list, in order. Returns how many items there are.
pub(crate) fn items(
    list: &str,
    most: usize,
    each: impl FnMut(usize, &RawValue),
) -> Result<usize, serde_json::Error> {
    let mut json = Deserializer::from_str(list);
    let count = json.deserialize_seq(Items { most, each })?;
    json.end()?;
    Ok(count)
}

/// The text that the JSON is. None if it is something else.
pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, &RawValue)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            (self.0)(&name, map.next_value()?);
        }
        Ok(())
    }
}

struct Items<F> {
    most: usize,
    each: F,
}

impl<'de, F: FnMut(usize, &RawValue)> Visitor<'de> for Items<F> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while count < self.most {
            let Some(item) = list.next_element()? else { return Ok(count) };
            (self.each)(count, item);
            count += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}
