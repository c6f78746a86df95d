//! TLS: the issuer is shown, and the gateway's own client decides whether it is trusted.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::run::{doctor, feishu};

/// Self-signed for `localhost`, by `openssl req -x509`.
const CERTIFICATE: &[u8] = include_bytes!("cert.pem");
const KEY: &[u8] = include_bytes!("key.pem");

/// Serves by TLS what a simulator answers. Returns the port.
async fn tls_in_front_of(simulator_url: &str) -> u16 {
    feishu_forward_gateway::tls::use_ring();
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(|it| it.expect("PEM"));
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("PEM");
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(certificates.collect(), key).expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let upstream = simulator_url.replace("http://", "");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
            tokio::spawn(async move {
                // Fails where a client only looks, or refuses the certificate.
                let Ok(mut tls) = acceptor.accept(stream).await else { return };
                let Ok(mut plain) = TcpStream::connect(upstream).await else { return };
                let _ = copy_bidirectional(&mut tls, &mut plain).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_shown_with_its_issuer() {
    let simulator = feishu(|_| {}).await;
    let port = tls_in_front_of(&simulator.url()).await;
    let said = doctor(&format!("https://localhost:{port}"), &["--json"], &[]).await;
    said.assert_step("tls", "failed", "Proxy of a company, Inspecting CA", ["operator", ""]);
    said.assert_step("credentials", "skipped", "see `tls`", ["", ""]);
    assert_eq!(said.exit_code, Some(1));
    assert!(simulator.ledger().attempts.is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_certificate_that_the_system_trusts_is_well_and_shown_too() {
    let simulator = feishu(|_| {}).await;
    let port = tls_in_front_of(&simulator.url()).await;
    let trusted = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctor/cert.pem");
    let variables = [("SSL_CERT_FILE", trusted)];
    let said = doctor(&format!("https://localhost:{port}"), &["--json"], &variables).await;
    said.assert_step("tls", "ok", "issued by Proxy of a company, Inspecting CA", ["", ""]);
    assert_eq!(said.exit_code, Some(0), "{}", said.stdout);
    let other_name = doctor(&format!("https://127.0.0.1:{port}"), &["--json"], &variables).await;
    other_name.assert_step("tls", "failed", "Inspecting CA", ["operator", ""]);
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_a_failure_of_tls() {
    let simulator = feishu(|_| {}).await;
    let url = simulator.url().replace("http://", "https://");
    let said = doctor(&url, &["--json"], &[]).await;
    said.assert_step("tls", "failed", "could not be seen", ["operator", ""]);
}
