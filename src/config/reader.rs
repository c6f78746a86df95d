//! Reads a configuration, one row for a key.
//!
//! A row names the key and says how its value is read and what bounds it. All else follows from the row:
//! the key is known, a wrong value is recorded as an error with its source, and `config check` shows the
//! value.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::PathBuf;

use super::effective::Effective;
use super::error::ConfigError;
use super::files::read_secret;
use super::key::{Key, dotted, is_name, nearest, owned};
use super::sources::Sources;
use super::values::{ConfigValue, ToToml, path};

/// Takes values out of [`Sources`], section by section.
///
/// A wrong value is recorded as an error and reading goes on, so that one run finds all errors.
/// [`ConfigReader::finish`] returns them, with those of keys that no row has read: unknown keys.
pub(super) struct ConfigReader {
    sources: Sources,
    /// The keys and sections that rows have read, whether they are set or not.
    known: BTreeSet<Key>,
    /// The sections that hold a table for each name.
    named: BTreeSet<String>,
    effective: Effective,
}

impl ConfigReader {
    pub(super) fn new(sources: Sources) -> Self {
        let (known, named) = (BTreeSet::new(), BTreeSet::new());
        Self { sources, known, named, effective: Effective::default() }
    }

    /// The section at `path`, such as `["apps", "main"]`; the empty path is the root of the document.
    pub(super) fn section(&mut self, path: &[&str]) -> Section<'_> {
        self.effective.begin(owned(path));
        Section { path: owned(path), reader: self }
    }

    /// The names of the tables in `section`, such as `apps`. A name that is not allowed is an error.
    pub(super) fn names(&mut self, section: &str) -> BTreeSet<String> {
        self.named.insert(section.to_owned());
        self.known.insert(owned(&[section]));
        let names = self.sources.names(section);
        for name in &names {
            self.known.insert(owned(&[section, name]));
            if !is_name(name) {
                let detail = "must have a name of 1 to 64 letters, digits, `_`, `-` or `.`";
                self.error(&[section, name], detail);
            }
        }
        names
    }

    /// Records what is wrong at `key`.
    pub(super) fn error(&mut self, key: &[&str], detail: impl Into<String>) {
        self.sources.add_error(&owned(key), detail);
    }

    /// What was read, as TOML; or all errors, by key.
    pub(super) fn finish(mut self) -> Result<Effective, Vec<ConfigError>> {
        let unread: Vec<(Key, String)> = self
            .sources
            .all()
            .filter_map(|(key, value)| Some((key.clone(), self.unread(key, value)?)))
            .collect();
        for (key, detail) in unread {
            self.sources.add_error(&key, detail);
        }
        let errors = self.sources.into_errors();
        if errors.is_empty() { Ok(self.effective) } else { Err(errors) }
    }

    /// What is wrong with a value at a key that no row has read.
    fn unread(&self, key: &Key, value: &ConfigValue) -> Option<String> {
        let is_empty_table = matches!(value, ConfigValue::EmptyTable);
        let is_section = self.known_under(key).next().is_some();
        match key.as_slice() {
            [section] | [section, _] if self.named.contains(section) => {
                (!is_empty_table).then(|| "must contain one table for each name".into())
            }
            _ if is_section => (!is_empty_table).then(|| "must be a table".into()),
            _ if self.known.contains(key) => None,
            _ => Some(self.unknown(key)),
        }
    }

    /// The known keys in the section `key`. They are found by their order: a file may set many keys, and
    /// a scan for each of them would take quadratic time.
    fn known_under<'a>(&'a self, key: &'a [String]) -> impl Iterator<Item = &'a Key> {
        let after = (Bound::Excluded(key), Bound::Unbounded);
        self.known.range::<[String], _>(after).take_while(move |known| known.starts_with(key))
    }

    fn unknown(&self, key: &Key) -> String {
        let known = |depth: usize| -> BTreeSet<&str> {
            self.known_under(&key[..depth]).map(|known| known[depth].as_str()).collect()
        };
        let (depth, known) = (0..key.len())
            .rev()
            .map(|depth| (depth, known(depth)))
            .find(|(_, known)| !known.is_empty())
            .unwrap_or_default();
        let whole = |last: &str| {
            let section = key[..depth].iter().map(String::as_str);
            dotted(&section.chain([last]).collect::<Vec<_>>())
        };
        let meant = nearest(&key[depth], known.iter().copied())
            .map(&whole)
            .or_else(|| self.meant_elsewhere(key).map(|it| dotted(it)));
        let known: Vec<String> = known.into_iter().map(&whole).collect();
        let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        format!("is not a known key; known keys: {}{meant}", known.join(", "))
    }

    /// A key with a default that `key` may mean: it has the name in another section, or `__` in the name of
    /// its variable where `key` has `_`.
    fn meant_elsewhere(&self, key: &Key) -> Option<&Key> {
        let joined = key.join("_");
        let is_same = |it: &&Key| it.join("_") == joined || it.last() == key.last();
        self.sources.keys_with_default().find(is_same)
    }
}

