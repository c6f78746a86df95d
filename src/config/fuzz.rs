//! Checks of what is promised of every configuration, right or wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use secrecy::ExposeSecret;

use super::error::ConfigError;
use super::key::is_name;
use super::keys::{ApiKeys, KnownApps, parse_keys_file};
use super::load::{Config, parse};
use super::sources::parse_toml;
use crate::model::api_key::{KeyEntry, KeyHash};
use crate::model::policy::Policy;
use crate::model::share::{Budget, Weight};
use crate::model::tenants::Tenants;

/// A part of each secret in the corpus. No text of the gateway's own holds it.
const HIDDEN: &str = "hush";

/// Checks the configuration of a file and variables.
pub(crate) fn config(toml: &[u8], variables: &[(String, String)]) {
    let file = Path::new("gateway.toml");
    match parse(Some((file, toml)), variables.iter().cloned()) {
        Ok(config) => right(&config),
        Err(errors) => {
            let names_hold_it = variables.iter().any(|(name, _)| holds_it(name));
            wrong(&errors, names_hold_it || keys_hold_it(toml));
        }
    }
}

fn right(config: &Config) {
    assert!(!config.apps.is_empty() && config.apps.keys().all(|name| is_name(name)));
    keys(&config.keys, &config.apps.keys().cloned().collect());
    let shown = config.effective.to_string();
    let again = parse(Some((Path::new("again.toml"), shown.as_bytes())), []).expect("right again");
    assert_eq!(format!("{again:?}"), format!("{config:?}"));
    assert_eq!(again.effective.to_string(), shown);
    assert!(again.apps.values().all(|app| app.app_secret.expose_secret() == "********"));
}

fn keys(keys: &ApiKeys, apps: &BTreeSet<String>) {
    assert!(keys.iter().all(|(name, key)| is_name(name) && apps.contains(&key.app)));
    let hashes: BTreeSet<String> = keys.values().map(|key| key.hash.to_string()).collect();
    assert_eq!(hashes.len(), keys.len());
}

/// Checks errors. They may show the name of a key or a variable, whatever it is, but no value.
fn wrong(errors: &[ConfigError], may_hold_it: bool) {
    assert!(!errors.is_empty());
    for error in errors {
        assert!(!error.key.is_empty() && !error.detail.is_empty());
        let shown = error.to_string();
        assert!(!shown.contains('\n'), "{shown:?}");
        assert!(may_hold_it || !holds_it(&shown), "{shown:?}");
    }
}

fn holds_it(text: &str) -> bool {
    text.to_ascii_lowercase().contains(HIDDEN)
}

/// Whether a name in the file holds the secret, and not a value.
fn keys_hold_it(toml: &[u8]) -> bool {
    let values = str::from_utf8(toml).ok().and_then(|text| parse_toml(text).ok());
    values.is_some_and(|values| values.iter().flat_map(|(key, _)| key).any(|name| holds_it(name)))
}

/// Checks the keys file, beside a configuration of two apps and one key.
pub(crate) fn keys_file(content: &[u8]) {
    let apps = BTreeSet::from(["main".to_owned(), "other".to_owned()]);
    let inline = KeyEntry {
        hash: KeyHash::of("inline"),
        app: "main".into(),
        tenants: Tenants::None,
        expires_at: None,
        policy: Policy::default(),
        weight: Weight::ONE,
        budget: Budget::default(),
        disabled: false,
        webhook: None,
    };
    let mut all = BTreeMap::from([("inline".to_owned(), inline)]);
    let known = KnownApps::of(apps.clone(), &BTreeMap::new());
    match parse_keys_file(Path::new("keys.toml"), content, &known, &all) {
        Ok((more, _)) => {
            let count = all.len() + more.len();
            all.extend(more);
            assert_eq!(all.len(), count);
            keys(&all, &apps);
        }
        Err(errors) => wrong(&errors, keys_hold_it(content)),
    }
}
