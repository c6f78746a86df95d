//! What was set, by key and before it has a type, and the mistakes found in it.

mod unknown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::Mistake;
use super::key::{Key, dotted, is_name, owned};
use super::toml::parse_toml;
use super::values::Value;

const VARIABLE_PREFIX: &str = "GATEWAY__";

/// What files and variables set, to be taken out key by key with the type that the key needs.
///
/// A wrong value is recorded as a mistake and reading goes on, so that all mistakes are found in
/// one go; [`Settings::mistakes`] adds what nobody asked for.
#[derive(Default)]
pub(super) struct Settings {
    defaults: BTreeMap<Key, Value>,
    set: BTreeMap<Key, Setting>,
    asked: BTreeSet<Key>,
    mistakes: Vec<Mistake>,
    wrong: BTreeSet<Key>,
}

struct Setting {
    value: Value,
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

impl Settings {
    /// Settings of which nothing is set; what is not set is as `defaults`, in TOML, says.
    ///
    /// # Panics
    /// If `defaults` is not TOML: it is compiled in, and a test reads it.
    pub(super) fn with_defaults(defaults: &str) -> Self {
        let defaults = parse_toml(defaults).expect("the compiled-in defaults are TOML");
        Self {
            asked: defaults.iter().map(|(key, _)| key.clone()).collect(),
            defaults: defaults.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Adds the TOML in `content`, which the file `path` holds.
    pub(super) fn add_file(&mut self, path: &Path, content: &[u8]) -> Result<(), Mistake> {
        let path = shown(path);
        for (key, value) in read(&path, content)? {
            self.add(key, value, &path);
        }
        Ok(())
    }

    /// The TOML in `content`, which the file `path` holds, as if it stood under `section`: by the name that
    /// follows the section, as there may be very many.
    pub(super) fn of_tables(
        path: &Path,
        content: &[u8],
        section: &str,
    ) -> Result<BTreeMap<String, Self>, Mistake> {
        let path = shown(path);
        let mut tables: BTreeMap<String, Self> = BTreeMap::new();
        for (mut key, value) in read(&path, content)? {
            // An entry of the section may stand as it does in the configuration, with its name.
            let is_whole =
                key.len() > 2 || matches!((&key[..], &value), ([_, _], Value::EmptyTable));
            if !(is_whole && key[0] == section) {
                key.insert(0, section.to_owned());
            }
            tables.entry(key[1].clone()).or_default().add(key, value, &path);
        }
        Ok(tables)
    }

    fn add(&mut self, key: Key, value: Value, path: &Arc<str>) {
        if self.set.contains_key(&key) {
            self.add_mistake(&key, "is there twice".into());
        }
        self.set.insert(key, Setting { value, origin: Origin::File(Arc::clone(path)) });
    }

    /// Sets what the variables `GATEWAY__SECTION__KEY` say; other variables are none of our business.
    ///
    /// Two underscores leave alone `GATEWAY_CONFIG` and what Kubernetes sets for a service that is
    /// called gateway (`GATEWAY_PORT`, `GATEWAY_SERVICE_HOST`, …).
    pub(super) fn add_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            let Some((prefix, path)) = name.split_at_checked(VARIABLE_PREFIX.len()) else {
                continue;
            };
            if !prefix.eq_ignore_ascii_case(VARIABLE_PREFIX) {
                self.check_underscores(&name);
                continue;
            }
            let key = self.spelled_as_set(path.to_ascii_lowercase().split("__"));
            if let Some(Origin::Variable(_)) = self.set.get(&key).map(|other| &other.origin) {
                let detail = format!("is set by the variable {name} as well");
                self.add_mistake(&key, detail);
                continue;
            }
            let (value, origin) = (Value::text(&value), Origin::Variable(name));
            self.set.insert(key, Setting { value, origin });
        }
    }

    /// A variable that would be a key's, were each of its underscores that part segments two, is meant for us.
    fn check_underscores(&mut self, name: &str) {
        let joined = |key: &Key| format!("gateway_{}", key.join("_"));
        let meant = self.defaults.keys().find(|key| name.eq_ignore_ascii_case(&joined(key)));
        if let Some(key) = meant.cloned() {
            let right = format!("{VARIABLE_PREFIX}{}", key.join("__").to_uppercase());
            let detail = format!("is not read from the variable {name}: its name is {right}");
            self.add_mistake(&key, detail);
        }
    }

