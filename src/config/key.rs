//! Dotted keys and the names in them.

/// The segments of a dotted key. They stay apart, as the name of an app may hold a dot.
pub(super) type Key = Vec<String>;

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
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !segment.is_empty() && segment.chars().all(is_bare) {
        return segment.to_owned();
    }
    format!("{segment:?}")
}

/// Whether `name` can be the name of an app or a caller: it stands in logs, metrics and variables.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}
