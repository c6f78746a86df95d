//! What files and variables set, before any of it has a type.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value as Toml};

use super::error::ConfigError;
use super::key::Key;
use super::values::ConfigValue;

const VARIABLE_PREFIX: &str = "GATEWAY__";

/// What the defaults, a file and variables set, by key, and the errors that were found in it.
#[derive(Default)]
pub(super) struct Sources {
    defaults: BTreeMap<Key, ConfigValue>,
    set: BTreeMap<Key, Setting>,
    errors: Vec<(Key, ConfigError)>,
}

struct Setting {
    value: ConfigValue,
    origin: Origin,
}

/// Where a value comes from.
enum Origin {
    File(Arc<str>),
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {path}"),
            Self::Variable(name) => write!(f, "in the variable {name}"),
        }
    }
}

impl Sources {
    /// The defaults alone, in TOML.
    ///
    /// # Panics
    /// If `defaults` is not TOML: it is compiled in, and a test reads it.
    pub(super) fn with_defaults(defaults: &str) -> Self {
        let defaults = parse_toml(defaults).expect("the compiled-in defaults are TOML");
        Self { defaults: defaults.into_iter().collect(), ..Self::default() }
    }

    /// Adds the TOML in `content`, which the file `path` holds.
    pub(super) fn add_file(&mut self, path: &Path, content: &[u8]) -> Result<(), ConfigError> {
        let path = shown(path);
        for (key, value) in parse_file(&path, content)? {
            self.add(key, value, &path);
        }
        Ok(())
    }

    /// The TOML in `content`, which the file `path` holds, as if it stood under `section`: one `Sources` for
    /// each name that follows the section.
    ///
    /// They stay apart because a file may have 100 000 names, and each is read and checked by itself.
    pub(super) fn by_name(
        path: &Path,
        content: &[u8],
        section: &str,
    ) -> Result<BTreeMap<String, Self>, ConfigError> {
        let path = shown(path);
        let mut names: BTreeMap<String, Self> = BTreeMap::new();
        for (mut key, value) in parse_file(&path, content)? {
            // `[keys.NAME]` is taken as `[NAME]` is, so that an entry of the configuration can be moved here.
            let is_whole =
                key.len() > 2 || matches!((&key[..], &value), ([_, _], ConfigValue::EmptyTable));
            if !(is_whole && key[0] == section) {
                key.insert(0, section.to_owned());
            }
            names.entry(key[1].clone()).or_default().add(key, value, &path);
        }
        Ok(names)
    }

    fn add(&mut self, key: Key, value: ConfigValue, path: &Arc<str>) {
        if self.set.contains_key(&key) {
            self.add_error(&key, "is set twice");
        }
        self.set.insert(key, Setting { value, origin: Origin::File(Arc::clone(path)) });
    }

