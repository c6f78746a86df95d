//! The PEM files for TLS: the rows of the sections that name them.

use super::key::dotted;
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

    /// The key of a file in the section.
    pub(super) fn key(self, file: TlsFile) -> &'static str {
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
            section.error("key_file", "is missing, but cert_file is set");
        }
        if files.key.is_some() && files.cert.is_none() {
            section.error("cert_file", "is missing, but key_file is set");
        }
        if self == Self::Server && files.ca.is_some() && files.cert.is_none() {
            section.error(
                "client_ca_file",
                "is set, but cert_file is not: callers connect without TLS",
            );
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
