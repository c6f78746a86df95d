//! From a value as it was written to the type that a key needs.
//!
//! No detail repeats the value: it may be a secret in the wrong place.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::model::api_key::{InvalidKeyHash, KeyHash};
use crate::model::policy::AllowedReceivers;
use crate::model::receiver::ReceiveIdType;
use crate::model::state_url::{InvalidStateUrl, StateUrl};
use crate::telemetry::audit::IdForm;
use crate::telemetry::logs::Format;

/// A value as it was written. Text stays text until a key asks for another type, so that a secret
/// of digits, or a variable, is not taken for a number. No `Debug`: it may be a secret.
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Value>),
    /// A table with nothing in it.
    EmptyTable,
    /// A number with a fraction, or a table in a list: no key takes one.
    Other,
}

impl Value {
    /// Text as a file or a variable holds it, without a byte order mark and white space around it.
    pub(super) fn text(written: &str) -> Self {
        Self::Text(written.strip_prefix('\u{feff}').unwrap_or(written).trim().to_owned())
    }
}

/// Longest text that any key takes, in bytes.
const LONGEST_TEXT: usize = 4096;
/// Longest duration that any key takes: far from where adding to a point in time overflows.
const LONGEST: Duration = Duration::from_hours(1);
/// Where Feishu and Lark have their API.
pub(super) const FEISHU_HOSTS: [&str; 2] = ["open.feishu.cn", "open.larksuite.com"];
/// Largest body that can be allowed, in bytes.
const LARGEST: u64 = bytesize::GIB;

pub(super) fn text(value: &Value) -> Result<String, String> {
    visible(value).and_then(unquoted).map(str::to_owned)
}

/// Text of which each character can be seen.
fn visible(value: &Value) -> Result<&str, String> {
    let Value::Text(text) = value else {
        return Err("must be text in quotes".into());
    };
    if text.is_empty() {
        return Err("must not be empty".into());
    }
    if text.len() > LONGEST_TEXT {
        return Err(format!("must hold at most {LONGEST_TEXT} bytes"));
    }
    if text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err("must hold no control characters and be valid UTF-8".into());
    }
    if text.chars().any(is_invisible) {
        return Err(
            "must hold no invisible characters (a page that it was copied from has some)".into()
        );
    }
    Ok(text)
}

/// Whether the character has no width or changes the direction of those around it.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Env files that docker, systemd and others read differ in what they do with quotes.
fn unquoted(text: &str) -> Result<&str, String> {
    let has_around = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if has_around('"') || has_around('\'') {
        return Err("must have no quotes around it: here they are a part of the value".into());
    }
    Ok(text)
}

/// `cli_` and hexadecimal digits today.
pub(super) fn app_id(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(
            "must be the app's id from the developer console: letters, digits and `_`".into()
        );
    }
    Ok(text)
}

