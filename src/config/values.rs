//! The types of values: how each is read from what was written, and how it is written back as TOML.
//!
//! What is wrong with a value never repeats it: it may be a secret in the wrong place.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use humantime::format_duration;
use secrecy::SecretString;
use url::Url;

/// A value as it was written. Text stays text until a row asks for another type, so that a secret of digits
/// is not taken for a number. It has no `Debug`, because it may be a secret.
pub(super) enum ConfigValue {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<ConfigValue>),
    /// A table with nothing in it.
    EmptyTable,
    /// A number with a fraction, or a table in a list: no key takes one.
    Other,
}

impl ConfigValue {
    /// The text in a file or a variable, without a byte order mark and white space around it.
    pub(super) fn text(written: &str) -> Self {
        Self::Text(written.strip_prefix('\u{feff}').unwrap_or(written).trim().to_owned())
    }
}

/// A value that `config check` can show.
pub(super) trait ToToml {
    /// The value as TOML. A secret is masked.
    fn to_toml(&self) -> String;
}

/// A TOML basic string. No text of a configuration holds a control character, so quotes and backslashes are
/// all that needs an escape.
pub(super) fn quoted(text: &impl Display) -> String {
    format!("\"{}\"", text.to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

/// A TOML array of basic strings.
pub(super) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// Reads an empty text as no value, and all else as `parse` does.
pub(super) fn or_none<T>(
    parse: impl Fn(&ConfigValue) -> Result<T, String>,
) -> impl Fn(&ConfigValue) -> Result<Option<T>, String> {
    move |value| match value {
        ConfigValue::Text(text) if text.is_empty() => Ok(None),
        value => parse(value).map(Some),
    }
}

impl<T: ToToml> ToToml for Option<T> {
    fn to_toml(&self) -> String {
        self.as_ref().map_or_else(|| quoted(&""), T::to_toml)
    }
}

/// Longest text that any key takes, in bytes.
const LONGEST_TEXT: usize = 4096;

/// Text that is not empty.
pub(super) fn text(value: &ConfigValue) -> Result<String, String> {
    visible(value).and_then(unquoted).map(str::to_owned)
}

/// Text of which each character can be seen.
fn visible(value: &ConfigValue) -> Result<&str, String> {
    let ConfigValue::Text(text) = value else {
        return Err("must be a string in quotes".into());
    };
    if text.is_empty() {
        return Err("must not be empty".into());
    }
    if text.len() > LONGEST_TEXT {
        return Err(format!("must have at most {LONGEST_TEXT} bytes"));
    }
    if text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err("must be valid UTF-8 without control characters".into());
    }
    if text.chars().any(is_invisible) {
        return Err(
            "must not contain invisible characters; text copied from a web page often does".into(),
        );
    }
    Ok(text)
}

/// Whether the character has no width or changes the direction of those around it.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Refuses quotes around a text: docker, systemd and others differ in whether they take them away when they
/// read an env file.
fn unquoted(text: &str) -> Result<&str, String> {
    let has_around = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if has_around('"') || has_around('\'') {
        return Err("must not have quotes around it: here, they are part of the value".into());
    }
    Ok(text)
}

impl ToToml for String {
    fn to_toml(&self) -> String {
        quoted(self)
    }
}

/// A password: any visible text, also with quotes around it.
pub(super) fn password(value: &ConfigValue) -> Result<SecretString, String> {
    visible(value).map(SecretString::from)
}

impl ToToml for SecretString {
    fn to_toml(&self) -> String {
        quoted(&"********")
    }
}

/// The path of a file.
pub(super) fn path(value: &ConfigValue) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

impl ToToml for PathBuf {
    fn to_toml(&self) -> String {
        quoted(&self.display())
    }
}

/// A whole number from 1 to `at_most`.
pub(super) fn count(at_most: u32) -> impl Fn(&ConfigValue) -> Result<NonZeroU32, String> {
    move |value| {
        let count = match value {
            ConfigValue::Integer(number) => u32::try_from(*number).ok(),
            ConfigValue::Text(text) => unquoted(text)?.parse().ok(),
            _ => None,
        };
        count
            .and_then(NonZeroU32::new)
            .filter(|count| count.get() <= at_most)
            .ok_or_else(|| format!("must be a whole number from 1 to {at_most}"))
    }
}

impl ToToml for NonZeroU32 {
    fn to_toml(&self) -> String {
        self.to_string()
    }
}

/// A number of bytes.
pub(super) struct SizeInBytes(pub(super) usize);

/// A size from 1 byte to 1 GiB.
pub(super) fn size(value: &ConfigValue) -> Result<SizeInBytes, String> {
    let bytes = match value {
        ConfigValue::Integer(bytes) => u64::try_from(*bytes).ok(),
        ConfigValue::Text(text) => {
            unquoted(text)?.parse::<ByteSize>().ok().map(|size| size.as_u64())
        }
        _ => None,
    };
    bytes
        .filter(|bytes| (1..=bytesize::GIB).contains(bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .map(SizeInBytes)
        .ok_or_else(|| "must be a size from 1 byte to 1GiB, such as \"64KiB\"".into())
}

impl ToToml for SizeInBytes {
    /// A whole number of KiB where it is one, else of bytes.
    fn to_toml(&self) -> String {
        if self.0.is_multiple_of(1024) {
            return quoted(&format!("{}KiB", self.0 / 1024));
        }
        self.0.to_string()
    }
}

/// A duration from zero to `at_most`.
pub(super) fn duration(at_most: Duration) -> impl Fn(&ConfigValue) -> Result<Duration, String> {
    move |value| {
        let ConfigValue::Text(text) = value else {
            return Err(
                "must be a duration with its unit in quotes, such as \"5s\" or \"50ms\"".into()
            );
        };
        let duration = humantime::parse_duration(unquoted(text)?).ok();
        duration.filter(|duration| *duration <= at_most).ok_or_else(|| {
            format!(
                "must be a duration with its unit, such as \"5s\", \"50ms\" or \"1m 30s\", at most {}",
                at_most.to_toml()
            )
        })
    }
}

/// A duration above zero and at most `at_most`.
pub(super) fn positive_duration(
    at_most: Duration,
) -> impl Fn(&ConfigValue) -> Result<Duration, String> {
    move |value| match duration(at_most)(value)? {
        Duration::ZERO => Err("must be longer than zero".into()),
        duration => Ok(duration),
    }
}

impl ToToml for Duration {
    fn to_toml(&self) -> String {
        quoted(&format_duration(*self))
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &ConfigValue) -> Result<bool, String> {
    match value {
        ConfigValue::Boolean(flag) => Ok(*flag),
        ConfigValue::Text(text) => match unquoted(text)?.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false".into()),
        },
        _ => Err("must be true or false".into()),
    }
}

impl ToToml for bool {
    fn to_toml(&self) -> String {
        self.to_string()
    }
}

/// An IP address and a port.
pub(super) fn address(value: &ConfigValue) -> Result<SocketAddr, String> {
    text(value)?
        .parse()
        .map_err(|_| "must be an IP address and a port, such as \"[::]:8080\"".into())
}

impl ToToml for SocketAddr {
    fn to_toml(&self) -> String {
        quoted(self)
    }
}

/// An http or https URL without credentials, query and fragment.
pub(super) fn http_url(value: &ConfigValue) -> Result<Url, String> {
    let url = Url::parse(&text(value)?)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or("must be a URL that starts with https:// or http://")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or a password".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or a fragment".into());
    }
    Ok(url)
}

impl ToToml for Url {
    fn to_toml(&self) -> String {
        quoted(self)
    }
}

/// Like [`texts`], but there may be none.
pub(super) fn any_texts(value: &ConfigValue) -> Result<Vec<String>, String> {
    match value {
        ConfigValue::List(none) if none.is_empty() => Ok(Vec::new()),
        ConfigValue::Text(none) if none.is_empty() => Ok(Vec::new()),
        value => texts(value),
    }
}

/// One text or more: a list, or one text with commas between them, which is how a variable holds a list.
pub(super) fn texts(value: &ConfigValue) -> Result<Vec<String>, String> {
    let texts: Vec<String> = match value {
        ConfigValue::List(values) => values.iter().map(text).collect::<Result<_, _>>()?,
        value => text(value)?.split(',').map(|part| part.trim().to_owned()).collect(),
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err(
            "must list at least one string, none of them empty; leave it out to allow all".into()
        );
    }
    Ok(texts)
}
