//! From the defaults, a file and variables to a [`Config`], or to every error in them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::broadcasts::BroadcastsConfig;
use super::effective::Effective;
use super::error::ConfigError;
use super::files::{LARGEST_TOML, read_bounded};
use super::key::dotted;
use super::keys::{ApiKeys, KnownApps, read_keys};
use super::log::LogConfig;
use super::reader::ConfigReader;
use super::sections::{self, AppConfig, FeishuConfig, LimitsConfig, ServerConfig};
use super::sources::Sources;
use super::state::StateConfig;
use super::values::{or_none, path};

/// The documentation of every key and its default: TOML with comments.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The whole configuration. Every value in it is valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the gateway listens on and what it accepts.
    pub server: ServerConfig,
    /// How Feishu is called.
    pub feishu: FeishuConfig,
    /// The Feishu apps by name, at least one.
    pub apps: BTreeMap<String, AppConfig>,
    /// The API keys, without those of `keys_file`; may be empty.
    pub keys: ApiKeys,
    /// The file of further API keys. [`read_keys_file`](super::read_keys_file) reads it.
    pub keys_file: Option<PathBuf>,
    /// How many forwards may be sent in which time.
    pub limits: LimitsConfig,
    /// The Redis that replicas share; none: they share nothing.
    pub state: Option<StateConfig>,
    /// Where broadcasts are kept, and their bounds.
    pub broadcasts: BroadcastsConfig,
    /// How the log is written.
    pub log: LogConfig,
    /// All of this as `config check` prints it.
    pub effective: Effective,
}

/// Reads the configuration from the defaults, then `file`, then the variables `GATEWAY__SECTION__KEY` in
/// `env`; the later ones win. If anything is wrong, every error is returned.
///
/// The names of apps and callers in variables match those in the file without regard to case. The API keys
/// in `keys_file` are not read.
pub fn load(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<ConfigError>> {
    let content = file.map(read).transpose().map_err(|error| vec![error])?;
    parse(file.zip(content.as_deref()), env)
}

/// The address of metrics and health alone, or what is wrong with it. Errors at other keys do not matter.
pub fn admin_listen(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<SocketAddr, Vec<ConfigError>> {
    let content = file.map(read).transpose().map_err(|error| vec![error])?;
    let mut reader = reader(file.zip(content.as_deref()), env)?;
    let address = sections::admin_listen(&mut reader.section(&["server"]));
    let mut errors = reader.finish().err().unwrap_or_default();
    errors.retain(|error| error.key == dotted(&["server", "admin_listen"]));
    if errors.is_empty() { Ok(address) } else { Err(errors) }
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    read_bounded(path, LARGEST_TOML).map_err(|error| ConfigError {
        key: path.display().to_string(),
        detail: format!("cannot be read: {error}"),
    })
}

/// Reads the configuration as [`load`] does, from a file whose content is known.
pub(super) fn parse(
    file: Option<(&Path, &[u8])>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<ConfigError>> {
    let mut reader = reader(file, env)?;
    let app_names = reader.names("apps");
    // `config check` shows the sections in this order.
    let keys_file = reader.section(&[]).with_default("keys_file", or_none(path));
    let server = ServerConfig::read(&mut reader);
    let feishu = FeishuConfig::read(&mut reader);
    let apps = AppConfig::read_all(&mut reader, &app_names);
    let keys = read_keys(&mut reader, &KnownApps::of(app_names, &apps));
    let limits = LimitsConfig::read(&mut reader);
    let state = StateConfig::read(&mut reader);
    let broadcasts = BroadcastsConfig::read(&mut reader);
    let log = LogConfig::read(&mut reader);
    let effective = reader.finish()?;
    Ok(Config { server, feishu, apps, keys, keys_file, limits, state, broadcasts, log, effective })
}

fn reader(
    file: Option<(&Path, &[u8])>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<ConfigReader, Vec<ConfigError>> {
    let mut sources = Sources::with_defaults(DEFAULTS);
    if let Some((path, content)) = file {
        // Every key that a broken file sets would be missing: the file's own error is enough.
        sources.add_file(path, content).map_err(|error| vec![error])?;
    }
    sources.add_variables(env);
    Ok(ConfigReader::new(sources))
}