/// Letters and digits today.
pub(super) fn app_secret(value: &Value) -> Result<SecretString, String> {
    let text = text(value)?;
    if !text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`')) {
        return Err(
            "must be the app's secret from the developer console: no white space, no quotes, ASCII"
                .into(),
        );
    }
    Ok(text.into())
}

/// A password may have whatever can be seen in it, quotes around it too.
pub(super) fn password(value: &Value) -> Result<SecretString, String> {
    visible(value).map(SecretString::from)
}

pub(super) fn path(value: &Value) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

pub(super) fn path_or_none(value: &Value) -> Result<Option<PathBuf>, String> {
    match value {
        Value::Text(text) if text.is_empty() => Ok(None),
        value => path(value).map(Some),
    }
}

pub(super) fn count(value: &Value) -> Result<NonZeroU32, String> {
    let count = match value {
        Value::Integer(number) => u32::try_from(*number).ok(),
        Value::Text(text) => unquoted(text)?.parse().ok(),
        _ => None,
    };
    count
        .and_then(NonZeroU32::new)
        .ok_or_else(|| format!("must be a whole number from 1 to {}", u32::MAX))
}

pub(super) fn size(value: &Value) -> Result<usize, String> {
    let bytes = match value {
        Value::Integer(bytes) => u64::try_from(*bytes).ok(),
        Value::Text(text) => unquoted(text)?.parse::<ByteSize>().ok().map(|size| size.as_u64()),
        _ => None,
    };
    bytes
        .filter(|bytes| (1..=LARGEST).contains(bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| "must be a size from 1 byte to 1GiB, such as \"64KiB\"".into())
}

pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    let Value::Text(text) = value else {
        return Err("must be a duration with its unit in quotes, such as \"5s\" or \"50ms\"".into());
    };
    humantime::parse_duration(unquoted(text)?).ok().filter(|duration| *duration <= LONGEST).ok_or_else(|| {
        "must be a duration with its unit, such as \"5s\", \"50ms\" or \"1m 30s\", at most \"1h\""
            .into()
    })
}

pub(super) fn positive_duration(value: &Value) -> Result<Duration, String> {
    match duration(value)? {
        Duration::ZERO => Err("must be longer than zero".into()),
        duration => Ok(duration),
    }
}

pub(super) fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(flag) => Ok(*flag),
        Value::Text(text) => match unquoted(text)?.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false".into()),
        },
        _ => Err("must be true or false".into()),
    }
}

pub(super) fn address(value: &Value) -> Result<SocketAddr, String> {
    text(value)?
        .parse()
        .map_err(|_| "must be an IP address and a port, such as \"[::]:8080\"".into())
}

fn http_url(value: &Value) -> Result<Url, String> {
    let url = Url::parse(&text(value)?)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or("must be a URL that starts with https:// or http://")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name and no password".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must hold no query and no fragment".into());
    }
    Ok(url)
}

pub(super) fn base_url(value: &Value) -> Result<Url, String> {
    let url = http_url(value)?;
    if url.path().contains("/open-apis") {
        return Err("must end before /open-apis, which each call adds".into());
    }
    if FEISHU_HOSTS.contains(&url.host_str().unwrap_or_default()) && url.path() != "/" {
        return Err("must be the host alone: Feishu's API begins with /open-apis there".into());
    }
    Ok(url)
}

pub(super) fn public_url_or_none(value: &Value) -> Result<Option<Url>, String> {
    match value {
        Value::Text(text) if text.is_empty() => Ok(None),
        value => http_url(value).map(Some),
    }
}

pub(super) fn state_url_or_none(value: &Value) -> Result<Option<StateUrl>, String> {
    match value {
        Value::Text(text) if text.is_empty() => Ok(None),
        value => text(value)?.parse().map(Some).map_err(|error: InvalidStateUrl| error.to_string()),
    }
}

/// Braces would change which part of a key decides where in a cluster it is.
pub(super) fn state_prefix(value: &Value) -> Result<String, String> {
    let prefix = text(value)?;
    if prefix.contains(['{', '}']) {
        return Err("must hold no braces".into());
    }
    Ok(prefix)
}

pub(super) fn hash(value: &Value) -> Result<KeyHash, String> {
    text(value)?.parse().map_err(|error: InvalidKeyHash| error.to_string())
}

pub(super) fn timestamp(value: &Value) -> Result<Timestamp, String> {
    text(value)?
        .parse()
        .map_err(|_| "must be a time as in RFC 3339, such as \"2030-01-01T00:00:00Z\"".into())
}

pub(super) fn receivers(value: &Value) -> Result<AllowedReceivers, String> {
    let patterns = texts(value)?;
    AllowedReceivers::parse(patterns.iter().map(String::as_str)).map_err(str::to_owned)
}

pub(super) fn receive_id_types(value: &Value) -> Result<Vec<ReceiveIdType>, String> {
    let types = texts(value)?;
    types.iter().map(|name| ReceiveIdType::parse(name).map_err(|it| it.en.into_owned())).collect()
}

/// A list of texts, or one text with commas between them: that is how a variable has a list.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let texts: Vec<String> = match value {
        Value::List(values) => values.iter().map(text).collect::<Result<_, _>>()?,
        value => text(value)?.split(',').map(|part| part.trim().to_owned()).collect(),
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err(
            "must hold one text or more, none of them empty; left out, it allows all".into()
        );
    }
    Ok(texts)
}

pub(super) fn log_format(value: &Value) -> Result<Format, String> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "text" => Ok(Format::Text),
        _ => Err("must be \"json\" or \"text\"".into()),
    }
}

pub(super) fn audit_ids(value: &Value) -> Result<IdForm, String> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "hashed" => Ok(IdForm::Hashed),
        "plain" => Ok(IdForm::Plain),
        _ => Err("must be \"hashed\" or \"plain\"".into()),
    }
}
