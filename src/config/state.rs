//! The Redis that replicas share: where it is, and how to be let in.

use std::path::{Path, PathBuf};

use super::State;
use super::load::secret_or_file;
use super::settings::Settings;
use super::values::{count, password, path, state_prefix, state_url_or_none};
use crate::model::state_url::{Servers, StateUrl};
use crate::tls::{TlsFiles, certificates, private_key};

pub(super) fn read(settings: &mut Settings) -> Option<State> {
    let url = settings.or_default(&["state", "url"], state_url_or_none);
    let keys: [&[&str]; 2] = [&["state", "password"], &["state", "password_file"]];
    let sentinel_keys: [&[&str]; 2] =
        [&["state", "sentinel_password"], &["state", "sentinel_password_file"]];
    let is_wanted = url.is_some() || settings.is_set(&["state", "url"]);
    let secret = secret_or_file(settings, keys, password);
    if !is_wanted && secret.is_some() {
        settings.mistake(&["state", "url"], "is missing, but there is a password for it");
    }
    let sentinel_password = secret_or_file(settings, sentinel_keys, password);
    let has_sentinels =
        url.as_ref().is_some_and(|url| matches!(url.servers, Servers::Sentinels { .. }));
    if url.is_some() && !has_sentinels && sentinel_password.is_some() {
        let set = sentinel_keys.into_iter().find(|key| settings.is_set(key));
        let detail = "is set, but state.url names no Sentinels: it must be like redis+sentinel://…";
        settings.mistake(set.unwrap_or(sentinel_keys[0]), detail);
    }
    let tls = tls(settings, url.as_ref());
    let password_file = settings.optional(keys[1], path);
    let sentinel_password_file = settings.optional(sentinel_keys[1], path);
    let prefix = settings.or_default(&["state", "prefix"], state_prefix);
    let replicas = settings.or_default(&["state", "replicas"], count);
    Some(State {
        url: url?,
        password: secret,
        password_file,
        sentinel_password,
        sentinel_password_file,
        tls,
        prefix,
        replicas,
    })
}

/// The files for TLS, each of which is there and holds what it is to.
fn tls(settings: &mut Settings, url: Option<&StateUrl>) -> TlsFiles {
    let mut file = |name: &str, read: fn(&Path) -> Result<Vec<u8>, String>| -> Option<PathBuf> {
        let key = ["state", name];
        let path = settings.optional(&key, path)?;
        if url.is_some_and(|url| !url.tls) {
            settings
                .mistake(&key, "is set, but state.url is without TLS: it must begin with rediss");
        }
        if let Err(detail) = read(&path) {
            settings.mistake(&key, detail);
        }
        Some(path)
    };
    let ca = file("ca_file", certificates);
    let cert = file("cert_file", certificates);
    let key = file("key_file", private_key);
    if cert.is_some() && key.is_none() {
        settings.mistake(&["state", "key_file"], "is missing, but there is cert_file");
    }
    if key.is_some() && cert.is_none() {
        settings.mistake(&["state", "cert_file"], "is missing, but there is key_file");
    }
    TlsFiles { ca, cert, key }
}