/// One section of the configuration. Each call of a method that reads a value is a row.
pub(super) struct Section<'a> {
    reader: &'a mut ConfigReader,
    path: Key,
}

impl Section<'_> {
    /// The value of a key that `defaults.toml` sets.
    ///
    /// # Panics
    /// If the default is missing or wrong: it is compiled in, and a test reads it.
    pub(super) fn with_default<T: ToToml>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&ConfigValue) -> Result<T, String>,
    ) -> T {
        let value = self.get(name, &parse).unwrap_or_else(|| {
            let default = self.reader.sources.default_of(&self.key(name));
            parse(default.expect("defaults.toml sets the key"))
                .expect("the compiled-in defaults are right")
        });
        self.show(name, &value);
        value
    }

    /// The value of a key that has to be set. None: it is missing or wrong, and an error says so.
    pub(super) fn required<T: ToToml>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&ConfigValue) -> Result<T, String>,
    ) -> Option<T> {
        if !self.is_set(name) {
            self.error(name, "is missing");
        }
        self.get(name, parse).inspect(|value| self.show(name, value))
    }

    /// The value of a key that may be left out. `unset` is what its absence means, in a word.
    pub(super) fn optional<T: ToToml>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&ConfigValue) -> Result<T, String>,
        unset: &str,
    ) -> Option<T> {
        let value = self.get(name, parse);
        match &value {
            Some(value) => self.show(name, value),
            None => self.reader.effective.add_unset(name, unset),
        }
        value
    }

    /// The secret that is set at `name`, or that is in the file which the key `name` + `_file` names. With it
    /// the path of the file, if that key is set.
    pub(super) fn secret<T: ToToml>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&ConfigValue) -> Result<T, String>,
    ) -> (Option<T>, Option<PathBuf>) {
        let file_name = format!("{name}_file");
        let (inline, file) = (self.get(name, &parse), self.get(&file_name, path));
        let secret = match (self.is_set(name), &file) {
            (true, _) if self.is_set(&file_name) => {
                self.error(&file_name, format!("is set, and so is {name}: keep one of them"));
                None
            }
            (true, _) => inline,
            (false, Some(path)) => {
                read_secret(path, parse).map_err(|detail| self.error(&file_name, detail)).ok()
            }
            (false, None) => None,
        };
        match &secret {
            Some(secret) => self.show(name, secret),
            None => self.reader.effective.add_unset(name, "none"),
        }
        (secret, file)
    }

    /// The value of a key, if it is set and right. It is for a row that works out the value that holds, and
    /// has `config check` show that one by [`Section::show`].
    pub(super) fn get<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&ConfigValue) -> Result<T, String>,
    ) -> Option<T> {
        let key = self.key(name);
        let result = self.reader.sources.get(&key).map(parse);
        self.reader.known.insert(key);
        result?.map_err(|detail| self.error(name, detail)).ok()
    }

    /// Has `config check` show this value of `name`.
    pub(super) fn show(&mut self, name: &'static str, value: &impl ToToml) {
        self.reader.effective.add(name, value.to_toml());
    }

    /// Has `config check` leave out this section.
    pub(super) fn hide(self) {
        self.reader.effective.drop_last();
    }

    /// Whether `name` is set, right or wrong.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.reader.sources.get(&self.key(name)).is_some()
    }

    /// Records what is wrong at `name`.
    pub(super) fn error(&mut self, name: &str, detail: impl Into<String>) {
        let key = self.key(name);
        self.reader.sources.add_error(&key, detail);
    }

    /// Records an error at the first of two keys unless `holds`, or unless one of the two is wrong already:
    /// then its value is a default that nobody chose.
    pub(super) fn rule(&mut self, names: [&str; 2], holds: bool, detail: &str) {
        if !holds && !names.iter().any(|name| self.reader.sources.is_wrong(&self.key(name))) {
            self.error(names[0], detail);
        }
    }

    fn key(&self, name: &str) -> Key {
        let mut key = self.path.clone();
        key.push(name.to_owned());
        key
    }
}
