//! What the tests of TLS have in common: a gateway with a certificate, and callers that trust it.

use std::path::PathBuf;
use std::sync::Arc;

use gateway_harness::certificates::{Authority, Certificate, write};
use gateway_harness::{Gateway, Setup, gateway, guarded};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The authority that callers trust, and the folder of the gateway's PEM files.
pub(crate) struct Secured {
    pub(crate) authority: Authority,
    folder: TempDir,
}

/// A caller's end of a connection.
pub(crate) type Connection = TlsStream<TcpStream>;

impl Secured {
    pub(crate) fn new() -> Self {
        feishu_forward_gateway::tls::use_ring();
        let secured =
            Self { authority: Authority::new(), folder: tempfile::tempdir().expect("a folder") };
        secured.put(&secured.authority.server());
        secured
    }

    /// The path of a file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the folder.
    pub(crate) fn write(&self, name: &str, content: &str) {
        write(self.folder.path(), name, content);
    }

    /// Puts a certificate in the place of the gateway's.
    pub(crate) fn put(&self, certificate: &Certificate) {
        self.write("tls.crt", &certificate.cert);
        self.write("tls.key", &certificate.key);
    }

    /// The settings of a gateway with the certificate.
    pub(crate) fn settings(&self) -> [(&'static str, String); 2] {
        let path = |name| self.file(name).display().to_string();
        [("server.tls.cert_file", path("tls.crt")), ("server.tls.key_file", path("tls.key"))]
    }

    /// A setup with these settings.
    pub(crate) fn setup(&self) -> Setup {
        self.settings().iter().fold(gateway(), |setup, (key, value)| setup.set(key, value))
    }

    /// Starts a gateway whose callers trust the authority.
    pub(crate) async fn start(&self, setup: Setup) -> Gateway {
        let mut gateway = setup.start().await;
        gateway.api = gateway.api.replace("http://", "https://");
        gateway.http = client(&self.authority);
        gateway
    }

    /// A connection on which these protocols are offered.
    pub(crate) async fn connect(&self, gateway: &Gateway, protocols: &[&str]) -> Connection {
        self.try_connect(gateway, protocols, None).await.expect("a handshake")
    }

    /// A connection on which these protocols are offered, and this certificate is presented.
    pub(crate) async fn try_connect(
        &self,
        gateway: &Gateway,
        protocols: &[&str],
        certificate: Option<&Certificate>,
    ) -> std::io::Result<Connection> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).expect("PEM");
        roots.add(root).expect("a certificate");
        let config = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match certificate {
            Some(Certificate { cert, key }) => {
                let cert = CertificateDer::from_pem_slice(cert.as_bytes()).expect("PEM");
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
                config.with_client_auth_cert(vec![cert], key).expect("a key of the certificate's")
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        let stream = tcp(gateway).await;
        let name = "localhost".try_into().expect("a name");
        guarded(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }
}

/// A connection without TLS.
pub(crate) async fn tcp(gateway: &Gateway) -> TcpStream {
    let address = gateway.api.trim_start_matches("https://");
    guarded(TcpStream::connect(address)).await.expect("it listens")
}

/// A client that trusts this authority alone.
pub(crate) fn client(authority: &Authority) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes()).expect("PEM");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    client.build().expect("a client")
}
