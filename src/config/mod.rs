//! The configuration: plain data, read once at the start and valid from then on.
//!
//! `defaults.toml` documents every key and is compiled in. What a file sets wins over it, and what
//! a variable `GATEWAY__SECTION__KEY` sets wins over both. API keys and secrets are read again while the
//! gateway runs.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::model::api_key::KeyEntry;
use crate::model::state_url::StateUrl;
use crate::telemetry::audit::IdForm;
use crate::telemetry::logs::Format;
use crate::tls::TlsFiles;

mod effective;
mod files;
mod filter;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod key;
mod keys;
mod load;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod toml;
mod values;
mod warnings;
mod watch;

pub use effective::{changed, effective, effective_keys_file};
pub use key::{dotted, is_name};
pub use keys::read_keys_file;
pub use load::{admin_listen, load};
pub use warnings::warnings;
pub use watch::{Keys, KeysFile, Owner, SecretFile};

/// The documentation of every key and its default: TOML with comments.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The whole configuration, valid as it stands.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the gateway listens on and takes in.
    pub server: Server,
    /// How Feishu is called.
    pub feishu: Feishu,
    /// The Feishu apps by name, at least one.
    pub apps: BTreeMap<String, App>,
    /// The API keys by the caller's name, without those of `keys_file`; may be empty.
    pub keys: BTreeMap<String, KeyEntry>,
    /// The file of further API keys, which `read_keys_file` reads.
    pub keys_file: Option<PathBuf>,
    /// How many forwards may leave in which time.
    pub limits: Limits,
    /// What replicas share; none: nothing.
    pub state: Option<State>,
    /// How the log is written.
    pub log: Log,
}

/// What the gateway listens on and takes in.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address of the API.
    pub listen: SocketAddr,
    /// Address of metrics and health.
    pub admin_listen: SocketAddr,
    /// Where callers reach the API, if that is known: http or https, without credentials, query and
    /// fragment.
    pub public_url: Option<Url>,
    /// Requests worked on at the same time, at least 1.
    pub max_in_flight: usize,
    /// Connections to the API at the same time, at least 1.
    pub max_connections: usize,
    /// Largest body of a request, in bytes, at least 1.
    pub max_body: usize,
    /// Longest time for a request's body to come in after its head.
    pub body_timeout: Duration,
    /// The first part of `drain_timeout`, in which requests are still taken in; may be zero, and
    /// longer than the whole, which cuts it.
    pub drain_delay: Duration,
    /// Time that requests get to finish after SIGTERM; may be zero.
    pub drain_timeout: Duration,
}

/// How Feishu is called.
#[derive(Debug, Clone)]
pub struct Feishu {
    /// Where Feishu's API is: http or https, without credentials, query and fragment.
    pub base_url: Url,
    /// Time to make one connection; shorter than `attempt_timeout`.
    pub connect_timeout: Duration,
    /// Time for one call; at most `deadline`.
    pub attempt_timeout: Duration,
    /// Time for a whole forward, waiting and retries included.
    pub deadline: Duration,
    /// Attempts of one forward, the first one included.
    pub max_attempts: NonZeroU32,
    /// Time for which an app makes no call after Feishu said that its monthly quota is used up.
    pub quota_interval: Duration,
}

/// One Feishu app.
#[derive(Debug, Clone)]
pub struct App {
    /// The app's id in Feishu's developer console.
    pub app_id: String,
    /// The app's secret, from the configuration itself or from `app_secret_file`.
    pub app_secret: SecretString,
    /// The file that it was read from.
    pub app_secret_file: Option<PathBuf>,
}

/// How many forwards may leave in which time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Forwards to one receiver in any second.
    pub receiver_per_second: NonZeroU32,
    /// Forwards with one app in any second.
    pub app_per_second: NonZeroU32,
    /// Forwards with one app in any minute.
    pub app_per_minute: NonZeroU32,
    /// Added to each of these spans; may be zero.
    pub guard: Duration,
    /// Longest time that a forward waits for its turn; may be zero.
    pub max_wait: Duration,
    /// Forwards that wait for one receiver at the same time, at least 1.
    pub max_waiting_per_receiver: usize,
    /// Forwards that wait in all at the same time, at least 1.
    pub max_waiting: usize,
}

/// What replicas share.
#[derive(Debug, Clone)]
pub struct State {
    /// The Redis that they share it in.
    pub url: StateUrl,
    /// The password, from the configuration itself or from `password_file`.
    pub password: Option<SecretString>,
    /// The file that it was read from.
    pub password_file: Option<PathBuf>,
    /// The Sentinels' password, from the configuration itself or from `sentinel_password_file`.
    pub sentinel_password: Option<SecretString>,
    /// The file that it was read from.
    pub sentinel_password_file: Option<PathBuf>,
    /// The files `ca_file`, `cert_file` and `key_file` for TLS.
    pub tls: TlsFiles,
    /// What the names of all keys in Redis begin with.
    pub prefix: String,
    /// How many replicas there are at most.
    pub replicas: NonZeroU32,
}

/// How the log is written.
#[derive(Debug, Clone)]
pub struct Log {
    /// The form of a line.
    pub format: Format,
    /// What is logged: directives that tracing-subscriber's `EnvFilter` parses.
    pub filter: String,
    /// How receivers and messages stand in the audit log.
    pub audit_ids: IdForm,
}

/// One thing wrong with the configuration; it never holds a value that was set, as that may be a
/// secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The dotted key, or the path of a file that cannot be read at all.
    pub key: String,
    /// What is wrong, and in which file or variable.
    pub detail: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.detail)
    }
}
