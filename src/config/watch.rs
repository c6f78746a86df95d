//! Files while the gateway runs: read again and again, handed on when they have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::files::{LARGEST_TOML, read_file};
use super::key::dotted;
use super::keys::{parse_keys_file, unreadable};
use super::load::read_secret;
use super::values::{app_secret, password};
use super::{App, Config, Mistake};
use crate::model::api_key::KeyEntry;

/// All API keys, those of the configuration and those of the keys file, or what is wrong with the file.
pub type Keys = Result<BTreeMap<String, KeyEntry>, Vec<Mistake>>;

/// The keys file and what it held at the last look. No `Debug`: somebody may have put a key in clear
/// into it.
pub struct KeysFile {
    path: PathBuf,
    apps: BTreeSet<String>,
    inline: BTreeMap<String, KeyEntry>,
    seen: Option<Result<Vec<u8>, ErrorKind>>,
}

impl KeysFile {
    /// The keys file at `path`, not yet looked at; `inline` are the keys of the configuration.
    #[must_use]
    pub fn new(
        path: PathBuf,
        apps: &BTreeMap<String, App>,
        inline: BTreeMap<String, KeyEntry>,
    ) -> Self {
        Self { path, apps: apps.keys().cloned().collect(), inline, seen: None }
    }

    /// All keys, `inline` ones included, or the file's mistakes, if the file is not as it was at
    /// the last look; the first look always tells.
    ///
    /// It compares what the file holds. The content of a small file is the one thing to go by
    /// that works with the swapped symbolic links of a Kubernetes secret, with NFS, and with
    /// editors that put a new file in the place of the old one.
    pub fn look(&mut self) -> Option<Keys> {
        let content = read_file(&self.path, LARGEST_TOML);
        let now = content.as_ref().map(Vec::clone).map_err(io::Error::kind);
        if self.seen.as_ref() == Some(&now) {
            return None;
        }
        self.seen = Some(now);
        Some(self.parse(content))
    }

    fn parse(&self, content: io::Result<Vec<u8>>) -> Keys {
        let content = content.map_err(|error| vec![unreadable(&self.path, &error)])?;
        let mut keys = parse_keys_file(&self.path, &content, &self.apps, &self.inline)?;
        keys.extend(self.inline.clone());
        Ok(keys)
    }
}

/// A file that holds one secret, and what it held at the last look.
pub struct SecretFile {
    /// Whose secret it holds.
    pub owner: Owner,
    /// The key that names the file.
    pub key: String,
    path: PathBuf,
    seen: Result<SecretString, String>,
}

/// Who has a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The Feishu app of this name.
    App(String),
    /// The user at the Redis of `state.url`.
    State,
    /// The Sentinels of `state.url`.
    Sentinels,
}

impl SecretFile {
    /// All files from which secrets of `config` were read.
    #[must_use]
    pub fn all(config: &Config) -> Vec<Self> {
        let apps = config.apps.iter().filter_map(|(name, app)| {
            let key = dotted(&["apps", name, "app_secret_file"]);
            let (path, seen) = (app.app_secret_file.clone()?, Ok(app.app_secret.clone()));
            Some(Self { owner: Owner::App(name.clone()), key, path, seen })
        });
        let state = config.state.as_ref().and_then(|state| {
            let key = dotted(&["state", "password_file"]);
            let (path, seen) = (state.password_file.clone()?, Ok(state.password.clone()?));
            Some(Self { owner: Owner::State, key, path, seen })
        });
        let sentinels = config.state.as_ref().and_then(|state| {
            let key = dotted(&["state", "sentinel_password_file"]);
            let path = state.sentinel_password_file.clone()?;
            let seen = Ok(state.sentinel_password.clone()?);
            Some(Self { owner: Owner::Sentinels, key, path, seen })
        });
        apps.chain(state).chain(sentinels).collect()
    }

    /// The secret, or what is wrong with the file, if it is not as it was at the last look.
    pub fn look(&mut self) -> Option<Result<SecretString, Mistake>> {
        let parse = match self.owner {
            Owner::App(_) => app_secret,
            Owner::State | Owner::Sentinels => password,
        };
        let now = read_secret(&self.path, parse);
        let is_same = match (&now, &self.seen) {
            (Ok(now), Ok(seen)) => now.expose_secret() == seen.expose_secret(),
            (Err(now), Err(seen)) => now == seen,
            _ => false,
        };
        if is_same {
            return None;
        }
        self.seen.clone_from(&now);
        Some(now.map_err(|detail| Mistake { key: self.key.clone(), detail }))
    }

    /// Whether the last look found a secret.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.seen.is_ok()
    }
}
