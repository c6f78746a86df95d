//! Reads Feishu's JSON leniently, member by member. Each member is bounded in length and kind where it is
//! read, and one that cannot be read spoils no other.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use url::Url;

/// Longest description, in characters.
pub(super) const LONGEST_TEXT: usize = 1000;
const LONGEST_LOG_ID: usize = 128;
const LONGEST_LINK: usize = 1000;

/// The named members of a JSON object, unparsed. None if the text is no object. A member that occurs twice
/// with different values counts as absent.
pub(super) fn members<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    read(json, MemberSeed(names))
}

/// The first items of a JSON list, unparsed. None if the value is no list.
pub(super) fn items(json: &RawValue, most: usize) -> Option<Vec<&RawValue>> {
    read(json.get(), ItemSeed(most))
}

/// A JSON text, which is copied only if some of it is escaped.
pub(super) fn text(json: &RawValue) -> Option<Cow<'_, str>> {
    let copied = |_| serde_json::from_str(json.get()).map(Cow::Owned);
    serde_json::from_str(json.get()).map(Cow::Borrowed).or_else(copied).ok()
}

/// A description for people. A value that is no string is shown as JSON.
pub(super) fn words(json: &RawValue) -> String {
    match serde_json::from_str::<Option<String>>(json.get()) {
        Ok(words) => line(&words.unwrap_or_default(), LONGEST_TEXT),
        Err(_) => line(json.get(), LONGEST_TEXT),
    }
}

/// A text as one line of at most `longest` characters, without characters that change how others are shown.
pub(crate) fn line(text: &str, longest: usize) -> String {
    // Nearly every text is an id, and bytes are looked through faster than characters.
    if text.len() <= longest && text.bytes().all(|it| it.is_ascii_graphic()) {
        return text.to_owned();
    }
    let text = text.trim_matches(|it: char| it.is_whitespace() || is_odd(it));
    let cut = text.char_indices().nth(longest).map(|(at, _)| at);
    let shown = &text[..cut.unwrap_or(text.len())];
    let mut line: String = shown.chars().map(|it| if is_odd(it) { ' ' } else { it }).collect();
    if cut.is_some() {
        line.push('…');
    }
    line
}

/// Control characters, line ends, zero-width characters and changes of direction.
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

/// A whole number. It may be written as a string, or with a fraction of zero. A number beyond 64 bits becomes
/// the largest or the smallest of 64 bits.
pub(super) fn whole_number(json: &RawValue) -> Option<i64> {
    let digits = json.get().trim_matches('"').trim();
    if let Ok(number) = digits.parse() {
        return Some(number);
    }
    let number: f64 = digits.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and the cast saturates")]
    (number.fract() == 0.0).then_some(number as i64)
}

/// A log id, which becomes a header and a log field.
pub(super) fn log_id(text: &str) -> Option<String> {
    let is_usual = |it: u8| it.is_ascii_alphanumeric() || b"-_.:+/=".contains(&it);
    let is_id = (1..=LONGEST_LOG_ID).contains(&text.len()) && text.bytes().all(is_usual);
    is_id.then(|| text.to_owned())
}

/// The link in a text. Feishu puts some words before it.
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

struct MemberSeed<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for MemberSeed<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for MemberSeed<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        let mut contradicts = [false; N];
        // Unparsed names and values take neither memory nor recursion.
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

struct ItemSeed(usize);

impl<'de> DeserializeSeed<'de> for ItemSeed {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed {
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
