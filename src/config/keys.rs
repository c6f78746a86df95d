//! The API keys that callers show, from the section `keys` and from the keys file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use jiff::Timestamp;

use super::effective::Effective;
use super::error::ConfigError;
use super::files::{LARGEST_TOML, read_file};
use super::key::dotted;
use super::reader::{ConfigReader, Section};
use super::sections::AppConfig;
use super::sources::Sources;
use super::values::{ConfigValue, ToToml, any_texts, count, flag, list, quoted, text, texts};
use super::webhooks::webhook;
use crate::model::api_key::{InvalidKeyHash, KeyEntry, KeyHash};
use crate::model::policy::{AllowedReceivers, Policy};
use crate::model::receiver::ReceiveIdType;
use crate::model::share::{Budget, Weight};
use crate::model::tenants::Tenants;

/// API keys by the caller's name.
pub type ApiKeys = BTreeMap<String, KeyEntry>;

/// The apps by name, and whether each one is a store app: none where something is wrong with the app.
pub(super) struct KnownApps(BTreeMap<String, Option<bool>>);

/// Most API keys in the keys file.
const MOST_KEYS: usize = 100_000;

/// The API keys in the file at `path`, and how `config check` shows them; else every error.
///
/// A table `[NAME]` has the keys of `[keys.NAME]`. A name or a hash that is in `inline` too is an error.
pub fn read_keys_file(
    path: &Path,
    apps: &BTreeMap<String, AppConfig>,
    inline: &ApiKeys,
) -> Result<(ApiKeys, Effective), Vec<ConfigError>> {
    let content = read_file(path, LARGEST_TOML).map_err(|error| vec![unreadable(path, &error)])?;
    parse_keys_file(path, &content, &KnownApps::from(apps), inline)
}

impl KnownApps {
    /// The apps of these names, of which those in `right` are right.
    pub(super) fn of(names: BTreeSet<String>, right: &BTreeMap<String, AppConfig>) -> Self {
        let is_store = |name: &str| right.get(name).map(|app| app.store.is_some());
        Self(names.into_iter().map(|name| (name.clone(), is_store(&name))).collect())
    }
}

impl From<&BTreeMap<String, AppConfig>> for KnownApps {
    fn from(apps: &BTreeMap<String, AppConfig>) -> Self {
        Self::of(apps.keys().cloned().collect(), apps)
    }
}

/// The error of a keys file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::at(&["keys_file"], format!("{} cannot be read: {error}", path.display()))
}

/// The API keys in `content`, which was read from `path`, and how `config check` shows them.
pub(super) fn parse_keys_file(
    path: &Path,
    content: &[u8],
    apps: &KnownApps,
    inline: &ApiKeys,
) -> Result<(ApiKeys, Effective), Vec<ConfigError>> {
    let sources = Sources::by_name(path, content, "keys").map_err(|error| vec![error])?;
    let count = sources.len();
    if count > MOST_KEYS {
        let detail = format!("{} has {count} keys, more than {MOST_KEYS}", path.display());
        return Err(vec![ConfigError::at(&["keys_file"], detail)]);
    }
    let mut owners = inline.iter().map(|(name, entry)| (entry.hash, name.clone())).collect();
    let (mut keys, mut effective, mut errors) = (ApiKeys::new(), Effective::default(), Vec::new());
    for (_, sources) in sources {
        let mut reader = ConfigReader::new(sources);
        let entries = entries(&mut reader, apps, &mut owners);
        for (name, _) in entries.iter().filter(|(name, _)| inline.contains_key(name)) {
            reader.error(&["keys", name], "is in the configuration and also in the keys file");
        }
        keys.extend(entries);
        match reader.finish() {
            Ok(more) => effective.append(more),
            Err(more) => errors.extend(more),
        }
    }
    errors.sort_by(|one, other| one.key.cmp(&other.key));
    if errors.is_empty() { Ok((keys, effective)) } else { Err(errors) }
}

/// The API keys in the section `keys`, as far as they are right.
pub(super) fn read_keys(reader: &mut ConfigReader, apps: &KnownApps) -> ApiKeys {
    entries(reader, apps, &mut HashMap::new()).into_iter().collect()
}

/// The entries of the section `keys`. `owners` are the names that have a hash already.
fn entries(
    reader: &mut ConfigReader,
    apps: &KnownApps,
    owners: &mut HashMap<KeyHash, String>,
) -> Vec<(String, KeyEntry)> {
    let mut entries = Vec::new();
    for name in reader.names("keys") {
        let Some(entry) = entry(reader.section(&["keys", &name]), apps) else { continue };
        if let Some(owner) = owners.insert(entry.hash, name.clone())
            && owner != name
        {
            let detail = format!("is also the hash of {}", dotted(&["keys", &owner]));
            reader.error(&["keys", &name, "hash"], detail);
        }
        entries.push((name, entry));
    }
    entries
}

