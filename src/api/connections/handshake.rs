//! The TLS handshake at the beginning of a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use rustls::Error as TlsError;
use tokio_rustls::server::TlsStream;

use crate::api::connections::connection::{ClientConnection, Secured};
use crate::clock::Elapsed;
use crate::tls::{ServerTls, subject};

/// Longest time from the moment at which a connection has its slot to the end of its handshake. Until then it is idle, so
/// a newcomer may get its slot.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The name of HTTP/2 in ALPN (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";

/// Takes up TLS on a connection. None: the handshake failed or took too long, which has been reported.
pub async fn take_up_tls(
    tls: &ServerTls,
    stream: TcpStream,
    connection: &Arc<ClientConnection>,
) -> Option<TlsStream<TcpStream>> {
    let clock = connection.slots.clock();
    let until = clock.now() + HANDSHAKE_TIMEOUT;
    // Boxed, because its future is large and has ended when the first request comes.
    let handshake = Box::pin(tls.acceptor().accept(stream));
    match clock.timeout_at(until, handshake).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let certificate = session.peer_certificates().and_then(<[_]>::first);
            connection.secured_by(Secured {
                subject: certificate.map(|it| subject(it).into()),
                is_http2: session.alpn_protocol() == Some(HTTP2),
            });
            Some(stream)
        }
        Ok(Err(error)) => {
            if let Some(reason) = reason(&error) {
                tracing::debug!(%error, "a TLS handshake failed");
                connection.slots.report_closed(&connection.activity, reason);
            }
            None
        }
        Err(Elapsed) => {
            connection.slots.report_closed(&connection.activity, "handshake_too_slow");
            None
        }
    }
}

/// Why a handshake failed. None: the caller is gone.
fn reason(error: &io::Error) -> Option<&'static str> {
    let error = error.get_ref()?.downcast_ref::<TlsError>()?;
    Some(match error {
        TlsError::InvalidMessage(_) => "not_tls",
        TlsError::NoCertificatesPresented | TlsError::InvalidCertificate(_) => "client_certificate",
        _ => "handshake_failed",
    })
}

#[cfg(test)]
mod tests {
    use gateway_harness::certificates::{Authority, Certificate, write};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::api::connections::slots::ConnectionSlots;
    use crate::clock::Clock;
    use crate::telemetry::metrics::Metrics;
    use crate::tls::TlsFiles;

    #[actix_web::test]
    async fn a_handshake_that_takes_too_long_ends_its_connection() {
        let dir = tempfile::tempdir().expect("a folder");
        let Certificate { cert, key } = Authority::new().server();
        let (cert, key) = (write(dir.path(), "crt", &cert), write(dir.path(), "key", &key));
        let files = TlsFiles { ca: None, cert: Some(cert), key: Some(key) };
        let tls = ServerTls::new(&files.read().expect("right")).expect("a certificate");
        let (clock, hand) = Clock::manual();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let other_end = TcpStream::connect(listener.local_addr().expect("it has one")).await;
        let mut other_end = other_end.expect("a connection");
        let (stream, _) = listener.accept().await.expect("it was connected");
        let slots = ConnectionSlots::new("test", 1, clock, Metrics::new());
        let connection = ClientConnection::new(&slots, None);
        let handshake = take_up_tls(&tls, stream, &connection);
        let too_slow = async {
            hand.wait_for_sleepers(|all| *all == [HANDSHAKE_TIMEOUT]).await;
            hand.advance(HANDSHAKE_TIMEOUT);
        };
        assert!(tokio::join!(handshake, too_slow).0.is_none());
        assert_eq!(other_end.read(&mut [0]).await.expect("no reset"), 0);
    }
}
