//! The certificates for TLS to Redis: those that it trusts, and the gateway's own.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redis::{ClientTlsConfig, ErrorKind, RedisError, RedisResult, TlsCertificates};

use crate::tls::{TlsFiles, certificates, private_key};

/// The certificates for redis-rs. None if only the system's certificates are configured.
pub(super) fn read(files: &TlsFiles) -> RedisResult<Option<TlsCertificates>> {
    if *files == TlsFiles::default() {
        return Ok(None);
    }
    let root_cert = files.ca.as_deref().map(trusted).transpose()?;
    let client_tls = match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig {
            client_cert: certificates(cert).map_err(|it| wrong("state.cert_file", it))?,
            client_key: private_key(key).map_err(|it| wrong("state.key_file", it))?,
        }),
        _ => None,
    };
    Ok(Some(TlsCertificates { client_tls, root_cert }))
}

/// The certificates in a file and the system's, because redis-rs trusts only the certificates that it gets.
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

fn wrong(key: &'static str, detail: String) -> RedisError {
    (ErrorKind::InvalidClientConfig, key, detail).into()
}
