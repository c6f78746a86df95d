//! The section `state`: the Redis that replicas share, and how the gateway authenticates to it.

use std::num::NonZeroU32;
use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::{ConfigReader, Section};
use super::tls::TlsOwner;
use super::values::{ConfigValue, ToToml, count, or_none, password, quoted, text};
use crate::model::state_url::{InvalidStateUrl, Servers, StateUrl};
use crate::tls::TlsSettings;

/// The Redis that replicas share.
#[derive(Debug, Clone)]
pub struct StateConfig {
    /// Where the Redis is.
    pub url: StateUrl,
    /// The password, from the configuration itself or from `password_file`.
    pub password: Option<SecretString>,
    /// The file that the password was read from.
    pub password_file: Option<PathBuf>,
    /// The Sentinels' password, from the configuration itself or from `sentinel_password_file`.
    pub sentinel_password: Option<SecretString>,
    /// The file that the Sentinels' password was read from.
    pub sentinel_password_file: Option<PathBuf>,
    /// The files `ca_file`, `cert_file` and `key_file` for TLS.
    pub tls: TlsSettings,
    /// What the names of all keys in Redis begin with.
    pub prefix: String,
    /// How many replicas there are at most.
    pub replicas: NonZeroU32,
}

impl StateConfig {
    /// None without `state.url`: then replicas share nothing.
    pub(super) fn read(reader: &mut ConfigReader) -> Option<Self> {
        let mut section = reader.section(&["state"]);
        let url = section.with_default("url", or_none(state_url));
        let (password, password_file) = section.secret("password", self::password);
        let (sentinel_password, sentinel_password_file) =
            section.secret("sentinel_password", self::password);
        let tls = TlsOwner::State.read(&mut section);
        let prefix = section.with_default("prefix", prefix);
        let replicas = section.with_default("replicas", count(u32::MAX));
        if url.is_none() && !section.is_set("url") && password.is_some() {
            section.error("url", "is missing, but a password for it is set");
        }
        if sentinel_password.is_some() {
            check_sentinels(&mut section, url.as_ref());
        }
        if url.as_ref().is_some_and(|url| !url.tls) && !tls.files.are_none() {
            let files = ["ca_file", "cert_file", "key_file"];
            let set = files.into_iter().find(|name| section.is_set(name)).unwrap_or_default();
            section.error(set, "is set, but state.url does not use TLS: it must begin with rediss");
        }
        let Some(url) = url else {
            section.hide();
            return None;
        };
        Some(Self {
            url,
            password,
            password_file,
            sentinel_password,
            sentinel_password_file,
            tls,
            prefix,
            replicas,
        })
    }
}

fn check_sentinels(section: &mut Section<'_>, url: Option<&StateUrl>) {
    if url.is_some_and(|url| !matches!(url.servers, Servers::Sentinels { .. })) {
        let is_inline = section.is_set("sentinel_password");
        section.error(
            if is_inline { "sentinel_password" } else { "sentinel_password_file" },
            "is set, but state.url names no Sentinels: it must begin with redis+sentinel://",
        );
    }
}

fn state_url(value: &ConfigValue) -> Result<StateUrl, String> {
    text(value)?.parse().map_err(|error: InvalidStateUrl| error.to_string())
}

impl ToToml for StateUrl {
    fn to_toml(&self) -> String {
        quoted(self)
    }
}

/// What the names of all keys in Redis begin with. Braces would change which part of a name decides on which
/// server of a cluster the key is.
fn prefix(value: &ConfigValue) -> Result<String, String> {
    let prefix = text(value)?;
    if prefix.contains(['{', '}']) {
        return Err("must not contain braces".into());
    }
    Ok(prefix)
}
