//! Dotted keys and the names in them.

use strsim::osa_distance;

/// The segments of a dotted key. They stay apart, because the name of an app may hold a dot.
pub(super) type Key = Vec<String>;

/// Longest segment that is shown whole, in characters. No segment of a valid key is longer.
const LONGEST_SHOWN: usize = 64;

pub(super) fn owned(key: &[&str]) -> Key {
    key.iter().map(|segment| (*segment).to_owned()).collect()
}

/// The key as TOML writes it: `apps.main.app_id`, `apps."main.cn".app_id`.
#[must_use]
pub fn dotted<S: AsRef<str>>(key: &[S]) -> String {
    let segments: Vec<String> = key.iter().map(|segment| quoted(segment.as_ref())).collect();
    segments.join(".")
}

fn quoted(segment: &str) -> String {
    let segment = match segment.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => &format!("{}…", &segment[..end]),
        None => segment,
    };
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !segment.is_empty() && segment.chars().all(is_bare) {
        return segment.to_owned();
    }
    format!("{segment:?}")
}

/// The one of `known` that somebody who wrote `word` is likely to have meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known = known.into_iter().filter(|it| it.len().abs_diff(word.len()) <= 2);
    let distances = known.map(|it| (osa_distance(word, it), it));
    let near = distances.filter(|(distance, it)| *distance <= 2 && distance * 2 < it.len());
    near.min_by_key(|(distance, _)| *distance).map(|(_, it)| it)
}

/// Whether an app or a caller may have this name: 1 to 64 ASCII letters, digits, `_`, `-` or `.`.
///
/// Logs, metrics and the names of variables contain the name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}
