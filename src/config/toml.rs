//! From TOML text to keys and values: the one place that knows the parser.

use config::{ConfigError, File, FileFormat, Source, ValueKind};

use super::key::Key;
use super::values::Value;

/// The keys in `text` with their values, or what is wrong with it and where, without an excerpt.
pub(super) fn parse_toml(text: &str) -> Result<Vec<(Key, Value)>, String> {
    let table = File::from_str(text, FileFormat::Toml).collect().map_err(without_excerpt)?;
    let mut values = Vec::new();
    for (name, value) in table {
        flatten(vec![name], value.kind, &mut values);
    }
    Ok(values)
}

/// What is wrong with a TOML text and where. The parser's message shows the line too, which may
/// hold a secret, between a first line that says where and a last one that says what.
fn without_excerpt(error: ConfigError) -> String {
    let message = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    match (message.lines().next(), message.lines().last()) {
        (Some(place), Some(reason)) if place != reason => format!("{place}: {reason}"),
        _ => message,
    }
}

fn flatten(key: Key, value: ValueKind, values: &mut Vec<(Key, Value)>) {
    let value = match value {
        ValueKind::Table(table) if !table.is_empty() => {
            for (name, value) in table {
                let key = key.iter().cloned().chain([name]).collect();
                flatten(key, value.kind, values);
            }
            return;
        }
        ValueKind::Table(_) => Value::EmptyTable,
        ValueKind::String(text) => Value::Text(text),
        ValueKind::I64(number) => Value::Integer(number),
        ValueKind::Boolean(flag) => Value::Boolean(flag),
        _ => Value::Other,
    };
    values.push((key, value));
}
