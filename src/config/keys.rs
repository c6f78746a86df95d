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
    let mut settings = Settings::default();
    settings.add_file(path, content, Some("keys")).map_err(|mistake| vec![mistake])?;
    let count = settings.names("keys").len();
    if count > MOST_KEYS {
        let detail = format!("{} holds {count} keys, more than {MOST_KEYS}", path.display());
        return Err(vec![Mistake { key: "keys_file".into(), detail }]);
    }
    let keys = read(&mut settings, apps, inline);
    let mistakes = settings.mistakes();
    if mistakes.is_empty() { Ok(keys) } else { Err(mistakes) }
}

/// The API keys in the section `keys`, as far as they are right; those in `others` are there
/// already, and neither a name nor a hash may be there twice.
pub(super) fn read(
    settings: &mut Settings,
    apps: &BTreeSet<String>,
    others: &BTreeMap<String, KeyEntry>,
) -> BTreeMap<String, KeyEntry> {
    let keys = settings
        .names("keys")
        .into_iter()
        .filter_map(|name| Some((name.clone(), entry(settings, &name, apps)?)))
        .collect();
    refuse_repeats(settings, &keys, others);
    keys
}

fn refuse_repeats(
    settings: &mut Settings,
    keys: &BTreeMap<String, KeyEntry>,
    others: &BTreeMap<String, KeyEntry>,
) {
    let mut owners: HashMap<KeyHash, &String> =
        others.iter().map(|(name, entry)| (entry.hash, name)).collect();
    for (name, entry) in keys {
        if others.contains_key(name) {
            settings.mistake(&["keys", name], "is in the configuration and in the keys file");
        }
        if let Some(owner) = owners.insert(entry.hash, name)
            && owner != name
        {
            let detail = format!("is the hash of {} too", dotted(&["keys", owner]));
            settings.mistake(&["keys", name, "hash"], detail);
        }
    }
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
