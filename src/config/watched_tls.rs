//! The PEM files for TLS, which are read again while the gateway runs, and used when they have changed.

use super::error::ConfigError;
use super::key::dotted;
use super::load::Config;
use super::tls::TlsOwner;
use crate::tls::{TlsFile, TlsFiles, TlsPem};

/// The files of one owner, and what they held at the last look.
pub struct WatchedTls {
    /// Whose files they are.
    pub owner: TlsOwner,
    files: TlsFiles,
    seen: Result<TlsPem, Vec<(TlsFile, String)>>,
}

impl WatchedTls {
    /// All PEM files of `config`.
    #[must_use]
    pub fn all(config: &Config) -> Vec<Self> {
        let owners = [
            (TlsOwner::Server, Some(&config.server.tls)),
            (TlsOwner::Feishu, Some(&config.feishu.tls)),
            (TlsOwner::State, config.state.as_ref().map(|state| &state.tls)),
        ];
        let named = owners.into_iter().filter_map(|(owner, tls)| Some((owner, tls?)));
        named
            .filter(|(_, tls)| !tls.files.are_none())
            .map(|(owner, tls)| Self { owner, files: tls.files.clone(), seen: Ok(tls.pem.clone()) })
            .collect()
    }

    /// What the files hold, or what is wrong with them. None: that has not changed since the last look.
    pub fn look(&mut self) -> Option<Result<TlsPem, Vec<ConfigError>>> {
        let now = self.files.read();
        if now == self.seen {
            return None;
        }
        self.seen.clone_from(&now);
        Some(now.map_err(|errors| errors.into_iter().map(|it| self.error(it)).collect()))
    }

    /// Whether the last look found nothing wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.seen.is_ok()
    }

    fn error(&self, (file, detail): (TlsFile, String)) -> ConfigError {
        let section = self.owner.section().iter().copied();
        let key: Vec<&str> = section.chain([self.owner.key(file)]).collect();
        ConfigError { key: dotted(&key), detail }
    }
}
