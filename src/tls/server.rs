//! What the public listener presents to its callers, and what it asks of them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::pem::TlsPem;

/// The protocols that callers may choose from (ALPN). Callers that choose none speak HTTP/1.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The TLS of a listener, which can be replaced while it listens. Clones share it.
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Arc<ArcSwap<ServerConfig>>,
    asks_for_certificates: bool,
}

impl ServerTls {
    /// TLS 1.2 and 1.3 with this certificate. With certificates of authorities, each caller has to present a certificate
    /// that one of them has issued. The error is a sentence for the operator.
    pub fn new(pem: &TlsPem) -> Result<Self, String> {
        Self::with(pem, true)
    }

    /// The same TLS, for callers that have no certificates.
    pub fn without_client_certificates(pem: &TlsPem) -> Result<Self, String> {
        Self::with(pem, false)
    }

    fn with(pem: &TlsPem, asks_for_certificates: bool) -> Result<Self, String> {
        let config = server_config(pem, asks_for_certificates)?;
        Ok(Self { config: Arc::new(ArcSwap::from_pointee(config)), asks_for_certificates })
    }

    /// Uses this for all handshakes that begin from now on.
    pub fn replace(&self, pem: &TlsPem) -> Result<(), String> {
        self.config.store(Arc::new(server_config(pem, self.asks_for_certificates)?));
        Ok(())
    }

    /// What makes the handshake of one connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        self.config.load_full().into()
    }
}

fn server_config(pem: &TlsPem, asks_for_certificates: bool) -> Result<ServerConfig, String> {
    let identity = pem.identity.as_ref().ok_or("there is no certificate")?.certified_key()?;
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match pem.ca.as_ref().filter(|_| asks_for_certificates) {
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(authorities.iter().cloned());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            config.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        }
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(config)
}
