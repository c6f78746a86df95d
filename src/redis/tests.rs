//! What a Redis is told first, by somebody who listens in its place.

use gateway_harness::certificates::{Authority, write};
use gateway_harness::server_config;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;
use crate::tls::{TlsFiles, TlsPem};

#[tokio::test]
async fn a_password_that_was_replaced_is_used_from_the_next_connection_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    let settings = RedisSettings {
        url: url.parse().expect("a URL"),
        password: Some("the-old-one".into()),
        sentinel_password: None,
        tls: TlsPem::default(),
    };
    let store = RedisClient::new(settings, Clock::system(), Metrics::new());
    let told = async || {
        let listen = async {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            let mut told = [0; 1024];
            let length = connection.read(&mut told).await.expect("a command");
            String::from_utf8_lossy(&told[..length]).into_owned()
        };
        // Nobody answers, so that the connection fails.
        let (told, connected) = tokio::join!(listen, store.connect());
        assert!(connected.is_err());
        told
    };
    assert!(told().await.contains("the-old-one"));
    store.replace_passwords(Some("the-new-one".into()), None);
    let told = told().await;
    assert!(told.contains("the-new-one") && !told.contains("the-old-one"), "{told}");
}

#[tokio::test]
async fn certificates_that_were_replaced_are_used_from_the_next_connection_on() {
    let (right, wrong, dir) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let acceptor = TlsAcceptor::from(server_config(&right.server()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("rediss://{}", listener.local_addr().expect("an address"));
    let trusting = |authority: &Authority| {
        let ca = Some(write(dir.path(), "ca.crt", authority.pem()));
        TlsFiles { ca, ..TlsFiles::default() }.read().expect("a certificate")
    };
    let settings = RedisSettings {
        url: url.parse().expect("a URL"),
        password: None,
        sentinel_password: None,
        tls: trusting(&wrong),
    };
    // Time stands still, so that no handshake is late.
    let store = RedisClient::new(settings, Clock::manual().0, Metrics::new());
    let is_trusted = async || {
        let accept = async {
            let (connection, _) = listener.accept().await.expect("a connection");
            acceptor.accept(connection).await.is_ok()
        };
        // Nobody answers, so that the connection fails.
        tokio::join!(accept, store.connect()).0
    };
    assert!(!is_trusted().await);
    store.replace_certificates(trusting(&right));
    assert!(is_trusted().await);
}
