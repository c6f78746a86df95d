//! From TOML text to keys and values: the one place that knows the parser.

use toml::{Table, Value as Toml};

use super::key::Key;
use super::values::Value;

/// The keys in `text` with their values, or what is wrong with it and where.
pub(super) fn parse_toml(text: &str) -> Result<Vec<(Key, Value)>, String> {
    let table: Table = text.parse().map_err(|error| without_excerpt(text, &error))?;
    let mut values = Vec::new();
    for (name, value) in table {
        flatten(vec![name], value, &mut values);
    }
    Ok(values)
}

/// The parser's own text shows the line as well, which may hold a secret.
fn without_excerpt(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    format!("is not valid TOML at line {line}: {}", error.message())
}

fn flatten(key: Key, value: Toml, values: &mut Vec<(Key, Value)>) {
    match value {
        Toml::Table(table) if !table.is_empty() => {
            for (name, value) in table {
                let key = key.iter().cloned().chain([name]).collect();
                flatten(key, value, values);
            }
        }
        value => values.push((key, written(value))),
    }
}

fn written(value: Toml) -> Value {
    match value {
        Toml::Table(table) if table.is_empty() => Value::EmptyTable,
        Toml::String(text) => Value::text(&text),
        Toml::Integer(number) => Value::Integer(number),
        Toml::Boolean(flag) => Value::Boolean(flag),
        // A date reads the same with and without quotes.
        Toml::Datetime(date) => Value::Text(date.to_string()),
        Toml::Array(values) => Value::List(values.into_iter().map(written).collect()),
        Toml::Float(_) | Toml::Table(_) => Value::Other,
    }
}
