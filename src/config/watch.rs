//! Files that are read again while the gateway runs, and used when they have changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::error::ConfigError;
use super::files::{LARGEST_TOML, read_file, read_secret};
use super::key::{Key, dotted, owned};
use super::keys::{ApiKeys, KnownApps, parse_keys_file, unreadable};
use super::load::Config;
use super::sections::{AppConfig, app_secret};
use super::values::password;
use super::webhooks::webhook_secret;
use crate::model::webhook::{Webhook, WebhookSecret};

/// The files that API keys are read from: the keys file, and those of the webhooks' secrets. It has no `Debug`: somebody
/// may have put an API key in clear into the keys file.
pub struct KeyFiles {
    path: Option<PathBuf>,
    apps: KnownApps,
    inline: ApiKeys,
    /// What the last look found. None: there was no look yet.
    seen: Option<Result<SeenKeys, Vec<ConfigError>>>,
}

/// What the files of API keys held when they were right.
struct SeenKeys {
    keys_file: Option<Vec<u8>>,
    secrets: Vec<(PathBuf, WebhookSecret)>,
}

impl KeyFiles {
    /// The files of the API keys of `config`, for these apps, not yet looked at. None: there are no such files.
    #[must_use]
    pub fn of(config: &Config, apps: &BTreeMap<String, AppConfig>) -> Option<Self> {
        let (path, inline) = (config.keys_file.clone(), config.keys.clone());
        let has_files = path.is_some() || webhook_secret_files(&inline).next().is_some();
        let apps = KnownApps::from(apps);
        has_files.then_some(Self { path, apps, inline, seen: None })
    }

    /// All API keys, those of the configuration included, or the files' errors. None: the files have not changed
    /// since the last look. The first look always returns something.
    pub fn look(&mut self) -> Option<Result<ApiKeys, Vec<ConfigError>>> {
        if let Some(Ok(seen)) = &self.seen
            && seen.holds(self.path.as_deref())
        {
            return None;
        }
        match self.read() {
            Ok((keys, seen)) => {
                self.seen = Some(Ok(seen));
                Some(Ok(keys))
            }
            Err(errors) => {
                let is_new = !matches!(&self.seen, Some(Err(seen)) if *seen == errors);
                self.seen = Some(Err(errors.clone()));
                is_new.then_some(Err(errors))
            }
        }
    }

    fn read(&self) -> Result<(ApiKeys, SeenKeys), Vec<ConfigError>> {
        let mut keys = self.inline.clone();
        for (name, entry) in &mut keys {
            let Some(webhook) = &mut entry.webhook else { continue };
            let Some(file) = &webhook.secret_file else { continue };
            webhook.secret = read_secret(file, webhook_secret).map_err(|detail| {
                vec![ConfigError::at(&["keys", name, "webhook_secret_file"], detail)]
            })?;
        }
        let mut keys_file = None;
        if let Some(path) = &self.path {
            let content =
                read_file(path, LARGEST_TOML).map_err(|error| vec![unreadable(path, &error)])?;
            let (more, _) = parse_keys_file(path, &content, &self.apps, &keys)?;
            keys.extend(more);
            keys_file = Some(content);
        }
        let secrets = webhook_secret_files(&keys)
            .map(|(_, file, webhook)| (file.to_owned(), webhook.secret.clone()))
            .collect();
        Ok((keys, SeenKeys { keys_file, secrets }))
    }
}

impl SeenKeys {
    /// Whether the files still hold this.
    ///
    /// The content alone shows each change: the time and the inode of a file do not where Kubernetes swaps symbolic links,
    /// over NFS, or where an editor puts a new file in the place of the old one.
    fn holds(&self, keys_file: Option<&Path>) -> bool {
        keys_file.and_then(|path| read_file(path, LARGEST_TOML).ok()) == self.keys_file
            && self
                .secrets
                .iter()
                .all(|(file, secret)| read_secret(file, webhook_secret).as_ref() == Ok(secret))
    }
}

/// The names of the keys whose webhooks have their secrets from files, with these files.
pub(super) fn webhook_secret_files(
    keys: &ApiKeys,
) -> impl Iterator<Item = (&str, &Path, &Webhook)> {
    keys.iter().filter_map(|(name, entry)| {
        let webhook = entry.webhook.as_ref()?;
        Some((name.as_str(), webhook.secret_file.as_deref()?, webhook))
    })
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
    /// The events of the store app of this name: the Encrypt Key.
    EncryptKey(String),
    /// The events of the store app of this name: the verification token.
    VerificationToken(String),
    /// The user at the Redis of `state.url`.
    State,
    /// The Sentinels of `state.url`.
    Sentinels,
}

impl SecretFile {
    /// All files from which secrets of `config` were read.
    #[must_use]
    pub fn all(config: &Config) -> Vec<Self> {
        let apps = config.apps.iter().flat_map(|(name, app)| {
            let secret = Self::new(
                SecretOwner::App(name.clone()),
                &["apps", name, "app_secret_file"],
                app.app_secret_file.as_ref(),
                Some(&app.app_secret),
            );
            let of_events = app.store.iter().flat_map(|store| {
                let encrypt_key = Self::new(
                    SecretOwner::EncryptKey(name.clone()),
                    &["apps", name, "encrypt_key_file"],
                    store.encrypt_key_file.as_ref(),
                    store.encrypt_key.as_ref(),
                );
                let verification_token = Self::new(
                    SecretOwner::VerificationToken(name.clone()),
                    &["apps", name, "verification_token_file"],
                    store.verification_token_file.as_ref(),
                    store.verification_token.as_ref(),
                );
                encrypt_key.into_iter().chain(verification_token)
            });
            secret.into_iter().chain(of_events)
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
            SecretOwner::EncryptKey(_)
            | SecretOwner::VerificationToken(_)
            | SecretOwner::State
            | SecretOwner::Sentinels => password,
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
