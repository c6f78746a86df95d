//! Reads API keys, secrets and certificates again while the gateway runs.
//!
//! Whatever is derived from an app's secret is derived once, at the start, so that no key changes its `uuid` within its
//! hour. Only tokens are fetched with the new secret.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::web;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, oneshot};

use super::certificates::Certificates;
use super::start::StartError;
use crate::api::StoreApps;
use crate::api::keyring::Keyring;
use crate::clock::Clock;
use crate::config::{self, ApiKeys, Config, ConfigError, KeyFiles, SecretFile, SecretOwner};
use crate::delivery::Delivery;
use crate::model::api_key::KeyEntry;
use crate::model::tenants::Tenants;
use crate::redis::RedisClient;
use crate::telemetry::metrics::Metrics;

/// How often the files are checked.
const INTERVAL: Duration = Duration::from_secs(2);
/// Most errors that are logged at once.
const MOST_ERRORS: usize = 20;
/// Most warnings that are logged.
const MOST_WARNINGS: usize = 20;

/// The API keys at the start, and the files that they are read from.
pub(super) struct FirstKeys {
    pub(super) keyring: web::Data<Keyring>,
    files: Option<KeyFiles>,
    pub(super) keys: ApiKeys,
}

impl FirstKeys {
    pub(super) fn read(
        config: &Config,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        let mut files = KeyFiles::of(config, &config.apps);
        let keys = files.as_mut().and_then(KeyFiles::look).transpose().map_err(StartError::Keys)?;
        if keys.is_some() {
            metrics.keys_file_read_at(clock.wall());
        }
        metrics.secrets_read_at(clock.wall());
        let keys = keys.unwrap_or_else(|| config.keys.clone());
        warn(config, &keys, clock);
        let apps = config.apps.iter().map(|(name, app)| (&**name, &*app.app_id, &app.app_secret));
        let keyring = web::Data::new(Keyring::new(&keys).for_apps(apps));
        Ok(Self { keyring, files, keys })
    }
}

/// Logs what is probably wrong in the configuration, up to a number that people read.
fn warn(config: &Config, keys: &ApiKeys, clock: &Clock) {
    let warnings = config::warnings(config, keys, clock.wall());
    for warning in warnings.iter().take(MOST_WARNINGS) {
        tracing::warn!("the configuration is probably wrong: {warning}");
    }
    if let more @ 1.. = warnings.len().saturating_sub(MOST_WARNINGS) {
        tracing::warn!(more, "`config check` shows more warnings");
    }
}

/// Has the configuration read again.
#[derive(Clone, Debug)]
pub struct Reloader(mpsc::Sender<Again>);

/// A request to read the configuration again, and from where.
#[derive(Debug)]
struct Again {
    file: Option<PathBuf>,
    variables: Vec<(String, String)>,
    done: oneshot::Sender<()>,
}

impl Reloader {
    /// Reads API keys and secrets again from `file` and `variables`, as [`config::load`] does, and from the
    /// files that these name. Returns when that is done. If anything is wrong, nothing changes. The result is
    /// logged.
    pub async fn read_again(&self, file: Option<PathBuf>, variables: Vec<(String, String)>) {
        let (done, end) = oneshot::channel();
        if self.0.send(Again { file, variables, done }).await.is_ok() {
            let _ = end.await;
        }
    }
}

/// What is read again, and who gets it.
pub(super) struct Reload {
    /// The running configuration, with the API keys and secrets that were read last.
    config: Config,
    key_files: Option<KeyFiles>,
    secret_files: Vec<SecretFile>,
    certificates: Certificates,
    keyring: web::Data<Keyring>,
    store_apps: StoreApps,
    delivery: Delivery,
    redis: Option<Arc<RedisClient>>,
    clock: Clock,
    metrics: Metrics,
}

