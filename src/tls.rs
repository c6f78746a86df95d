//! TLS is rustls with ring, for whoever makes connections; and what PEM files hold for it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Largest of these files, in bytes: more than the bundle of all public certificates.
const LARGEST: u64 = 1 << 20;

/// Has this process use ring. It can be done again: the first time counts.
pub fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Files in PEM that a connection needs. They are read each time that one is made, so what replaces them is
/// used from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// The gateway's certificate, and what leads from it to one that the other side trusts.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`.
    pub key: Option<PathBuf>,
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

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut content))
        .map_err(|error| format!("names a file that cannot be read: {error}"))?;
    Ok(content)
}
