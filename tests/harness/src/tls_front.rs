//! TLS in front of a server that speaks without it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificate;

/// Ends TLS and passes on what is in it. It listens until this is dropped.
pub struct TlsFront {
    /// Where it is reached.
    pub url: String,
    listening: JoinHandle<()>,
}

impl TlsFront {
    /// Passes on to the server at the address of this URL, which has no path.
    pub async fn before(url: &str, certificate: &Certificate) -> Self {
        let behind: SocketAddr =
            url.trim_start_matches("http://").parse().expect("an address without a path");
        let acceptor = TlsAcceptor::from(server_config(certificate));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("it has one"));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A caller that does not trust it hangs up.
                    let Ok(mut outer) = acceptor.accept(stream).await else { return };
                    let mut inner = TcpStream::connect(behind).await.expect("it listens");
                    drop(copy_bidirectional(&mut outer, &mut inner).await);
                });
            }
        });
        Self { url, listening }
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// What a server presents that has this certificate.
pub fn server_config(certificate: &Certificate) -> Arc<ServerConfig> {
    feishu_forward_gateway::tls::use_ring();
    let chain = CertificateDer::pem_slice_iter(certificate.cert.as_bytes());
    let chain = chain.collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(chain, key).expect("a key of the certificate's").into()
}
