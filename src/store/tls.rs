//! Whom Redis' TLS trusts beside the system's certificates, and with which one the gateway shows itself.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redis::{ClientTlsConfig, ErrorKind, RedisError, RedisResult, TlsCertificates};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Largest of these files, in bytes: more than the bundle of all public certificates.
const LARGEST: u64 = 1 << 20;

/// The files, in PEM. They are read each time that a connection is made, so what replaces them is used from then
/// on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// The gateway's certificate, and what leads from it to one that Redis trusts.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What redis-rs takes; none where there is nothing but the system's certificates.
    pub(super) fn read(&self) -> RedisResult<Option<TlsCertificates>> {
        if self.is_empty() {
            return Ok(None);
        }
        let root_cert = self.ca.as_deref().map(trusted).transpose()?;
        let client_tls = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(ClientTlsConfig {
                client_cert: certificates(cert).map_err(|it| wrong("state.cert_file", it))?,
                client_key: private_key(key).map_err(|it| wrong("state.key_file", it))?,
            }),
            _ => None,
        };
        Ok(Some(TlsCertificates { client_tls, root_cert }))
    }
}

/// The certificates in a file, or what is wrong with it.
pub fn certificates(path: &Path) -> Result<Vec<u8>, String> {
    let pem = content(path)?;
    let mut found = CertificateDer::pem_slice_iter(&pem).peekable();
    if found.peek().is_none() || found.any(|it| it.is_err()) {
        return Err("names a file that holds no certificates in PEM".to_owned());
    }
    Ok(pem)
}

/// The private key in a file, or what is wrong with it.
pub fn private_key(path: &Path) -> Result<Vec<u8>, String> {
    let pem = content(path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err("names a file that holds no private key in PEM".to_owned()),
    }
}

/// The certificates in a file with the system's, as redis-rs trusts no others than those that it is given.
fn trusted(path: &Path) -> RedisResult<Vec<u8>> {
    let mut pem = certificates(path).map_err(|it| wrong("state.ca_file", it))?;
    for system in rustls_native_certs::load_native_certs().certs {
        let base64 = BASE64_STANDARD.encode(system);
        pem.extend(
            format!("\n-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n").bytes(),
        );
    }
    Ok(pem)
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut content))
        .map_err(|error| format!("names a file that cannot be read: {error}"))?;
    Ok(content)
}

fn wrong(key: &'static str, detail: String) -> RedisError {
    (ErrorKind::InvalidClientConfig, key, detail).into()
}
