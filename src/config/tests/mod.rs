//! What the configuration promises, each promise a test.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Config, Mistake, load};
use crate::model::api_key::KeyHash;

mod apps_and_keys;
mod effective;
mod keys_file;
mod mistakes;
mod rules;
mod sources;
mod state;
mod trust;
mod warnings;

/// The least that loads.
const APP: &str = "[apps.main]\napp_id = 'cli_1'\napp_secret = 'hush'\n";
/// Two of them.
const APPS: &str = "[apps]\nmain = { app_id = 'cli_1', app_secret = 'hush' }\n\
                    other = { app_id = 'cli_2', app_secret = 'hush2' }\n";

/// A file that goes away with its directory.
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

fn load_with(toml: &str, env: &[(&str, &str)]) -> Result<Config, Vec<Mistake>> {
    let file = on_disk(toml);
    let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    load(Some(&file.path), env)
}

fn load_toml(toml: &str) -> Result<Config, Vec<Mistake>> {
    load_with(toml, &[])
}

/// The mistakes in `toml`, as they are shown.
fn mistakes(toml: &str) -> Vec<String> {
    let mistakes = load_toml(toml).expect_err("mistakes");
    mistakes.iter().map(Mistake::to_string).collect()
}

/// The mistake, the only one, in an otherwise right configuration with `toml` on top.
fn mistake(toml: &str) -> String {
    let [only] = &mistakes(&format!("{toml}\n{APP}"))[..] else {
        panic!("not one mistake: {:?}", mistakes(&format!("{toml}\n{APP}")));
    };
    only.clone()
}

/// Asserts that each of `toml` is refused with one mistake that starts as told.
fn refused(cases: &[(&str, &str)]) {
    for (toml, start) in cases {
        let told = mistake(toml);
        assert!(told.starts_with(start), "{toml}: {told}");
    }
}

fn key_table(name: &str, key: &str, more: &str) -> String {
    format!("[keys.{name}]\nhash = '{}'\n{more}\n", KeyHash::of(key))
}
