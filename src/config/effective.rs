//! The configuration written back as TOML, as `config check` prints it.

use std::collections::BTreeSet;
use std::fmt;

use super::key::{Key, dotted};

/// The configuration as TOML, with every key, its defaults filled in and its secrets masked.
///
/// The text can be loaded as a configuration, though with a mask for each secret. A secret from a file is
/// shown as if it had been set itself. The API keys of `keys_file` are not in it.
#[derive(Debug, Clone, Default)]
pub struct Effective(Vec<ShownTable>);

#[derive(Debug, Clone)]
struct ShownTable {
    header: Key,
    lines: Vec<ShownLine>,
}

#[derive(Debug, Clone)]
struct ShownLine {
    /// What stands before the name: nothing, or the mark of a comment.
    mark: &'static str,
    name: &'static str,
    value: String,
}

/// The mark of a comment.
const COMMENT: &str = "# ";

impl Effective {
    /// Begins a table. The root of the document has an empty header.
    pub(super) fn begin(&mut self, header: Key) {
        self.0.push(ShownTable { header, lines: Vec::new() });
    }

    /// Adds a key with its value as TOML to the table that was begun last.
    pub(super) fn add(&mut self, name: &'static str, value: String) {
        self.add_line(ShownLine { mark: "", name, value });
    }

    /// Adds a key that is not set, as a comment: TOML has no value that means `never` or `all`.
    pub(super) fn add_unset(&mut self, name: &'static str, meaning: &str) {
        self.add_line(ShownLine { mark: COMMENT, name, value: meaning.to_owned() });
    }

    fn add_line(&mut self, line: ShownLine) {
        if let Some(table) = self.0.last_mut() {
            table.lines.push(line);
        }
    }

    /// Takes away the table that was begun last.
    pub(super) fn drop_last(&mut self) {
        self.0.pop();
    }

    /// Adds the tables of `other` behind these.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The dotted keys, without those of API keys and of secrets, that have another value in `other`.
    #[must_use]
    pub fn changed(&self, other: &Self) -> BTreeSet<String> {
        let (one, other) = (self.settings(), other.settings());
        one.symmetric_difference(&other).map(|(key, _)| key.clone()).collect()
    }

    /// Each dotted key with its value, without `keys_file` and the API keys. All secrets have one mask.
    fn settings(&self) -> BTreeSet<(String, &str)> {
        let mut settings = BTreeSet::new();
        for ShownTable { header, lines } in &self.0 {
            for ShownLine { name, value, .. } in lines {
                let mut key: Vec<&str> = header.iter().map(String::as_str).collect();
                key.push(name);
                if !matches!(key[0], "keys" | "keys_file") {
                    settings.insert((dotted(&key), value.as_str()));
                }
            }
        }
        settings
    }

    /// These tables as comments, for the API keys of `keys_file`: the file sets them, and the configuration
    /// must not set them again.
    #[must_use]
    pub fn as_keys_file_comment(&self) -> String {
        let mut toml = format!("\n# keys_file has {} more API keys:\n", self.0.len());
        for line in self.to_string().lines() {
            let comment = line.strip_prefix(COMMENT).unwrap_or(line);
            toml += format!("{COMMENT}{comment}").trim_end();
            toml.push('\n');
        }
        toml
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ShownTable { header, lines } in &self.0 {
            if !header.is_empty() {
                writeln!(f, "\n[{}]", dotted(header))?;
            }
            for ShownLine { mark, name, value } in lines {
                writeln!(f, "{mark}{name} = {value}")?;
            }
        }
        Ok(())
    }
}
