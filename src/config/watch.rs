//! Files that are read again while the gateway runs, and used when they have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::error::ConfigError;
use super::files::{LARGEST_TOML, read_file, read_secret};
use super::key::{Key, dotted, owned};
use super::keys::{ApiKeys, parse_keys_file, unreadable};
use super::load::Config;
use super::sections::{AppConfig, app_secret};
use super::values::password;

/// The keys file and what it held at the last look. It has no `Debug`: somebody may have put an API key in
/// clear into the file.
pub struct KeysFile {
    path: PathBuf,
    apps: BTreeSet<String>,
    inline: ApiKeys,
    seen: Option<Result<Vec<u8>, ErrorKind>>,
}

impl KeysFile {
    /// The keys file at `path`, not yet looked at; `inline` are the API keys of the configuration.
    #[must_use]
    pub fn new(path: PathBuf, apps: &BTreeMap<String, AppConfig>, inline: ApiKeys) -> Self {
        Self { path, apps: apps.keys().cloned().collect(), inline, seen: None }
    }

    /// All API keys, those of the configuration included, or the file's errors. None: the file has not changed
    /// since the last look. The first look always returns something.
    pub fn look(&mut self) -> Option<Result<ApiKeys, Vec<ConfigError>>> {
        let content = read_file(&self.path, LARGEST_TOML);
        // The content alone shows each change: the time and the inode of a file do not where Kubernetes
        // swaps symbolic links, over NFS, or where an editor puts a new file in the place of the old one.
        let now = content.as_ref().map(Vec::clone).map_err(io::Error::kind);
        if self.seen.as_ref() == Some(&now) {
            return None;
        }
        self.seen = Some(now);
        Some(self.parse(content))
    }

    fn parse(&self, content: io::Result<Vec<u8>>) -> Result<ApiKeys, Vec<ConfigError>> {
        let content = content.map_err(|error| vec![unreadable(&self.path, &error)])?;
        let (mut keys, _) = parse_keys_file(&self.path, &content, &self.apps, &self.inline)?;
        keys.extend(self.inline.clone());
        Ok(keys)
    }
}

/// A file that holds one secret, and what it held at the last look.
pub struct SecretFile {
    /// Whose secret it holds.
    pub owner: SecretOwner,
    key: Key,
    path: PathBuf,
    seen: Result<SecretString, String>,
}

/// Who has a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOwner {
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
            let owner = SecretOwner::App(name.clone());
            let key = ["apps", name, "app_secret_file"];
            Self::new(owner, &key, app.app_secret_file.as_ref(), Some(&app.app_secret))
        });
        let state = config.state.iter().flat_map(|state| {
            let redis = Self::new(
                SecretOwner::State,
                &["state", "password_file"],
                state.password_file.as_ref(),
                state.password.as_ref(),
            );
            let sentinels = Self::new(
                SecretOwner::Sentinels,
                &["state", "sentinel_password_file"],
                state.sentinel_password_file.as_ref(),
                state.sentinel_password.as_ref(),
            );
            redis.into_iter().chain(sentinels)
        });
        apps.chain(state).collect()
    }

    fn new(
        owner: SecretOwner,
        key: &[&str],
        path: Option<&PathBuf>,
        secret: Option<&SecretString>,
    ) -> Option<Self> {
        Some(Self { owner, key: owned(key), path: path?.clone(), seen: Ok(secret?.clone()) })
    }

    /// The key that names the file, and the file's path.
    pub(super) fn named(&self) -> (&Key, &Path) {
        (&self.key, &self.path)
    }

    /// The secret, or what is wrong with the file. None: the file has not changed since
    /// the last look.
    pub fn look(&mut self) -> Option<Result<SecretString, ConfigError>> {
        let parse = match self.owner {
            SecretOwner::App(_) => app_secret,
            SecretOwner::State | SecretOwner::Sentinels => password,
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
        Some(now.map_err(|detail| ConfigError { key: dotted(&self.key), detail }))
    }

    /// Whether the last look found a secret.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.seen.is_ok()
    }
}