impl Reload {
    pub(super) fn new(
        config: &Config,
        keys: FirstKeys,
        delivery: &Delivery,
        redis: Option<Arc<RedisClient>>,
        certificates: Certificates,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Self {
        Self {
            config: config.clone(),
            key_files: keys.files,
            secret_files: SecretFile::all(config),
            certificates,
            keyring: keys.keyring,
            store_apps: StoreApps::default(),
            delivery: delivery.clone(),
            redis,
            clock: clock.clone(),
            metrics: metrics.clone(),
        }
    }

    /// Replaces the secrets of the events of these apps as well.
    pub(super) fn with_events_of(self, store_apps: StoreApps) -> Self {
        Self { store_apps, ..self }
    }

    /// A handle, and the future that serves it and checks the files.
    pub(super) fn watch(self) -> (Reloader, impl Future<Output = ()>) {
        let (sender, asked) = mpsc::channel(1);
        (Reloader(sender), self.go_on(asked))
    }

    async fn go_on(mut self, mut asked: mpsc::Receiver<Again>) {
        let clock = self.clock.clone();
        let mut look_at = clock.now();
        loop {
            let has_files = self.key_files.is_some()
                || !self.secret_files.is_empty()
                || self.certificates.are_there();
            let again = tokio::select! {
                Some(again) = asked.recv() => Some(again),
                () = clock.sleep_until(look_at), if has_files => None,
                else => return,
            };
            let Ok(same) = on_a_thread(move || self.look_or_read(again)).await else {
                tracing::error!(
                    "reloading keys and secrets failed; the gateway no longer watches them"
                );
                return;
            };
            self = same;
            look_at = clock.now() + INTERVAL;
        }
    }

    fn look_or_read(mut self, again: Option<Again>) -> Self {
        let Some(Again { file, variables, done }) = again else {
            self.look();
            return self;
        };
        let config = config::load(file.as_deref(), variables)
            .inspect_err(|_| self.metrics.secrets_are_wrong());
        match config.and_then(|config| self.take(&config)) {
            Ok(keys) => {
                tracing::info!(keys, "reloaded keys and secrets");
                self.delivery.forget_refusals();
            }
            Err(errors) => {
                report("the configuration is wrong; keys and secrets stay unchanged", &errors);
            }
        }
        let _ = done.send(());
        self
    }

    /// Takes over the keys and secrets of `config`, and returns how many keys there are.
    fn take(&mut self, config: &Config) -> Result<usize, Vec<ConfigError>> {
        let mut key_files = KeyFiles::of(config, &self.config.apps);
        let keys = match key_files.as_mut().and_then(KeyFiles::look) {
            Some(keys) => keys.inspect_err(|_| self.metrics.keys_file_is_wrong())?,
            None => config.keys.clone(),
        };
        self.check_apps(&keys)?;
        warn(config, &keys, &self.clock);
        for key in self.config.effective.changed(&config.effective) {
            tracing::warn!(key, "has changed; restart the gateway to apply the change");
        }
        // If the name has another app now, that app is used after a restart, and so is its secret.
        let ids = |config: &Config| -> BTreeMap<String, String> {
            config.apps.iter().map(|(name, app)| (name.clone(), app.app_id.clone())).collect()
        };
        let (running, named) = (ids(&self.config), ids(config));
        let is_same_app = |name: &str| running.get(name) == named.get(name);
        self.delivery.heed_budgets(&keys);
        self.keyring.replace(&keys);
        if key_files.is_some() {
            self.metrics.keys_file_read_at(self.clock.wall());
        }
        for (name, app) in config.apps.iter().filter(|(name, _)| is_same_app(name)) {
            self.replace(&SecretOwner::App(name.clone()), &app.app_secret);
            let Some(store) = &app.store else { continue };
            if let Some(secret) = &store.encrypt_key {
                self.replace(&SecretOwner::EncryptKey(name.clone()), secret);
            }
            if let Some(secret) = &store.verification_token {
                self.replace(&SecretOwner::VerificationToken(name.clone()), secret);
            }
        }
        if let Some(password) = config.state.as_ref().and_then(|state| state.password.as_ref()) {
            self.replace(&SecretOwner::State, password);
        }
        if let Some(password) = config.state.as_ref().and_then(|it| it.sentinel_password.as_ref()) {
            self.replace(&SecretOwner::Sentinels, password);
        }
        self.secret_files = SecretFile::all(config);
        self.secret_files.retain(|file| match &file.owner {
            SecretOwner::App(name)
            | SecretOwner::EncryptKey(name)
            | SecretOwner::VerificationToken(name) => is_same_app(name),
            SecretOwner::State | SecretOwner::Sentinels => true,
        });
        self.key_files = key_files;
        self.look_at_certificates();
        self.note_secrets();
        Ok(keys.len())
    }

    /// Refuses keys of an app that does not run yet, or that runs as an app of the other type: it would have no tenant, or
    /// one too many.
    fn check_apps(&self, keys: &ApiKeys) -> Result<(), Vec<ConfigError>> {
        let mistake = |key: &KeyEntry| match self.config.apps.get(&key.app) {
            None => Some("names a new app; restart the gateway to add the app"),
            Some(app) if app.store.is_some() == (key.tenants == Tenants::None) => {
                Some("names an app whose type has changed; restart the gateway to apply the change")
            }
            Some(_) => None,
        };
        let errors: Vec<ConfigError> = keys
            .iter()
            .filter_map(|(name, key)| Some(ConfigError::at(&["keys", name, "app"], mistake(key)?)))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Takes over what has changed in the files since the last check.
    fn look(&mut self) {
        if let Some(keys) = self.key_files.as_mut().and_then(KeyFiles::look) {
            self.heed_keys(&keys);
        }
        let mut files = std::mem::take(&mut self.secret_files);
        let news: Vec<_> =
            files.iter_mut().filter_map(|file| Some((file.owner.clone(), file.look()?))).collect();
        self.secret_files = files;
        for (owner, secret) in &news {
            match secret {
                Ok(secret) => self.replace(owner, secret),
                Err(error) => {
                    report(
                        "a secret is wrong; the gateway keeps the previous one",
                        std::slice::from_ref(error),
                    );
                }
            }
        }
        if self.look_at_certificates() || !news.is_empty() {
            self.note_secrets();
        }
    }

    /// Takes over certificates that have changed since the last look. Returns whether any have.
    fn look_at_certificates(&mut self) -> bool {
        let Some(errors) = self.certificates.look() else { return false };
        if !errors.is_empty() {
            report(
                "a certificate or its key is wrong; the gateway keeps the previous ones",
                &errors,
            );
        }
        true
    }

    /// Shows whether the secrets and certificates in files are right.
    fn note_secrets(&self) {
        if self.secret_files.iter().all(SecretFile::is_right) && self.certificates.are_right() {
            self.metrics.secrets_read_at(self.clock.wall());
        } else {
            self.metrics.secrets_are_wrong();
        }
    }

    fn heed_keys(&self, keys: &Result<ApiKeys, Vec<ConfigError>>) {
        match keys {
            Ok(keys) => {
                self.delivery.heed_budgets(keys);
                self.keyring.replace(keys);
                self.metrics.keys_file_read_at(self.clock.wall());
                tracing::info!(keys = keys.len(), "reloaded the API keys");
            }
            Err(errors) => {
                self.metrics.keys_file_is_wrong();
                report("the keys file is wrong; the gateway keeps the previous keys", errors);
            }
        }
    }

    /// Uses a secret from now on, if it differs from the one in use.
    fn replace(&mut self, owner: &SecretOwner, secret: &SecretString) {
        let is_another = |old: &SecretString| old.expose_secret() != secret.expose_secret();
        match owner {
            SecretOwner::App(name) => {
                let Some(app) = self.config.apps.get_mut(name) else { return };
                if is_another(&app.app_secret) {
                    app.app_secret = secret.clone();
                    self.delivery.replace_secret(&name.as_str().into(), secret.clone());
                    self.keyring.replace_secret(name, secret, self.clock.wall());
                    tracing::info!(app = name, "the app's secret has changed");
                }
            }
            SecretOwner::EncryptKey(name) | SecretOwner::VerificationToken(name) => {
                let app = self.config.apps.get_mut(name);
                let Some(store) = app.and_then(|app| app.store.as_mut()) else { return };
                let is_encrypt_key = matches!(owner, SecretOwner::EncryptKey(_));
                let kept = if is_encrypt_key {
                    &mut store.encrypt_key
                } else {
                    &mut store.verification_token
                };
                if !kept.as_ref().is_none_or(is_another) {
                    return;
                }
                *kept = Some(secret.clone());
                if is_encrypt_key {
                    self.store_apps.replace_encrypt_key(name, secret.clone());
                    tracing::info!(app = name, "the app's encrypt key has changed");
                } else {
                    self.store_apps.replace_verification_token(name, secret.clone());
                    tracing::info!(app = name, "the app's verification token has changed");
                }
            }
            SecretOwner::State | SecretOwner::Sentinels => {
                let Some((state, redis)) = self.config.state.as_mut().zip(self.redis.as_ref())
                else {
                    return;
                };
                let (kept, whose) = match owner {
                    SecretOwner::Sentinels => (&mut state.sentinel_password, "the Sentinels"),
                    _ => (&mut state.password, "Redis"),
                };
                if kept.as_ref().is_none_or(is_another) {
                    *kept = Some(secret.clone());
                    let sentinels = state.sentinel_password.clone();
                    redis.replace_passwords(state.password.clone(), sentinels);
                    tracing::info!(whose, "the password has changed");
                }
            }
        }
    }
}

fn report(what: &str, errors: &[ConfigError]) {
    let shown: Vec<String> = errors.iter().take(MOST_ERRORS).map(ConfigError::to_string).collect();
    let more = errors.len() - shown.len();
    tracing::error!(mistakes = shown.join("; "), more, "{what}");
}

/// Runs blocking work on a thread of its own, so that a file system that hangs blocks neither a worker nor the end of
/// the process.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, end) = oneshot::channel();
    thread::Builder::new().name("reload".to_owned()).spawn(|| drop(done.send(work())))?;
    end.await.map_err(io::Error::other)
}