    /// Adds what the variables `GATEWAY__SECTION__KEY` set. Other variables are not the gateway's.
    pub(super) fn add_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            // Kubernetes sets GATEWAY_PORT, GATEWAY_SERVICE_HOST and others for a service that is called
            // gateway, and GATEWAY_CONFIG names the file: only two underscores make a key.
            let Some((prefix, path)) = name.split_at_checked(VARIABLE_PREFIX.len()) else {
                continue;
            };
            if !prefix.eq_ignore_ascii_case(VARIABLE_PREFIX) {
                self.check_underscores(&name);
                continue;
            }
            let key = self.spelled_as_set(path.to_ascii_lowercase().split("__"));
            if let Some(Origin::Variable(_)) = self.set.get(&key).map(|other| &other.origin) {
                self.add_error(&key, format!("is also set by the variable {name}"));
                continue;
            }
            let (value, origin) = (ConfigValue::text(&value), Origin::Variable(name));
            self.set.insert(key, Setting { value, origin });
        }
    }

    /// Refuses a variable that would set a key if it had two underscores wherever it has one.
    fn check_underscores(&mut self, name: &str) {
        let joined = |key: &Key| format!("gateway_{}", key.join("_"));
        let meant = self.defaults.keys().find(|key| name.eq_ignore_ascii_case(&joined(key)));
        if let Some(key) = meant.cloned() {
            let right = format!("{VARIABLE_PREFIX}{}", key.join("__").to_uppercase());
            let detail =
                format!("is not read from the variable {name}: the variable's name is {right}");
            self.add_error(&key, detail);
        }
    }

    /// The key of a variable, with the name of its app or caller spelled as the file spells it: the names of
    /// variables are read without regard to case, the names of apps and callers are not.
    fn spelled_as_set<'a>(&self, segments: impl Iterator<Item = &'a str>) -> Key {
        let mut key: Key = segments.map(str::to_owned).collect();
        let [section, name, ..] = key.as_mut_slice() else {
            return key;
        };
        let names = self.set.keys().filter_map(|other| match other.as_slice() {
            [other_section, other_name, ..] if other_section == section => Some(other_name),
            _ => None,
        });
        let same = names.filter(|other| other.eq_ignore_ascii_case(name));
        if let Some(spelled) = same.max_by_key(|other| *other == name) {
            name.clone_from(spelled);
        }
        key
    }

    /// The value that a file or a variable sets at `key`.
    pub(super) fn get(&self, key: &Key) -> Option<&ConfigValue> {
        self.set.get(key).map(|setting| &setting.value)
    }

    /// All keys that files and variables set, with their values.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Key, &ConfigValue)> {
        self.set.iter().map(|(key, setting)| (key, &setting.value))
    }

    /// The default of `key`, if it has one.
    pub(super) fn default_of(&self, key: &Key) -> Option<&ConfigValue> {
        self.defaults.get(key)
    }

    /// All keys that have a default.
    pub(super) fn keys_with_default(&self) -> impl Iterator<Item = &Key> {
        self.defaults.keys()
    }

    /// The names of the tables that are set in `section`.
    pub(super) fn names(&self, section: &str) -> BTreeSet<String> {
        let is_in_table = |key: &Key, value: &ConfigValue| {
            key.len() > 2 || key.len() == 2 && matches!(value, ConfigValue::EmptyTable)
        };
        self.all()
            .filter(|(key, value)| key[0] == section && is_in_table(key, value))
            .map(|(key, _)| key[1].clone())
            .collect()
    }

    /// Records what is wrong at `key`, with the file or the variable that sets it.
    pub(super) fn add_error(&mut self, key: &Key, detail: impl Into<String>) {
        let detail = detail.into();
        let detail = match self.set.get(key) {
            Some(Setting { origin, .. }) => format!("{detail} ({origin})"),
            None => detail,
        };
        self.errors.push((key.clone(), ConfigError::at(key, detail)));
    }

    /// Whether an error was recorded at `key`.
    pub(super) fn is_wrong(&self, key: &Key) -> bool {
        self.errors.iter().any(|(wrong, _)| wrong == key)
    }

    /// All errors, by key.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        let mut errors: Vec<_> = self.errors.into_iter().map(|(_, error)| error).collect();
        errors.sort_by(|one, other| one.key.cmp(&other.key));
        errors
    }
}

fn shown(path: &Path) -> Arc<str> {
    path.display().to_string().into()
}

/// The keys and values in what the file `path` holds.
fn parse_file(path: &str, content: &[u8]) -> Result<Vec<(Key, ConfigValue)>, ConfigError> {
    str::from_utf8(content)
        .map_err(|_| "is not valid UTF-8".into())
        .and_then(|text| parse_toml(text.strip_prefix('\u{feff}').unwrap_or(text)))
        .map_err(|detail| ConfigError { key: path.to_owned(), detail })
}

/// The keys in `text` with their values, or what is wrong with it and at which line.
pub(super) fn parse_toml(text: &str) -> Result<Vec<(Key, ConfigValue)>, String> {
    let table: Table = text.parse().map_err(|error| without_excerpt(text, &error))?;
    let mut values = Vec::new();
    for (name, value) in table {
        flatten(vec![name], value, &mut values);
    }
    Ok(values)
}

/// The parser's message. Its `Display` shows the line as well, and the line may hold a secret.
fn without_excerpt(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    format!("is not valid TOML at line {line}: {}", error.message())
}

fn flatten(key: Key, value: Toml, values: &mut Vec<(Key, ConfigValue)>) {
    match value {
        Toml::Table(table) if !table.is_empty() => {
            for (name, value) in table {
                let key = key.iter().cloned().chain([name]).collect();
                flatten(key, value, values);
            }
        }
        value => values.push((key, as_written(value))),
    }
}

fn as_written(value: Toml) -> ConfigValue {
    match value {
        Toml::Table(table) if table.is_empty() => ConfigValue::EmptyTable,
        Toml::String(text) => ConfigValue::text(&text),
        Toml::Integer(number) => ConfigValue::Integer(number),
        Toml::Boolean(flag) => ConfigValue::Boolean(flag),
        // A time means the same with and without quotes.
        Toml::Datetime(time) => ConfigValue::Text(time.to_string()),
        Toml::Array(values) => ConfigValue::List(values.into_iter().map(as_written).collect()),
        Toml::Float(_) | Toml::Table(_) => ConfigValue::Other,
    }
}
