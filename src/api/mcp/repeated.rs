//! A member that JSON has twice. Parsers keep one of the two, and not all the same one: what a client has shown a person
//! is then not what is sent.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The name of the first member that an object of this JSON has twice. None if there is none before the JSON's end, or
/// before what is no JSON.
pub(super) fn repeated_member(json: &[u8]) -> Option<String> {
    let mut repeated = None;
    let mut json = serde_json::Deserializer::from_slice(json);
    // Who reads the JSON after this says what is wrong with it.
    let _ = Search(&mut repeated).deserialize(&mut json);
    repeated
}

/// The name of a member, as it is in the JSON where that is possible.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Searches a value, and all within it.
struct Search<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(Search(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(Name(name)) = members.next_key()? {
            members.next_value_seed(Search(self.0))?;
            if let Some(name) = names.replace(name) {
                self.0.get_or_insert_with(|| name.into_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_found_wherever_it_is_and_however_it_is_written() {
        for json in [
            r#"{"a": 1, "b": [], "a": 2}"#,
            r#"[1, {"x": {"a": null, "\u0061": true}}]"#,
            r#"{"x": [{"a": "1"}, {"a": -1.5, "a": 1e9}]}"#,
            r#"{"a": 1, "a": 2, "b": 3, "b": 4}"#,
        ] {
            assert_eq!(repeated_member(json.as_bytes()).as_deref(), Some("a"), "{json}");
        }
    }

    #[test]
    fn the_same_name_in_two_objects_is_no_repetition_and_what_is_no_json_is_left_to_others() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        for json in [r#"{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}"#, "1", "", r#"{"a""#, &deep] {
            assert_eq!(repeated_member(json.as_bytes()), None, "{}", &json[..json.len().min(30)]);
        }
    }
}
