//! From defaults, file and variables to a [`Config`], or to every mistake in them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;

use secrecy::SecretString;

use super::files::{LARGEST_SECRET, LARGEST_TOML, read_bounded, read_file};
use super::filter::log_filter;
use super::key::dotted;
use super::settings::Settings;
use super::values::{
    Value, address, app_id, app_secret, audit_ids, base_url, count, duration, log_format, path,
    path_or_none, positive_duration, public_url_or_none, size,
};
use super::{App, Config, DEFAULTS, Feishu, Limits, Log, Mistake, Server, keys, state};

/// Reads the configuration: the defaults, then `file`, then the variables `GATEWAY__SECTION__KEY`
/// of `env`, the later winning; else every mistake.
///
/// The file's names of apps and keys are matched to variables without regard to case. Of the keys
/// only those in `file` and `env` are read: for those in `keys_file` see `read_keys_file`.
pub fn load(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<Mistake>> {
    let content = file.map(read).transpose().map_err(|mistake| vec![mistake])?;
    parse(file.zip(content.as_deref()), env)
}

/// The address of metrics and health alone, whatever else is set; else what is wrong with it.
pub fn admin_listen(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<SocketAddr, Vec<Mistake>> {
    let content = file.map(read).transpose().map_err(|mistake| vec![mistake])?;
    let mut settings = settings(file.zip(content.as_deref()), env)?;
    let key = ["server", "admin_listen"];
    let address = settings.or_default(&key, address);
    let mut mistakes = settings.mistakes();
    mistakes.retain(|mistake| mistake.key == dotted(&key));
    if mistakes.is_empty() { Ok(address) } else { Err(mistakes) }
}

fn read(path: &Path) -> Result<Vec<u8>, Mistake> {
    read_bounded(path, LARGEST_TOML).map_err(|error| Mistake {
        key: path.display().to_string(),
        detail: format!("cannot be read: {error}"),
    })
}

/// The same with what the file holds.
pub(super) fn parse(
    file: Option<(&Path, &[u8])>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<Mistake>> {
    let mut settings = settings(file, env)?;
    let config = config(&mut settings);
    let mistakes = settings.mistakes();
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

fn settings(
    file: Option<(&Path, &[u8])>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Vec<Mistake>> {
    let mut settings = Settings::with_defaults(DEFAULTS);
    if let Some((path, content)) = file {
        // Without the file everything it sets would seem to be missing: that would be noise.
        settings.add_file(path, content).map_err(|mistake| vec![mistake])?;
    }
    settings.add_variables(env);
    Ok(settings)
}

fn config(settings: &mut Settings) -> Config {
    let app_names = settings.names("apps");
    Config {
        server: server(settings),
        feishu: feishu(settings),
        apps: apps(settings, &app_names),
        keys: keys::read(settings, &app_names),
        keys_file: settings.or_default(&["keys_file"], path_or_none),
        limits: limits(settings),
        state: state::read(settings),
        log: log(settings),
    }
}

fn server(settings: &mut Settings) -> Server {
    let server = Server {
        listen: settings.or_default(&["server", "listen"], address),
        admin_listen: settings.or_default(&["server", "admin_listen"], address),
        public_url: settings.or_default(&["server", "public_url"], public_url_or_none),
        max_in_flight: settings.or_default(&["server", "max_in_flight"], count).get() as usize,
        max_connections: settings.or_default(&["server", "max_connections"], count).get() as usize,
        max_body: settings.or_default(&["server", "max_body"], size),
        body_timeout: settings.or_default(&["server", "body_timeout"], positive_duration),
        drain_delay: settings.or_default(&["server", "drain_delay"], duration),
        drain_timeout: settings.or_default(&["server", "drain_timeout"], duration),
    };
    settings.rule(
        [&["server", "admin_listen"], &["server", "listen"]],
        !collide(server.listen, server.admin_listen),
        "must not be the address of server.listen".into(),
    );
    server
}

/// Whether two listeners cannot have these addresses at the same time.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let [one_ip, other_ip] = [one, other].map(|address| address.ip().to_canonical());
    let same_host = one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_host
}

fn feishu(settings: &mut Settings) -> Feishu {
    Feishu {
        base_url: settings.or_default(&["feishu", "base_url"], base_url),
        connect_timeout: settings.or_default(&["feishu", "connect_timeout"], positive_duration),
        attempt_timeout: settings.or_default(&["feishu", "attempt_timeout"], positive_duration),
        deadline: settings.or_default(&["feishu", "deadline"], positive_duration),
        max_attempts: settings.or_default(&["feishu", "max_attempts"], count),
        quota_interval: settings.or_default(&["feishu", "quota_interval"], positive_duration),
    }
}

fn apps(settings: &mut Settings, names: &BTreeSet<String>) -> BTreeMap<String, App> {
    if names.is_empty() {
        settings
            .mistake(&["apps"], "needs at least one table [apps.NAME] with app_id and app_secret");
    }
    let apps: BTreeMap<String, App> =
        names.iter().filter_map(|name| Some((name.clone(), app(settings, name)?))).collect();
    let mut owners: HashMap<&str, &String> = HashMap::new();
    for (name, app) in &apps {
        let first = *owners.entry(&app.app_id).or_insert(name);
        if first != name {
            let detail = format!("is that of apps.{first} too: its limits would be counted twice");
            settings.mistake(&["apps", name, "app_id"], detail);
        }
    }
    apps
}

fn app(settings: &mut Settings, name: &str) -> Option<App> {
    let app_id = settings.required(&["apps", name, "app_id"], app_id);
    let (key, file_key) = (["apps", name, "app_secret"], ["apps", name, "app_secret_file"]);
    if !settings.is_set(&key) && !settings.is_set(&file_key) {
        settings.mistake(&key, "is missing, and so is app_secret_file");
    }
    let app_secret = secret_or_file(settings, [&key, &file_key], app_secret);
    let app_secret_file = settings.optional(&file_key, path);
    Some(App { app_id: app_id?, app_secret: app_secret?, app_secret_file })
}

/// A secret that stands at `key` or in the file that `file_key` names, if it is set at all.
pub(super) fn secret_or_file(
    settings: &mut Settings,
    [key, file_key]: [&[&str]; 2],
    parse: fn(&Value) -> Result<SecretString, String>,
) -> Option<SecretString> {
    let inline = settings.optional(key, parse);
    let file = settings.optional(file_key, path);
    match (settings.is_set(key), settings.is_set(file_key)) {
        (true, false) => inline,
        (false, true) => {
            read_secret(&file?, parse).map_err(|detail| settings.mistake(file_key, detail)).ok()
        }
        (false, false) => None,
        (true, true) => {
            let detail = format!("is set, and {} is too: keep one of them", key[key.len() - 1]);
            settings.mistake(file_key, detail);
            None
        }
    }
}

/// The secret that the file at `path` holds, by the rules of one that stands in the configuration.
pub(super) fn read_secret(
    path: &Path,
    parse: fn(&Value) -> Result<SecretString, String>,
) -> Result<SecretString, String> {
    // The path is left out: somebody may have put the secret itself there.
    let content = read_file(path, LARGEST_SECRET)
        .map_err(|error| format!("names a file that cannot be read: {error}"))?;
    let text = str::from_utf8(&content).map_err(|_| "names a file that is not valid UTF-8")?;
    parse(&Value::text(text)).map_err(|detail| format!("names a file, and what it holds {detail}"))
}

fn limits(settings: &mut Settings) -> Limits {
    Limits {
        receiver_per_second: settings.or_default(&["limits", "receiver_per_second"], count),
        app_per_second: settings.or_default(&["limits", "app_per_second"], count),
        app_per_minute: settings.or_default(&["limits", "app_per_minute"], count),
        guard: settings.or_default(&["limits", "guard"], duration),
        max_wait: settings.or_default(&["limits", "max_wait"], duration),
        max_waiting_per_receiver: settings
            .or_default(&["limits", "max_waiting_per_receiver"], count)
            .get() as usize,
        max_waiting: settings.or_default(&["limits", "max_waiting"], count).get() as usize,
    }
}

fn log(settings: &mut Settings) -> Log {
    Log {
        format: settings.or_default(&["log", "format"], log_format),
        filter: settings.or_default(&["log", "filter"], log_filter),
        audit_ids: settings.or_default(&["log", "audit_ids"], audit_ids),
    }
}
