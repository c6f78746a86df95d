//! The keys file while the gateway runs: read again and again, handed on when it has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::files::{LARGEST_TOML, read_file};
use super::keys::{parse_keys_file, unreadable};
use super::{App, Mistake};
use crate::clock::Clock;
use crate::model::api_key::KeyEntry;

/// All API keys, those of the configuration and those of the keys file, or what is wrong with the file.
pub type Keys = Result<BTreeMap<String, KeyEntry>, Vec<Mistake>>;

/// The keys file and what it held at the last look. No `Debug`: somebody may have put a key in clear
/// into it.
pub struct KeysFile {
    path: PathBuf,
    apps: BTreeSet<String>,
    inline: BTreeMap<String, KeyEntry>,
    seen: Option<Result<Vec<u8>, ErrorKind>>,
}

impl KeysFile {
    /// The keys file at `path`, not yet looked at; `inline` are the keys of the configuration.
    #[must_use]
    pub fn new(
        path: PathBuf,
        apps: &BTreeMap<String, App>,
        inline: BTreeMap<String, KeyEntry>,
    ) -> Self {
        Self { path, apps: apps.keys().cloned().collect(), inline, seen: None }
    }

    /// All keys, `inline` ones included, or the file's mistakes, if the file is not as it was at
    /// the last look; the first look always tells.
    ///
    /// It compares what the file holds. The content of a small file is the one thing to go by
    /// that works with the swapped symbolic links of a Kubernetes secret, with NFS, and with
    /// editors that put a new file in the place of the old one.
    pub fn look(&mut self) -> Option<Keys> {
        let content = read_file(&self.path, LARGEST_TOML);
        let now = content.as_ref().map(Vec::clone).map_err(io::Error::kind);
        if self.seen.as_ref() == Some(&now) {
            return None;
        }
        self.seen = Some(now);
        Some(self.parse(content))
    }

    fn parse(&self, content: io::Result<Vec<u8>>) -> Keys {
        let content = content.map_err(|error| vec![unreadable(&self.path, &error)])?;
        let mut keys = parse_keys_file(&self.path, &content, &self.apps, &self.inline)?;
        keys.extend(self.inline.clone());
        Ok(keys)
    }
}

/// Looks at the file at once and then at every `interval`, and tells `heed` what was found whenever
/// the file has changed; never returns.
///
/// What was found is logged too, mistakes once for each change.
pub async fn watch_keys_file(
    mut file: KeysFile,
    clock: Clock,
    interval: Duration,
    mut heed: impl FnMut(&Keys),
) {
    loop {
        // A file system that hangs must not take a worker's thread along.
        let look = spawn_blocking(move || (file.look(), file)).await;
        let Ok((change, same_file)) = look else {
            tracing::error!("looking at the keys file panicked: it is no longer watched");
            heed(&Err(Vec::new()));
            return;
        };
        file = same_file;
        if let Some(keys) = change {
            report(&file, &keys);
            heed(&keys);
        }
        clock.sleep_until(clock.now() + interval).await;
    }
}

fn report(file: &KeysFile, keys: &Keys) {
    let file = file.path.display();
    match keys {
        Ok(keys) => tracing::info!(%file, keys = keys.len(), "read the keys file"),
        Err(mistakes) => {
            let mistakes: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
            let mistakes = mistakes.join("; ");
            tracing::error!(%file, mistakes, "the keys file is wrong: the keys stay as they were");
        }
    }
}
