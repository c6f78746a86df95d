//! TLS for all connections: rustls with the cryptography of ring, and certificates and keys from PEM files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The largest size of a PEM file, in bytes. The bundle of all public certificates is smaller. The rest of a larger
/// file is ignored.
const MAX_FILE_SIZE: u64 = 1 << 20;

/// Makes ring the cryptography provider of this process. Repeated calls have no effect.
pub fn use_ring() {
    // rustls keeps its provider in a global. An error means that an earlier call has set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The PEM files for the TLS of a connection. They are read for each new connection, so a replaced file takes effect
/// with the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of authorities to trust in addition to those of the system.
    pub ca: Option<PathBuf>,
    /// The certificate chain that the gateway presents. Its own certificate comes first.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`.
    pub key: Option<PathBuf>,
}

/// Reads a PEM file and checks that it holds certificates. The error is a sentence about the file for the operator.
pub fn certificates(path: &Path) -> Result<Vec<u8>, String> {
    let pem = content(path)?;
    let mut found = CertificateDer::pem_slice_iter(&pem).peekable();
    if found.peek().is_none() || found.any(|it| it.is_err()) {
        return Err("names a file that holds no certificates in PEM".to_owned());
    }
    Ok(pem)
}

/// Reads a PEM file and checks that it holds a private key. The error is a sentence about the file for the operator.
pub fn private_key(path: &Path) -> Result<Vec<u8>, String> {
    let pem = content(path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err("names a file that holds no private key in PEM".to_owned()),
    }
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_SIZE).read_to_end(&mut content))
        .map_err(|error| format!("names a file that cannot be read: {error}"))?;
    Ok(content)
}