/// One API key. A wrong list of its policy reads as none, which would allow all; the error stops the start.
fn entry(mut section: Section<'_>, apps: &KnownApps) -> Option<KeyEntry> {
    let hash = section.required("hash", hash);
    let app = app(&mut section, apps);
    let is_store = app.as_ref().and_then(|name| apps.0[name]);
    let tenants = tenants(&mut section, is_store);
    let expires_at = section.optional("expires_at", timestamp, "never");
    let disabled = section.get("disabled", flag).unwrap_or(false);
    section.show("disabled", &disabled);
    let policy = Policy {
        receivers: section.optional("allow_receivers", receivers, "all"),
        types: section.optional("allow_receive_id_types", receive_id_types, "all"),
    };
    let weight = section.get("weight", weight).unwrap_or_default();
    section.show("weight", &weight);
    let budget = Budget {
        per_minute: section.optional("per_minute", count(Budget::MOST_PER_MINUTE), "unlimited"),
        per_month: section.optional("per_month", count(u32::MAX), "unlimited"),
    };
    let webhook = webhook(&mut section);
    let (hash, app) = (hash?, app?);
    Some(KeyEntry { hash, app, tenants, expires_at, disabled, policy, weight, budget, webhook })
}

/// The app that an API key forwards with: the one that it names, else the only one.
fn app(section: &mut Section<'_>, apps: &KnownApps) -> Option<String> {
    let known = || apps.0.keys().cloned().collect::<Vec<_>>().join(", ");
    let app = match section.get("app", text) {
        Some(app) if apps.0.contains_key(&app) => app,
        Some(_) => {
            section.error("app", format!("is not the name of an app; known apps: {}", known()));
            return None;
        }
        None if section.is_set("app") => return None,
        None if apps.0.len() > 1 => {
            section.error("app", format!("is missing, but there are several apps: {}", known()));
            return None;
        }
        None => apps.0.keys().next()?.clone(),
    };
    section.show("app", &app);
    Some(app)
}

/// The tenants of an API key, whose app is a store app or not, if that is known. Wrong ones read as none; the error stops
/// the start.
fn tenants(section: &mut Section<'_>, is_store: Option<bool>) -> Tenants {
    let tenants = section.optional("tenant_key", tenant_keys, "none");
    match (is_store, section.is_set("tenant_key")) {
        (Some(true), false) => {
            let detail = "is missing, but the app is a store app: name its tenant or tenants, or \"*\" for any tenant";
            section.error("tenant_key", detail);
        }
        (Some(false), true) => {
            section.error("tenant_key", "is set, but the app is not a store app");
        }
        _ => {}
    }
    tenants.unwrap_or_default()
}

fn tenant_keys(value: &ConfigValue) -> Result<Tenants, String> {
    let keys = any_texts(value)?;
    Tenants::parse(keys.iter().map(String::as_str)).map_err(str::to_owned)
}

impl ToToml for Tenants {
    fn to_toml(&self) -> String {
        match self {
            Self::None => list::<&str>([]),
            Self::These(tenants) => match self.only() {
                Some(only) => quoted(only),
                None => list(&**tenants),
            },
            Self::Any => quoted(&Self::ANY),
        }
    }
}

fn hash(value: &ConfigValue) -> Result<KeyHash, String> {
    text(value)?.parse().map_err(|error: InvalidKeyHash| error.to_string())
}

impl ToToml for KeyHash {
    fn to_toml(&self) -> String {
        quoted(self)
    }
}

fn weight(value: &ConfigValue) -> Result<Weight, String> {
    count(Weight::MOST)(value).map(Weight::new)
}

impl ToToml for Weight {
    fn to_toml(&self) -> String {
        self.get().to_string()
    }
}

fn timestamp(value: &ConfigValue) -> Result<Timestamp, String> {
    text(value)?
        .parse()
        .map_err(|_| "must be an RFC 3339 time, such as \"2030-01-01T00:00:00Z\"".into())
}

impl ToToml for Timestamp {
    fn to_toml(&self) -> String {
        quoted(self)
    }
}

fn receivers(value: &ConfigValue) -> Result<AllowedReceivers, String> {
    let patterns = texts(value)?;
    AllowedReceivers::parse(patterns.iter().map(String::as_str)).map_err(str::to_owned)
}

impl ToToml for AllowedReceivers {
    fn to_toml(&self) -> String {
        list(self.patterns())
    }
}

fn receive_id_types(value: &ConfigValue) -> Result<Vec<ReceiveIdType>, String> {
    let types = texts(value)?;
    types.iter().map(|name| ReceiveIdType::parse(name).map_err(|it| it.en.into_owned())).collect()
}

impl ToToml for Vec<ReceiveIdType> {
    fn to_toml(&self) -> String {
        list(self.iter().map(|it| it.as_str()))
    }
}
