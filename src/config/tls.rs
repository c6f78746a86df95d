//! The PEM files for TLS: the rows of the sections that name them, and a look at whether they have changed.

use super::error::ConfigError;
use super::key::dotted;
use super::load::Config;
use super::reader::Section;
use super::values::path;
use crate::tls::{TlsFile, TlsFiles, TlsPem, TlsSettings};

/// Whose connections are secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsOwner {
    /// The public listener.
    Server,
    /// The calls to Feishu.
    Feishu,
    /// The connections to the Redis of `state.url`, and to its Sentinels.
    State,
}

impl TlsOwner {
    /// The section that names the files.
    pub(super) fn section(self) -> &'static [&'static str] {
        match self {
            Self::Server => &["server", "tls"],
            Self::Feishu => &["feishu"],
            Self::State => &["state"],
        }
    }

    /// The section, as it is written.
    #[must_use]
    pub fn name(self) -> String {
        dotted(self.section())
    }

    fn key(self, file: TlsFile) -> &'static str {
        match (file, self) {
            (TlsFile::Ca, Self::Server) => "client_ca_file",
            (TlsFile::Ca, Self::Feishu | Self::State) => "ca_file",
            (TlsFile::Cert, _) => "cert_file",
            (TlsFile::Key, _) => "key_file",
        }
    }

    /// The rows of the section.
    pub(super) fn read(self, section: &mut Section<'_>) -> TlsSettings {
        let mut row = |file| section.optional(self.key(file), path, "none");
        let ca = row(TlsFile::Ca);
        let files = match self {
            // Feishu does not know its callers by certificates.
            Self::Feishu => TlsFiles { ca, ..TlsFiles::default() },
            Self::Server | Self::State => {
                TlsFiles { ca, cert: row(TlsFile::Cert), key: row(TlsFile::Key) }
            }
        };
        if files.cert.is_some() && files.key.is_none() {
            section.error("key_file", "is missing, but there is cert_file");
        }
        if files.key.is_some() && files.cert.is_none() {
            section.error("cert_file", "is missing, but there is key_file");
        }
        if self == Self::Server && files.ca.is_some() && files.cert.is_none() {
            section
                .error("client_ca_file", "is set, but cert_file is not: callers come without TLS");
        }
        let pem = files.read().unwrap_or_else(|errors| {
            for (file, detail) in errors {
                section.error(self.key(file), detail);
            }
            TlsPem::default()
        });
        TlsSettings { files, pem }
    }
}

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
