//! What is allowed and probably wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use url::{Host, Url};

use super::error::ConfigError;
use super::key::owned;
use super::keys::ApiKeys;
use super::load::Config;
use super::sections::{FeishuConfig, LimitsConfig, ServerConfig};
use super::watch::{SecretFile, webhook_secret_files};
use crate::model::reach::Reach;
use crate::model::webhook::Webhook;

/// Largest body that is probably meant, in bytes: a forward's body is far smaller.
const MUCH_FOR_A_BODY: usize = 1 << 20;

/// What is probably wrong in the configuration at the time `now`, each with its key; `keys` are all API keys,
/// those of the keys file included.
#[must_use]
pub fn warnings(config: &Config, keys: &ApiKeys, now: Timestamp) -> Vec<String> {
    let mut found = Found::default();
    server(&config.server, config.feishu.deadline, &mut found);
    feishu(&config.feishu, &mut found);
    apps(config, &mut found);
    api_keys(config, keys, now, &mut found);
    webhooks(config, keys, &mut found);
    limits(&config.limits, config, &mut found);
    found.when(
        config.broadcasts.path.is_some() && config.state.is_some(),
        &["broadcasts", "path"],
        "is not used, because state.url is set: replicas keep broadcasts in Redis",
    );
    log(&config.log.filter, &mut found);
    files(config, keys, &mut found);
    found.0
}

#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn when<S: AsRef<str>>(&mut self, is_so: bool, key: &[S], detail: impl Into<String>) {
        if is_so {
            self.0.push(ConfigError::at(key, detail).to_string());
        }
    }
}

fn server(server: &ServerConfig, deadline: Duration, found: &mut Found) {
    found.when(
        server.drain_delay >= server.drain_timeout && !server.drain_delay.is_zero(),
        &["server", "drain_delay"],
        "leaves no time of server.drain_timeout for the requests in flight",
    );
    found.when(
        server.drain_timeout < deadline,
        &["server", "drain_timeout"],
        "is shorter than feishu.deadline: a restart may cut a forward short",
    );
    found.when(
        server.max_connections < server.max_in_flight,
        &["server", "max_connections"],
        "is below server.max_in_flight: that limit is never reached",
    );
    found.when(
        server.max_body > MUCH_FOR_A_BODY,
        &["server", "max_body"],
        "is far more than a forward needs; each request may take that much memory",
    );
}

