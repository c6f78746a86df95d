//! The configuration written back as TOML, for people who ask what holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use humantime::format_duration;
use secrecy::SecretString;
use url::Url;

use super::key::dotted;
use super::{App, Config, Feishu, Limits, Log, Server, State};
use crate::model::api_key::KeyEntry;
use crate::telemetry::audit::IdForm;
use crate::telemetry::logs::Format;
use crate::tls::TlsFiles;

/// What stands in place of a secret.
const MASK: &str = "********";

/// The configuration as TOML with every key and its secrets masked.
///
/// It can be loaded again, though with a mask for a secret. A secret from a file is shown as if it
/// had been set itself, and the keys in `keys_file` are left to [`effective_keys_file`].
#[must_use]
pub fn effective(config: &Config) -> String {
    let keys_file = config.keys_file.as_deref().unwrap_or("".as_ref());
    let mut toml = format!("keys_file = {}\n", quoted(&keys_file.display().to_string()));
    toml += &server(&config.server);
    toml += &feishu(&config.feishu);
    toml.extend(config.apps.iter().map(|(name, it)| app(name, it)));
    toml.extend(config.keys.iter().map(|(name, it)| key(name, it)));
    toml += &limits(&config.limits);
    if let Some(it) = &config.state {
        toml += &state(it);
    }
    toml += &log(&config.log);
    toml
}

/// The keys, but for API keys and secrets, that `other` has set otherwise.
#[must_use]
pub fn changed(config: &Config, other: &Config) -> BTreeSet<String> {
    let (one, other) = (settings(config), settings(other));
    one.symmetric_difference(&other).map(|(key, _)| key.clone()).collect()
}

/// Each key with its value, without API keys.
fn settings(config: &Config) -> BTreeSet<(String, String)> {
    let without_keys = Config { keys: BTreeMap::new(), keys_file: None, ..config.clone() };
    let (toml, mut section) = (effective(&without_keys), String::new());
    let mut settings = BTreeSet::new();
    for line in toml.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            section = format!("{header}.");
        } else if let Some((key, value)) = line.split_once(" = ") {
            settings
                .insert((format!("{section}{}", key.trim_start_matches("# ")), value.to_owned()));
        }
    }
    settings
}

/// The API keys of the keys file as comments in TOML, each as it would stand in the configuration.
#[must_use]
pub fn effective_keys_file(keys: &BTreeMap<String, KeyEntry>) -> String {
    let mut toml = format!("\n# keys_file holds {} more API keys:\n", keys.len());
    for line in keys
        .iter()
        .flat_map(|(name, it)| key(name, it).lines().map(str::to_owned).collect::<Vec<_>>())
    {
        let comment = line.strip_prefix("# ").unwrap_or(&line);
        toml += format!("# {comment}").trim_end();
        toml.push('\n');
    }
    toml
}

fn server(server: &Server) -> String {
    table(
        &["server"],
        &[
            ("listen", quoted(&server.listen.to_string())),
            ("admin_listen", quoted(&server.admin_listen.to_string())),
            ("public_url", quoted(server.public_url.as_ref().map_or("", Url::as_str))),
            ("max_in_flight", server.max_in_flight.to_string()),
            ("max_connections", server.max_connections.to_string()),
            ("max_body", size(server.max_body)),
            ("body_timeout", duration(server.body_timeout)),
            ("drain_delay", duration(server.drain_delay)),
            ("drain_timeout", duration(server.drain_timeout)),
        ],
    )
}

fn feishu(feishu: &Feishu) -> String {
    table(
        &["feishu"],
        &[
            ("base_url", quoted(feishu.base_url.as_str())),
            ("connect_timeout", duration(feishu.connect_timeout)),
            ("attempt_timeout", duration(feishu.attempt_timeout)),
            ("deadline", duration(feishu.deadline)),
            ("max_attempts", feishu.max_attempts.to_string()),
            ("quota_interval", duration(feishu.quota_interval)),
        ],
    )
}

