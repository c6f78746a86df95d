//! The API keys that callers show, from the configuration and from the keys file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::files::{LARGEST_TOML, read_file};
use super::key::dotted;
use super::settings::Settings;
use super::values::{flag, hash, receive_id_types, receivers, text, timestamp};
use super::{App, Mistake};
use crate::model::api_key::{KeyEntry, KeyHash};
use crate::model::policy::Policy;

/// Most API keys in the keys file.
const MOST_KEYS: usize = 100_000;

/// The API keys in the file at `path`: tables `[NAME]` with the keys of `[keys.NAME]`; else every
/// mistake, among them names and hashes that are `inline` too.
pub fn read_keys_file(
    path: &Path,
    apps: &BTreeMap<String, App>,
    inline: &BTreeMap<String, KeyEntry>,
) -> Result<BTreeMap<String, KeyEntry>, Vec<Mistake>> {
    let content = read_file(path, LARGEST_TOML).map_err(|error| vec![unreadable(path, &error)])?;
    parse_keys_file(path, &content, &apps.keys().cloned().collect(), inline)
}

/// The mistake that a keys file cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Mistake {
    Mistake {
        key: "keys_file".into(),
        detail: format!("{} cannot be read: {error}", path.display()),
    }
}

/// The API keys in `content`, which was read from `path`.
pub(super) fn parse_keys_file(
    path: &Path,
    content: &[u8],
    apps: &BTreeSet<String>,
    inline: &BTreeMap<String, KeyEntry>,
) -> Result<BTreeMap<String, KeyEntry>, Vec<Mistake>> {
    let mut tables = Settings::of_tables(path, content, "keys").map_err(|mistake| vec![mistake])?;
    let count = tables.len();
    if count > MOST_KEYS {
        let detail = format!("{} holds {count} keys, more than {MOST_KEYS}", path.display());
        return Err(vec![Mistake { key: "keys_file".into(), detail }]);
    }
    let keys = tables.values_mut().flat_map(|settings| entries(settings, apps)).collect();
    for Repeat { name, key, detail } in repeats(&keys, inline) {
        if let Some(settings) = tables.get_mut(name) {
            settings.mistake(&key, detail);
        }
    }
    let mut mistakes: Vec<Mistake> = tables.into_values().flat_map(Settings::mistakes).collect();
    mistakes.sort_by(|one, other| one.key.cmp(&other.key));
    if mistakes.is_empty() { Ok(keys) } else { Err(mistakes) }
}

/// The API keys in the section `keys`, as far as they are right.
pub(super) fn read(settings: &mut Settings, apps: &BTreeSet<String>) -> BTreeMap<String, KeyEntry> {
    let keys = entries(settings, apps).into_iter().collect();
    for Repeat { key, detail, .. } in repeats(&keys, &BTreeMap::new()) {
        settings.mistake(&key, detail);
    }
    keys
}

fn entries(settings: &mut Settings, apps: &BTreeSet<String>) -> Vec<(String, KeyEntry)> {
    let names = settings.names("keys").into_iter();
    names.filter_map(|name| Some((name.clone(), entry(settings, &name, apps)?))).collect()
}

/// A name or a hash that is there already.
struct Repeat<'a> {
    name: &'a String,
    key: Vec<&'a str>,
    detail: String,
}

fn repeats<'a>(
    keys: &'a BTreeMap<String, KeyEntry>,
    others: &'a BTreeMap<String, KeyEntry>,
) -> Vec<Repeat<'a>> {
    let mut owners: HashMap<KeyHash, &String> =
        others.iter().map(|(name, entry)| (entry.hash, name)).collect();
    let mut repeats = Vec::new();
    for (name, entry) in keys {
        if others.contains_key(name) {
            let detail = "is in the configuration and in the keys file".to_owned();
            repeats.push(Repeat { name, key: vec!["keys", name], detail });
        }
        if let Some(owner) = owners.insert(entry.hash, name)
            && owner != name
        {
            let detail = format!("is the hash of {} too", dotted(&["keys", owner]));
            repeats.push(Repeat { name, key: vec!["keys", name, "hash"], detail });
        }
    }
    repeats
}

fn entry(settings: &mut Settings, name: &str, apps: &BTreeSet<String>) -> Option<KeyEntry> {
    let hash = settings.required(&["keys", name, "hash"], hash);
    let app = app(settings, name, apps);
    let expires_at = settings.optional(&["keys", name, "expires_at"], timestamp);
    let disabled = settings.optional(&["keys", name, "disabled"], flag).unwrap_or(false);
    let policy = policy(settings, name);
    Some(KeyEntry { hash: hash?, app: app?, expires_at, disabled, policy })
}

/// To whom the caller may forward. Where that is wrong, there is a mistake and no configuration.
fn policy(settings: &mut Settings, name: &str) -> Policy {
    let receivers = settings.optional(&["keys", name, "allow_receivers"], receivers);
    let types = settings.optional(&["keys", name, "allow_receive_id_types"], receive_id_types);
    Policy { receivers, types }
}

/// The app that a key forwards with: the one it names, else the only one.
fn app(settings: &mut Settings, name: &str, apps: &BTreeSet<String>) -> Option<String> {
    let key = ["keys", name, "app"];
    let named = settings.optional(&key, text);
    let known = || apps.iter().cloned().collect::<Vec<_>>().join(", ");
    match named {
        Some(app) if apps.contains(&app) => Some(app),
        Some(_) => {
            settings.mistake(&key, format!("names no app; there are {}", known()));
            None
        }
        None if settings.is_set(&key) || apps.is_empty() => None,
        None if apps.len() == 1 => apps.first().cloned(),
        None => {
            settings.mistake(&key, format!("is missing, and there are several apps: {}", known()));
            None
        }
    }
}