fn feishu(feishu: &FeishuConfig, found: &mut Found) {
    found.when(
        feishu.base_url.scheme() == "http" && !is_this_machine(&feishu.base_url),
        &["feishu", "base_url"],
        "is plain http to another machine: others on the network can read secrets and tokens",
    );
    let is_website =
        |host: &str| ["feishu.cn", "larksuite.com"].contains(&host.trim_start_matches("www."));
    found.when(
        feishu.base_url.host_str().is_some_and(is_website),
        &["feishu", "base_url"],
        "is a website; the API is at https://open.feishu.cn or https://open.larksuite.com",
    );
    found.when(
        feishu.attempt_timeout > feishu.deadline,
        &["feishu", "attempt_timeout"],
        "is longer than feishu.deadline, which ends a call earlier",
    );
    found.when(
        feishu.connect_timeout >= feishu.attempt_timeout,
        &["feishu", "connect_timeout"],
        "is not shorter than feishu.attempt_timeout: the gateway uses nine tenths of that instead",
    );
    found.when(
        feishu.quota_interval < Duration::from_mins(1),
        &["feishu", "quota_interval"],
        "is short: each call beyond the month's quota may use up quota of the next month",
    );
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn apps(config: &Config, found: &mut Found) {
    for (name, app) in &config.apps {
        found.when(
            !app.app_id.starts_with("cli_"),
            &["apps", name, "app_id"],
            "does not look like an app's id, which begins with cli_",
        );
        // A placeholder that nobody replaced does not, nor does the mask of `config check`.
        let is_usual = |secret: &str| {
            secret.chars().all(|c| matches!(c, '-' | '_') || c.is_ascii_alphanumeric())
        };
        found.when(
            !is_usual(app.app_secret.expose_secret()),
            &["apps", name, "app_secret"],
            "does not look like an app's secret, which is letters and digits",
        );
    }
}

fn api_keys(config: &Config, keys: &ApiKeys, now: Timestamp, found: &mut Found) {
    found.when(keys.is_empty(), &["keys"], "no API key is configured: every forward is refused");
    for (name, key) in keys {
        found.when(
            key.expires_at.is_some_and(|end| end <= now),
            &["keys", name, "expires_at"],
            "is in the past: the key is refused",
        );
        found.when(
            key.budget.per_month.is_some() && config.state.is_none(),
            &["keys", name, "per_month"],
            "is counted in memory, as state.url is not set: each replica counts for itself, and a restart begins at zero",
        );
    }
    for name in config.apps.keys().filter(|_| !keys.is_empty()) {
        found.when(
            keys.values().all(|key| key.app != *name),
            &["apps", name],
            "no API key forwards with this app",
        );
    }
}

fn webhooks(config: &Config, keys: &ApiKeys, found: &mut Found) {
    let reach = Reach::new(config.broadcasts.webhook_networks.clone());
    for (name, key) in keys {
        let Some(Webhook { url, .. }) = &key.webhook else { continue };
        let key = ["keys", name, "webhook_url"];
        found.when(
            url.get().scheme() == "http" && !is_this_machine(url.get()),
            &key,
            "is plain http to another machine: others on the network can read the events",
        );
        let address = match url.get().host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        found.when(
            address.is_some_and(|it| !reach.allows(it)),
            &key,
            "is a private address outside broadcasts.webhook_networks: the gateway posts nothing there",
        );
    }
}

fn limits(limits: &LimitsConfig, config: &Config, found: &mut Found) {
    for (key, limit, of_feishu) in [
        ("receiver_per_second", limits.receiver_per_second, 5),
        ("app_per_second", limits.app_per_second, 50),
        ("app_per_minute", limits.app_per_minute, 1000),
    ] {
        found.when(
            limit.get() > of_feishu,
            &["limits", key],
            format!("is above Feishu's limit of {of_feishu}: Feishu refuses calls above its limit"),
        );
    }
    found.when(
        limits.max_wait > config.feishu.deadline * 2 / 3,
        &["limits", "max_wait"],
        "is longer than two thirds of feishu.deadline: a forward waits only that long",
    );
    found.when(
        limits.max_waiting >= config.server.max_in_flight,
        &["limits", "max_waiting"],
        "is not below server.max_in_flight: waiting forwards may take all places",
    );
    found.when(
        limits.max_waiting_per_receiver > limits.max_waiting,
        &["limits", "max_waiting_per_receiver"],
        "is above limits.max_waiting, the limit for all receivers together",
    );
}

fn log(filter: &str, found: &mut Found) {
    // What a filter with spans lets through depends on the spans: nothing can be said in advance.
    let Ok(targets) = filter.parse::<Targets>() else {
        return;
    };
    let key = ["log", "filter"];
    found.when(
        !targets.would_enable("feishu_forward_gateway", &Level::ERROR),
        &key,
        "hides the gateway's errors",
    );
    found.when(
        !targets.would_enable("audit", &Level::INFO),
        &key,
        "hides the audit log; append \",audit=info\" to keep it",
    );
}

fn files(config: &Config, keys: &ApiKeys, found: &mut Found) {
    let secret_files = SecretFile::all(config);
    let mut files: Vec<_> = secret_files.iter().map(SecretFile::named).collect();
    let key_file = config.state.as_ref().and_then(|state| state.tls.files.key.as_deref());
    let others = [
        (owned(&["state", "key_file"]), key_file),
        (owned(&["server", "tls", "key_file"]), config.server.tls.files.key.as_deref()),
        (owned(&["keys_file"]), config.keys_file.as_deref()),
    ];
    let of_webhooks: Vec<_> = webhook_secret_files(keys)
        .map(|(name, file, _)| (owned(&["keys", name, "webhook_secret_file"]), file))
        .collect();
    files.extend(of_webhooks.iter().map(|(key, path)| (key, *path)));
    files.extend(others.iter().filter_map(|(key, path)| Some((key, (*path)?))));
    for (key, path) in files {
        found.when(
            is_writable_by_all(path),
            key,
            format!("{} is writable by every user of this machine", path.display()),
        );
    }
}

fn is_writable_by_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o002 != 0)
}