fn app(name: &str, app: &App) -> String {
    table(&["apps", name], &[("app_id", quoted(&app.app_id)), ("app_secret", quoted(MASK))])
}

fn key(name: &str, key: &KeyEntry) -> String {
    // TOML has no words for never and all: the keys are shown all the same.
    let expires_at = match key.expires_at {
        Some(moment) => ("expires_at", quoted(&moment.to_string())),
        None => ("# expires_at", "never".into()),
    };
    let receivers = match &key.policy.receivers {
        Some(receivers) => ("allow_receivers", list(receivers.patterns())),
        None => ("# allow_receivers", "all".into()),
    };
    let types = match &key.policy.types {
        Some(types) => ("allow_receive_id_types", list(types.iter().map(|it| it.as_str()))),
        None => ("# allow_receive_id_types", "all".into()),
    };
    table(
        &["keys", name],
        &[
            ("hash", quoted(&key.hash.to_string())),
            ("app", quoted(&key.app)),
            expires_at,
            ("disabled", key.disabled.to_string()),
            receivers,
            types,
        ],
    )
}

fn limits(limits: &Limits) -> String {
    table(
        &["limits"],
        &[
            ("receiver_per_second", limits.receiver_per_second.to_string()),
            ("app_per_second", limits.app_per_second.to_string()),
            ("app_per_minute", limits.app_per_minute.to_string()),
            ("guard", duration(limits.guard)),
            ("max_wait", duration(limits.max_wait)),
            ("max_waiting_per_receiver", limits.max_waiting_per_receiver.to_string()),
            ("max_waiting", limits.max_waiting.to_string()),
        ],
    )
}

fn state(state: &State) -> String {
    let masked = |secret: &Option<SecretString>| match secret {
        Some(_) => quoted(MASK),
        None => "none".into(),
    };
    let name = |it: bool, [set, unset]: [&'static str; 2]| if it { set } else { unset };
    let file = |path: &Option<PathBuf>| match path {
        Some(path) => quoted(&path.display().to_string()),
        None => "none".into(),
    };
    let TlsFiles { ca, cert, key } = &state.tls;
    table(
        &["state"],
        &[
            ("url", quoted(&state.url.to_string())),
            (name(state.password.is_some(), ["password", "# password"]), masked(&state.password)),
            (
                name(
                    state.sentinel_password.is_some(),
                    ["sentinel_password", "# sentinel_password"],
                ),
                masked(&state.sentinel_password),
            ),
            (name(ca.is_some(), ["ca_file", "# ca_file"]), file(ca)),
            (name(cert.is_some(), ["cert_file", "# cert_file"]), file(cert)),
            (name(key.is_some(), ["key_file", "# key_file"]), file(key)),
            ("prefix", quoted(&state.prefix)),
            ("replicas", state.replicas.to_string()),
        ],
    )
}

fn log(log: &Log) -> String {
    let format = match log.format {
        Format::Json => "json",
        Format::Text => "text",
    };
    let audit_ids = match log.audit_ids {
        IdForm::Hashed => "hashed",
        IdForm::Plain => "plain",
    };
    table(
        &["log"],
        &[
            ("format", quoted(format)),
            ("filter", quoted(&log.filter)),
            ("audit_ids", quoted(audit_ids)),
        ],
    )
}

fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A table of keys with their values as TOML writes them.
fn table(header: &[&str], entries: &[(&str, String)]) -> String {
    let lines = entries.iter().map(|(key, value)| format!("{key} = {value}\n"));
    format!("\n[{}]\n{}", dotted(header), lines.collect::<String>())
}

fn duration(duration: Duration) -> String {
    quoted(&format_duration(duration).to_string())
}

/// A whole number of KiB where it is one, else of bytes.
fn size(bytes: usize) -> String {
    if bytes.is_multiple_of(1024) {
        return quoted(&format!("{}KiB", bytes / 1024));
    }
    bytes.to_string()
}

/// A TOML basic string. No text of a configuration holds a control character, so quotes and
/// backslashes are all that needs escaping.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
