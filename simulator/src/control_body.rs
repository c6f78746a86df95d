//! The bodies of requests to the control API, and of its answers.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Parses JSON. The error names the invalid field.
pub(crate) fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Value> {
    let mut reader = serde_json::Deserializer::from_str(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let whole = error.inner().is_syntax() || error.inner().is_eof();
        mistake(if whole { "." } else { &path }, &error.inner().to_string())
    })?;
    reader.end().map_err(|error| mistake(".", &error.to_string()))?;
    Ok(value)
}

/// The body of an answer about an invalid field. The field `.` means the whole body.
pub(crate) fn mistake(field: &str, detail: &str) -> Value {
    json!({"error": format!("{field}: {detail}"), "field": field})
}

/// The body of an answer that says nothing else.
pub(crate) fn done() -> Value {
    json!({"ok": true})
}
