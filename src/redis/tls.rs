//! The certificates for TLS to Redis: those that it trusts, and the gateway's own.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redis::{ClientTlsConfig, TlsCertificates};
use rustls::pki_types::CertificateDer;
use secrecy::ExposeSecret;

use crate::tls::TlsPem;

/// The certificates for redis-rs. None if only the system's certificates are configured.
pub(super) fn certificates(tls: &TlsPem) -> Option<TlsCertificates> {
    if *tls == TlsPem::default() {
        return None;
    }
    let client_tls = tls.identity.as_ref().map(|identity| ClientTlsConfig {
        client_cert: identity.chain.clone(),
        client_key: identity.key.expose_secret().to_vec(),
    });
    Some(TlsCertificates { client_tls, root_cert: tls.ca.as_deref().map(trusted) })
}

/// These certificates and the system's, because redis-rs trusts only the certificates that it gets.
fn trusted(authorities: &[CertificateDer<'_>]) -> Vec<u8> {
    let system = rustls_native_certs::load_native_certs().certs;
    let pem = authorities.iter().chain(&system).map(|certificate| {
        let base64 = BASE64_STANDARD.encode(certificate);
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    });
    pem.collect::<String>().into_bytes()
}
