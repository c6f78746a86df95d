//! What Feishu says, piece by piece. Each piece is bounded in length and kind where it is read, and one
//! that cannot be read spoils no other.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use url::Url;

/// Longest text for people.
pub(super) const LONGEST_TEXT: usize = 1000;
const LONGEST_LOG_ID: usize = 128;
const LONGEST_LINK: usize = 1000;

/// The members of these names of a JSON object, as they stand there; none if it is no object. One that is
/// there twice, and not twice the same, is as if it were not.
pub(super) fn members<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    read(json, Members(names))
}

/// The first items of a JSON list, as they stand there; none if it is no list.
pub(super) fn items(json: &RawValue, most: usize) -> Option<Vec<&RawValue>> {
    read(json.get(), Items(most))
}

/// A JSON text.
pub(super) fn text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// Words for people. Where they are no text, they are shown as they stand there.
pub(super) fn words(json: &RawValue) -> String {
    match serde_json::from_str::<Option<String>>(json.get()) {
        Ok(words) => line(&words.unwrap_or_default(), LONGEST_TEXT),
        Err(_) => line(json.get(), LONGEST_TEXT),
    }
}

/// A text as one line of at most `longest` characters, without any that change how others are shown.
pub(super) fn line(text: &str, longest: usize) -> String {
    let text = text.trim_matches(|it: char| it.is_whitespace() || is_odd(it));
    let cut = text.char_indices().nth(longest).map(|(at, _)| at);
    let shown = &text[..cut.unwrap_or(text.len())];
    let mut line: String = shown.chars().map(|it| if is_odd(it) { ' ' } else { it }).collect();
    if cut.is_some() {
        line.push('…');
    }
    line
}

/// Controls, ends of lines, marks of no width and changes of direction.
fn is_odd(it: char) -> bool {
    it.is_control()
        || matches!(
            it,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// A whole number, also one that is a text or has a fraction of zero. One beyond 64 bits becomes the
/// largest or the smallest of these.
pub(super) fn whole_number(json: &RawValue) -> Option<i64> {
    let text = text(json);
    let digits = text.as_deref().unwrap_or(json.get()).trim();
    if let Ok(number) = digits.parse() {
        return Some(number);
    }
    let number: f64 = digits.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and the cast saturates")]
    (number.fract() == 0.0).then_some(number as i64)
}

/// An id for Feishu's support, which becomes a header and a field of the log.
pub(super) fn log_id(text: &str) -> Option<String> {
    let is_usual = |it: u8| it.is_ascii_alphanumeric() || b"-_.:+/=".contains(&it);
    let is_id = (1..=LONGEST_LOG_ID).contains(&text.len()) && text.bytes().all(is_usual);
    is_id.then(|| text.to_owned())
}

/// The link in a text; Feishu puts some words before it.
pub(super) fn link(text: &str) -> Option<String> {
    let begin = text.find("https://").or_else(|| text.find("http://"))?;
    let link =
        text[begin..].split(|it: char| it.is_whitespace() || is_odd(it) || "\"'<>".contains(it));
    let link = link.into_iter().next()?;
    let is_link = link.len() <= LONGEST_LINK && Url::parse(link).is_ok_and(|url| url.has_host());
    is_link.then(|| link.to_owned())
}

fn read<'a, T>(json: &'a str, seed: impl DeserializeSeed<'a, Value = T>) -> Option<T> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = seed.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

struct Members<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        let mut contradicts = [false; N];
        // Names and values are taken as they stand there, which takes neither memory nor depth.
        while let Some(name) = map.next_key::<&RawValue>()? {
            let Some(at) = self.0.iter().position(|known| is_name(name, known)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: &RawValue = map.next_value()?;
            let before = found[at].replace(value);
            contradicts[at] |= before.is_some_and(|it| it.get() != value.get());
        }
        for (value, contradicts) in found.iter_mut().zip(contradicts) {
            value.take_if(|_| contradicts);
        }
        Ok(found)
    }
}

fn is_name(json: &RawValue, name: &str) -> bool {
    let quoted = json.get();
    let bare = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    bare == Some(name) || (quoted.contains('\\') && text(json).is_some_and(|it| it == name))
}

struct Items(usize);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut first = Vec::new();
        while first.len() < self.0 {
            let Some(item) = list.next_element()? else {
                return Ok(first);
            };
            first.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}
