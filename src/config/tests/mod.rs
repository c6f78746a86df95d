//! Tests of what the configuration promises.

use std::fs;
use std::path::PathBuf;

use gateway_harness::certificates::{Authority, Certificate, write};
use tempfile::TempDir;

use crate::config::{Config, ConfigError, load};
use crate::model::api_key::KeyHash;

mod apps_and_keys;
mod effective;
mod errors;
mod keys_file;
mod rules;
mod sources;
mod state;
mod store_apps;
mod trust;
mod warnings;
mod webhooks;

/// The smallest configuration that loads.
const APP: &str = "[apps.main]\napp_id = 'cli_1'\napp_secret = 'hush'\n";
/// A configuration with two apps.
const APPS: &str = "[apps]\nmain = { app_id = 'cli_1', app_secret = 'hush' }\n\
                    other = { app_id = 'cli_2', app_secret = 'hush2' }\n";

/// A file that is deleted with its directory when this is dropped.
struct OnDisk {
    path: PathBuf,
    _directory: TempDir,
}

fn on_disk(content: impl AsRef<[u8]>) -> OnDisk {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("gateway.toml");
    fs::write(&path, content).expect("a file in it");
    OnDisk { path, _directory: directory }
}

/// A folder with the PEM files `ca`, `cert` and `key`: an authority's certificate, and a certificate with its key that it
/// has issued.
fn certificates() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new();
    let Certificate { cert, key } = authority.server();
    for (name, content) in [("ca", authority.pem()), ("cert", &cert), ("key", &key)] {
        write(directory.path(), name, content);
    }
    directory
}

fn load_with(toml: &str, env: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    let file = on_disk(toml);
    let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    load(Some(&file.path), env)
}

fn load_toml(toml: &str) -> Result<Config, Vec<ConfigError>> {
    load_with(toml, &[])
}

/// The errors in `toml`, as they are shown.
fn errors(toml: &str) -> Vec<String> {
    let errors = load_toml(toml).expect_err("errors");
    errors.iter().map(ConfigError::to_string).collect()
}

/// The only error in an otherwise right configuration with `toml` on top.
fn error(toml: &str) -> String {
    let [only] = &errors(&format!("{toml}\n{APP}"))[..] else {
        panic!("not one error: {:?}", errors(&format!("{toml}\n{APP}")));
    };
    only.clone()
}

/// Asserts that each TOML is refused with one error that starts with the text beside it.
fn refused(cases: &[(&str, &str)]) {
    for (toml, start) in cases {
        let shown = error(toml);
        assert!(shown.starts_with(start), "{toml}: {shown}");
    }
}

fn key_table(name: &str, key: &str, more: &str) -> String {
    format!("[keys.{name}]\nhash = '{}'\n{more}\n", KeyHash::of(key))
}
