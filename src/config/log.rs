//! The section `log`: how the log is written.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::key::nearest;
use super::reader::ConfigReader;
use super::values::{ConfigValue, ToToml, quoted, text};
use crate::telemetry::audit::IdForm;
use crate::telemetry::logs::Format;

/// How the log is written.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The form of a line.
    pub format: Format,
    /// What is logged: directives that tracing-subscriber's `EnvFilter` parses.
    pub filter: String,
    /// How the audit log shows receivers and messages.
    pub audit_ids: IdForm,
}

impl LogConfig {
    pub(super) fn read(reader: &mut ConfigReader) -> Self {
        let mut section = reader.section(&["log"]);
        Self {
            format: section.with_default("format", format),
            filter: section.with_default("filter", filter),
            audit_ids: section.with_default("audit_ids", audit_ids),
        }
    }
}

fn format(value: &ConfigValue) -> Result<Format, String> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "text" => Ok(Format::Text),
        _ => Err("must be \"json\" or \"text\"".into()),
    }
}

impl ToToml for Format {
    fn to_toml(&self) -> String {
        match self {
            Self::Json => quoted(&"json"),
            Self::Text => quoted(&"text"),
        }
    }
}

fn filter(value: &ConfigValue) -> Result<String, String> {
    let filter = text(value)?;
    if let Some(word) = word_without_level(&filter) {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        let meant = nearest(word, levels).map(|it| format!(" (did you mean \"{it}\"?)"));
        return Err(format!(
            "contains a word that is not a level{}; a target needs a level: \"TARGET=debug\"",
            meant.unwrap_or_default()
        ));
    }
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err(
            "must be a level such as \"info\", or EnvFilter directives such as \"info,actix_web=warn\""
                .into(),
        ),
    }
}

/// The first word that is no level, and so names a target without one. `EnvFilter` takes such a word, logs
/// all of that target, and nothing else: a level with a typo would silence the log.
fn word_without_level(filter: &str) -> Option<&str> {
    let is_bare = |it: &&str| !it.is_empty() && !it.contains(['=', '[', '{', ']', '}']);
    let mut words = filter.split(',').map(str::trim).filter(is_bare);
    words.find(|word| word.parse::<LevelFilter>().is_err())
}

fn audit_ids(value: &ConfigValue) -> Result<IdForm, String> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "hashed" => Ok(IdForm::Hashed),
        "plain" => Ok(IdForm::Plain),
        _ => Err("must be \"hashed\" or \"plain\"".into()),
    }
}

impl ToToml for IdForm {
    fn to_toml(&self) -> String {
        match self {
            Self::Hashed => quoted(&"hashed"),
            Self::Plain => quoted(&"plain"),
        }
    }
}
