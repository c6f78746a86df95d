//! Certificates and private keys in PEM files.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret, SecretSlice};

/// The largest size of a PEM file, in bytes. The bundle of all public certificates is smaller.
const MAX_FILE_SIZE: u64 = 1 << 20;

/// The PEM files for the TLS of some connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of authorities to trust.
    pub ca: Option<PathBuf>,
    /// The certificate chain that the gateway presents. Its own certificate comes first.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`.
    pub key: Option<PathBuf>,
}

/// One of the [`TlsFiles`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The certificates of authorities.
    Ca,
    /// The certificate chain.
    Cert,
    /// The private key.
    Key,
}

/// What the files hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsPem {
    /// Certificates of authorities to trust.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// What the gateway presents.
    pub identity: Option<TlsIdentity>,
}

/// A certificate chain and its private key, both in PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The chain.
    pub chain: Vec<u8>,
    /// The key.
    pub key: SecretSlice<u8>,
}

/// The files, and what they held when they were read last.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// The files.
    pub files: TlsFiles,
    /// What they held.
    pub pem: TlsPem,
}

impl TlsFiles {
    /// Whether there is no file.
    #[must_use]
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the files. The errors are sentences about the files for the operator, which repeat nothing that is in them.
    pub fn read(&self) -> Result<TlsPem, Vec<(TlsFile, String)>> {
        let mut errors = Vec::new();
        let ca = part(TlsFile::Ca, self.ca.as_deref(), &mut errors, |pem| authorities(&pem));
        let chain = part(TlsFile::Cert, self.cert.as_deref(), &mut errors, |pem| {
            certificates(&pem).map(|_| pem)
        });
        let key = part(TlsFile::Key, self.key.as_deref(), &mut errors, |pem| {
            private_key(&pem).map(|_| SecretSlice::from(pem))
        });
        let identity = chain.zip(key).map(|(chain, key)| TlsIdentity { chain, key });
        if let Some(Err(detail)) = identity.as_ref().map(TlsIdentity::certified_key) {
            errors.push((TlsFile::Key, detail));
        }
        if errors.is_empty() { Ok(TlsPem { ca, identity }) } else { Err(errors) }
    }
}

/// What the file at `path` holds. None: there is no such file in the configuration, or it is wrong.
fn part<T>(
    file: TlsFile,
    path: Option<&Path>,
    errors: &mut Vec<(TlsFile, String)>,
    parse: impl FnOnce(Vec<u8>) -> Result<T, String>,
) -> Option<T> {
    content(path?).and_then(parse).map_err(|detail| errors.push((file, detail))).ok()
}

impl TlsIdentity {
    /// The chain and the key as rustls uses them. The error is a sentence about the key's file.
    pub(super) fn certified_key(&self) -> Result<CertifiedKey, String> {
        let chain = certificates(&self.chain)?;
        let key = private_key(self.key.expose_secret())?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| {
            format!("names a private key that does not match the certificate: {error}")
        })
    }
}

impl PartialEq for TlsIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key.expose_secret() == other.key.expose_secret()
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| "names a file without a PEM certificate".to_owned())
}

/// The certificates, each of which can be trusted.
fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = certificates(pem)?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| {
            format!("names a file with a certificate that cannot be trusted: {error}")
        })?;
    }
    Ok(certificates)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| "names a file without a PEM private key".to_owned())
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable =
        |error: &dyn fmt::Display| format!("names a file that cannot be read: {error}");
    // It is read again and again: a pipe may block for ever.
    if !path.metadata().map_err(|error| unreadable(&error))?.is_file() {
        return Err(unreadable(&"it is not a file"));
    }
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_SIZE + 1).read_to_end(&mut content))
        .map_err(|error| unreadable(&error))?;
    if content.len() as u64 > MAX_FILE_SIZE {
        return Err(unreadable(&format_args!("it has more than {MAX_FILE_SIZE} bytes")));
    }
    Ok(content)
}
