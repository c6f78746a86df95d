//! TLS: the issuer is shown, and the gateway's own client decides whether it is trusted.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
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
    said.assert_step("tls", "failed", "issuer is unknown", ["operator", ""]);
}

/// A proxy that answers CONNECT so, and then connects to this port whatever the target is. Returns its URL.
async fn proxy_to(port: u16, answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let _ = stream.write_all(answer.as_bytes()).await;
                let Ok(mut target) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                let _ = copy_bidirectional(&mut stream, &mut target).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_certificate_is_also_seen_through_a_proxy() {
    let simulator = feishu(|_| {}).await;
    let port = tls_in_front_of(&simulator.url()).await;
    let proxy = proxy_to(port, "HTTP/1.1 200 OK\r\n\r\n").await;
    let variables = [("HTTPS_PROXY", proxy.as_str())];
    let said = doctor("https://feishu.example", &["--json"], &variables).await;
    said.assert_step("tls", "failed", "Inspecting CA", ["operator", ""]);
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_is_a_failure_of_http() {
    let proxy = proxy_to(1, "HTTP/1.1 407 No\r\n\r\n").await;
    let variables = [("HTTPS_PROXY", proxy.as_str())];
    let said = doctor("https://feishu.example", &["--json"], &variables).await;
    said.assert_step("tls", "warning", "issuer is unknown", ["", ""]);
    said.assert_step("http", "failed", "proxy authorization required", ["operator", ""]);
    assert_eq!(said.exit_code, Some(1));
}