    /// The key of a variable, with the name of its app or caller spelled as the file spells it:
    /// variables know no case, names do.
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

    /// Whether anything is set at `key`, right or wrong.
    pub(super) fn is_set(&self, key: &[&str]) -> bool {
        self.set.contains_key(&owned(key))
    }

    /// The value at `key`, if it is set and right.
    pub(super) fn optional<T>(
        &mut self,
        key: &[&str],
        parse: fn(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let owned = owned(key);
        let result = self.set.get(&owned).map(|setting| parse(&setting.value));
        self.asked.insert(owned);
        match result? {
            Ok(value) => Some(value),
            Err(detail) => {
                self.mistake(key, detail);
                None
            }
        }
    }

    /// The value at `key`, if it is right; that it is missing is a mistake.
    pub(super) fn required<T>(
        &mut self,
        key: &[&str],
        parse: fn(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.is_set(key) {
            self.mistake(key, "is missing");
        }
        self.optional(key, parse)
    }

    /// The value at `key`, or its default where it is not set or wrong.
    ///
    /// # Panics
    /// If the default is missing or wrong: it is compiled in, and a test reads it.
    pub(super) fn or_default<T>(
        &mut self,
        key: &[&str],
        parse: fn(&Value) -> Result<T, String>,
    ) -> T {
        self.optional(key, parse).unwrap_or_else(|| {
            let default = &self.defaults[&owned(key)];
            parse(default).expect("the compiled-in defaults are right")
        })
    }

    /// The names of the tables in `section`, right or wrong: a wrong one is a mistake.
    pub(super) fn names(&mut self, section: &str) -> BTreeSet<String> {
        let names: BTreeSet<String> = self
            .set
            .iter()
            .filter(|(key, setting)| key[0] == section && is_in_table(key, &setting.value))
            .map(|(key, _)| key[1].clone())
            .collect();
        self.asked.insert(vec![section.into()]);
        for name in &names {
            self.asked.insert(vec![section.into(), name.clone()]);
            if !is_name(name) {
                self.mistake(
                    &[section, name],
                    "must be named with 1 to 64 letters, digits, `_`, `-` or `.`",
                );
            }
        }
        names
    }

    /// Records that what is at `key` is wrong.
    pub(super) fn mistake(&mut self, key: &[&str], detail: impl Into<String>) {
        self.add_mistake(&owned(key), detail.into());
    }

    /// Records a mistake at the first of two keys unless `holds`, or one of the two is wrong
    /// already: then nobody knows what it was meant to be.
    pub(super) fn rule(&mut self, keys: [&[&str]; 2], holds: bool, detail: String) {
        if !holds && !keys.iter().any(|key| self.wrong.contains(&owned(key))) {
            self.mistake(keys[0], detail);
        }
    }

    fn add_mistake(&mut self, key: &Key, detail: String) {
        let detail = match self.set.get(key) {
            Some(Setting { origin, .. }) => format!("{detail} ({origin})"),
            None => detail,
        };
        self.wrong.insert(key.clone());
        self.mistakes.push(Mistake { key: dotted(key), detail });
    }

    /// All mistakes, by key; those among them that nobody asked for: unknown keys.
    pub(super) fn mistakes(mut self) -> Vec<Mistake> {
        let unknown: Vec<(Key, String)> = self
            .set
            .iter()
            .filter_map(|(key, setting)| Some((key.clone(), self.not_asked(key, &setting.value)?)))
            .collect();
        for (key, detail) in unknown {
            self.add_mistake(&key, detail);
        }
        self.mistakes.sort_by(|one, other| one.key.cmp(&other.key));
        self.mistakes
    }
}

fn shown(path: &Path) -> Arc<str> {
    path.display().to_string().into()
}

/// The keys and values in what a file holds.
fn read(path: &str, content: &[u8]) -> Result<Vec<(Key, Value)>, Mistake> {
    str::from_utf8(content)
        .map_err(|_| "is not valid UTF-8".into())
        .and_then(|text| parse_toml(text.strip_prefix('\u{feff}').unwrap_or(text)))
        .map_err(|detail| Mistake { key: path.to_owned(), detail })
}

fn is_in_table(key: &[String], value: &Value) -> bool {
    key.len() > 2 || key.len() == 2 && matches!(value, Value::EmptyTable)
}
