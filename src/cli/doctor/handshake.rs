//! A TLS connection that is only looked at: who issued the certificate, and which HTTP the server speaks.
//!
//! It trusts every certificate, so that also one can be shown that the gateway does not trust. Therefore nothing
//! secret may be sent over it. Whether the certificate is trusted is judged by the gateway's own client.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::route::Route;
use crate::tls;

/// The names of HTTP's versions in ALPN.
pub(super) const HTTP_2: &[u8] = b"h2";
pub(super) const HTTP_1: &[u8] = b"http/1.1";
/// Longest answer of a proxy to CONNECT, in bytes.
const LONGEST_ANSWER: usize = 8 << 10;

/// Connects, through the proxy if there is one. The caller bounds the time.
pub(super) async fn connect(route: &Route) -> io::Result<TcpStream> {
    let (host, port) = route.first_hop();
    let mut stream = TcpStream::connect((host.as_str(), port)).await?;
    if let Some(proxy) = &route.proxy {
        if proxy.scheme != "http" {
            return Err(io::Error::other("this check supports only proxies with http://"));
        }
        tunnel(&mut stream, route, proxy.authorization.as_ref()).await?;
    }
    Ok(stream)
}

/// Connects by TLS, and offers these protocols, the best one first. The caller bounds the time.
pub(super) async fn connect_by_tls(
    route: &Route,
    offered: &[&[u8]],
) -> io::Result<TlsStream<TcpStream>> {
    let stream = connect(route).await?;
    tls::use_ring();
    let provider = CryptoProvider::get_default().ok_or_else(|| io::Error::other("no ring"))?;
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(LooksOnly(Arc::clone(provider))))
        .with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|it| it.to_vec()).collect();
    let name = ServerName::try_from(route.host.clone()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Asks a proxy for a tunnel.
async fn tunnel(
    stream: &mut TcpStream,
    route: &Route,
    authorization: Option<&http::HeaderValue>,
) -> io::Result<()> {
    let host =
        if route.host.contains(':') { format!("[{}]", route.host) } else { route.host.clone() };
    let target = format!("{host}:{}", route.port);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == LONGEST_ANSWER {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status.starts_with(b"2") {
        return Ok(());
    }
    let status = String::from_utf8_lossy(status.get(..3).unwrap_or_default()).into_owned();
    Err(io::Error::other(format!("the proxy answered CONNECT with HTTP {status}")))
}

/// Trusts every certificate.
#[derive(Debug)]
struct LooksOnly(Arc<CryptoProvider>);

impl ServerCertVerifier for LooksOnly {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
