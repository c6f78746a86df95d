//! The sections `server`, `feishu`, `apps` and `limits`: what each holds, and a row for each key.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::reader::{ConfigReader, Section};
use super::store_app::StoreAppConfig;
use super::tls::TlsOwner;
use super::values::{
    ConfigValue, ToToml, address, any_texts, count, duration, flag, http_url, list, or_none,
    positive_duration, size, text,
};
use crate::model::web_origin::{OwnName, WebOrigin};
use crate::tls::TlsSettings;

/// Bound of counts that nothing else bounds.
const ANY: u32 = u32::MAX;
/// Longest duration: far from where the sum of a point in time and a duration overflows.
const HOUR: Duration = Duration::from_hours(1);

/// What the gateway listens on and what it accepts.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address of the API.
    pub listen: SocketAddr,
    /// The files `tls.cert_file`, `tls.key_file` and `tls.client_ca_file` for TLS on the public listener. None: it is
    /// without TLS.
    pub tls: TlsSettings,
    /// Address of metrics and health.
    pub admin_listen: SocketAddr,
    /// Address to which Feishu pushes the events of store apps. None: `listen` serves them.
    pub events_listen: Option<SocketAddr>,
    /// Where callers reach the API, if that is known: http or https, without credentials, query and
    /// fragment.
    pub public_url: Option<Url>,
    /// Whether the API has a start page and Swagger UI.
    pub docs: bool,
    /// Requests worked on at the same time, at least 1.
    pub max_in_flight: usize,
    /// Connections to the API at the same time, at least 1.
    pub max_connections: usize,
    /// Largest body of a request, in bytes, at least 1.
    pub max_body: usize,
    /// Longest time for a request's body to come in after its head.
    pub body_timeout: Duration,
    /// Origins whose web pages may call the Model Context Protocol; there may be none.
    pub mcp_origins: Vec<WebOrigin>,
    /// Names of the gateway by which the Model Context Protocol is served. None of them: by every name.
    pub mcp_hosts: Vec<OwnName>,
    /// The first part of `drain_timeout`, in which the API still accepts requests. It may be zero, and
    /// `drain_timeout` cuts it where it is longer.
    pub drain_delay: Duration,
    /// Time that requests get to finish after SIGTERM; may be zero.
    pub drain_timeout: Duration,
}

impl ServerConfig {
    pub(super) fn read(reader: &mut ConfigReader) -> Self {
        let mut section = reader.section(&["server"]);
        let server = Self {
            tls: TlsSettings::default(),
            listen: section.with_default("listen", address),
            admin_listen: admin_listen(&mut section),
            events_listen: section.with_default("events_listen", or_none(address)),
            public_url: section.with_default("public_url", or_none(http_url)),
            docs: section.with_default("docs", flag),
            max_in_flight: section.with_default("max_in_flight", count(ANY)).get() as usize,
            max_connections: section.with_default("max_connections", count(ANY)).get() as usize,
            max_body: section.with_default("max_body", size).0,
            body_timeout: section.with_default("body_timeout", positive_duration(HOUR)),
            mcp_origins: section.with_default("mcp_origins", web_origins),
            mcp_hosts: section.with_default("mcp_hosts", own_names),
            drain_delay: section.with_default("drain_delay", duration(HOUR)),
            drain_timeout: section.with_default("drain_timeout", duration(HOUR)),
        };
        section.rule(
            ["admin_listen", "listen"],
            !collide(server.listen, server.admin_listen),
            "must differ from server.listen",
        );
        for (name, other) in [("listen", server.listen), ("admin_listen", server.admin_listen)] {
            section.rule(
                ["events_listen", name],
                server.events_listen.is_none_or(|it| !collide(it, other)),
                &format!("must differ from server.{name}"),
            );
        }
        let tls = TlsOwner::Server.read(&mut reader.section(TlsOwner::Server.section()));
        Self { tls, ..server }
    }
}

fn web_origins(value: &ConfigValue) -> Result<Vec<WebOrigin>, String> {
    let origin = |text: &String| {
        WebOrigin::parse(text).ok_or_else(|| {
            "must list origins such as \"https://assistant.example.com\", without a path".to_owned()
        })
    };
    any_texts(value)?.iter().map(origin).collect()
}

impl ToToml for Vec<WebOrigin> {
    fn to_toml(&self) -> String {
        list(self)
    }
}

fn own_names(value: &ConfigValue) -> Result<Vec<OwnName>, String> {
    let name = |text: &String| {
        OwnName::parse(text).ok_or_else(|| {
            "must list hosts such as \"gateway.example.com\" or \"10.0.0.7:8080\"".to_owned()
        })
    };
    any_texts(value)?.iter().map(name).collect()
}

impl ToToml for Vec<OwnName> {
    fn to_toml(&self) -> String {
        list(self)
    }
}

/// The row of `server.admin_listen`: the command `health` reads it alone.
pub(super) fn admin_listen(section: &mut Section<'_>) -> SocketAddr {
    section.with_default("admin_listen", address)
}

/// Whether two listeners cannot have these addresses at the same time.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let [one_ip, other_ip] = [one, other].map(|address| address.ip().to_canonical());
    let same_host = one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_host
}

/// How Feishu is called.
#[derive(Debug, Clone)]
pub struct FeishuConfig {
    /// Where Feishu's API is: http or https, without credentials, query and fragment.
    pub base_url: Url,
    /// The file `ca_file`: certificates that are trusted besides the system's.
    pub tls: TlsSettings,
    /// Time to make one connection, as far as nine tenths of `attempt_timeout` allow it.
    pub connect_timeout: Duration,
    /// Time for one call, connecting included; `deadline` cuts it short.
    pub attempt_timeout: Duration,
    /// Time for a whole forward, waiting and retries included.
    pub deadline: Duration,
    /// Attempts of one forward, the first one included.
    pub max_attempts: NonZeroU32,
    /// Time for which an app makes no call after Feishu said that its monthly quota is used up.
    pub quota_interval: Duration,
}

impl FeishuConfig {
    pub(super) fn read(reader: &mut ConfigReader) -> Self {
        let mut section = reader.section(&["feishu"]);
        Self {
            base_url: section.with_default("base_url", base_url),
            tls: TlsOwner::Feishu.read(&mut section),
            connect_timeout: section.with_default("connect_timeout", positive_duration(HOUR)),
            attempt_timeout: section.with_default("attempt_timeout", positive_duration(HOUR)),
            deadline: section.with_default("deadline", positive_duration(HOUR)),
            max_attempts: section.with_default("max_attempts", count(ANY)),
            quota_interval: section.with_default("quota_interval", positive_duration(HOUR)),
        }
    }
}

/// Where Feishu and Lark have their API.
const FEISHU_HOSTS: [&str; 2] = ["open.feishu.cn", "open.larksuite.com"];

fn base_url(value: &ConfigValue) -> Result<Url, String> {
    let url = http_url(value)?;
    if url.path().contains("/open-apis") {
        return Err("must end before /open-apis, which the gateway adds itself".into());
    }
    if FEISHU_HOSTS.contains(&url.host_str().unwrap_or_default()) && url.path() != "/" {
        return Err("must be only the host: Feishu's API begins with /open-apis".into());
    }
    Ok(url)
}

/// One Feishu app.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// The app's id in Feishu's developer console.
    pub app_id: String,
    /// The app's secret, from the configuration itself or from `app_secret_file`.
    pub app_secret: SecretString,
    /// The file that the secret was read from.
    pub app_secret_file: Option<PathBuf>,
    /// What only a store app has. None: the app is a self-built one.
    pub store: Option<StoreAppConfig>,
}

impl AppConfig {
    /// All apps, by name.
    pub(super) fn read_all(
        reader: &mut ConfigReader,
        names: &BTreeSet<String>,
    ) -> BTreeMap<String, Self> {
        if names.is_empty() {
            let detail = "needs at least one table [apps.NAME] with app_id and app_secret";
            reader.error(&["apps"], detail);
        }
        let apps: BTreeMap<String, Self> = names
            .iter()
            .filter_map(|name| Some((name.clone(), Self::read(reader.section(&["apps", name]))?)))
            .collect();
        let mut owners: HashMap<&str, &String> = HashMap::new();
        for (name, app) in &apps {
            let first = *owners.entry(&app.app_id).or_insert(name);
            if first != name {
                let detail = format!(
                    "is also the app_id of apps.{first}: the app's limits would be counted twice"
                );
                reader.error(&["apps", name, "app_id"], detail);
            }
        }
        apps
    }

    fn read(mut section: Section<'_>) -> Option<Self> {
        let app_id = section.required("app_id", app_id);
        if !section.is_set("app_secret") && !section.is_set("app_secret_file") {
            section.error("app_secret", "is missing, and so is app_secret_file");
        }
        let (app_secret, app_secret_file) = section.secret("app_secret", app_secret);
        let store = StoreAppConfig::read(&mut section);
        Some(Self { app_id: app_id?, app_secret: app_secret?, app_secret_file, store })
    }
}

/// The id of an app. Today's are `cli_` and hexadecimal digits; the rule leaves room for others.
fn app_id(value: &ConfigValue) -> Result<String, String> {
    let text = text(value)?;
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(
            "must be the app's id from the developer console: letters, digits and `_`".into()
        );
    }
    Ok(text)
}

/// The secret of an app. Today's are letters and digits; the rule leaves room for others.
pub(super) fn app_secret(value: &ConfigValue) -> Result<SecretString, String> {
    let text = text(value)?;
    if !text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`')) {
        return Err(
            "must be the app's secret from the developer console: ASCII, without white space or quotes"
                .into(),
        );
    }
    Ok(text.into())
}

/// How many forwards may be sent in which time.
#[derive(Debug, Clone)]
pub struct LimitsConfig {
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

impl LimitsConfig {
    pub(super) fn read(reader: &mut ConfigReader) -> Self {
        let mut section = reader.section(&["limits"]);
        Self {
            receiver_per_second: section.with_default("receiver_per_second", count(ANY)),
            app_per_second: section.with_default("app_per_second", count(ANY)),
            app_per_minute: section.with_default("app_per_minute", count(ANY)),
            guard: section.with_default("guard", duration(HOUR)),
            max_wait: section.with_default("max_wait", duration(HOUR)),
            max_waiting_per_receiver: section
                .with_default("max_waiting_per_receiver", count(ANY))
                .get() as usize,
            max_waiting: section.with_default("max_waiting", count(ANY)).get() as usize,
        }
    }
}
