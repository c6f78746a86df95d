//! The bytes of a connection by HTTP/1 on their way to actix, and the bound on those that are no whole request yet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::dev::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::api::connections::activity::ActivityState;
use crate::api::connections::connection::ClientConnection;

/// The bytes of a connection by HTTP/1, which come and go over a stream with TLS or without.
pub struct Socket<S> {
    stream: S,
    connection: Arc<ClientConnection>,
    /// How many requests had come when the socket was last read.
    requests: u32,
    /// How many bytes came since then: the head of a request that is not whole yet.
    unparsed: usize,
    /// How many bytes the slots have allowed beyond [`HEAD`].
    large: usize,
}

/// Bytes of a head that each connection may have: as many as actix allocates from the beginning.
const HEAD: usize = 8192;

impl<S> Socket<S> {
    /// The bytes that come and go over `stream`.
    #[must_use]
    pub fn new(stream: S, connection: &Arc<ClientConnection>) -> Self {
        let connection = Arc::clone(connection);
        Self { stream, connection, requests: 0, unparsed: 0, large: 0 }
    }

    /// Whether the `came` bytes that were read may be kept until they are a request. actix bounds each
    /// head, but the heads of all connections together could take half a gigabyte.
    fn may_keep(&mut self, came: usize) -> bool {
        let activity = &self.connection.activity;
        if matches!(activity.state(), ActivityState::Busy) {
            return true;
        }
        if self.requests != activity.requests() {
            self.requests = activity.requests();
            self.unparsed = 0;
        }
        self.unparsed += came;
        // actix keeps the buffer that it has grown for a large head, so `large` never shrinks.
        let more = self.unparsed.saturating_sub(HEAD + self.large);
        if more > 0 && !self.connection.slots.allow_large_head(more) {
            return false;
        }
        self.large += more;
        true
    }
}

/// Makes the connection of a socket known to its requests, by their connection data.
pub fn attach_connection<S>(socket: &Socket<S>, connection_data: &mut Extensions) {
    connection_data.insert(Arc::clone(&socket.connection));
}

/// The protocol that is spoken on a connection with these first bytes, where it is not HTTP/1 but one that
/// clients are often set to by mistake.
fn foreign_protocol(first: &[u8]) -> Option<&'static str> {
    match first {
        // The first byte of a TLS handshake.
        [0x16, ..] => Some("tls"),
        // HTTP/2's preface (RFC 9113, section 3.4).
        [b'P', b'R', b'I', b' ', ..] => Some("http2"),
        _ => None,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() && self.connection.reads_no_more() {
            return Poll::Ready(Ok(()));
        }
        ready!(read)?;
        if !self.may_keep(buffer.filled().len() - before) {
            let ClientConnection { slots, activity, .. } = &*self.connection;
            slots.report_closed(activity, "head_too_large");
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        let ClientConnection { slots, activity, .. } = &*self.connection;
        if activity.began().is_none() {
            activity.begin(slots.clock().now());
            if let Some(foreign) = foreign_protocol(&buffer.filled()[before..]) {
                let _ = self.connection.foreign_protocol.set(foreign);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> Drop for Socket<S> {
    fn drop(&mut self) {
        self.connection.slots.free_large_head(self.large);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::api::connections::active_request::ActiveRequest;
    use crate::api::connections::slots::ConnectionSlots;
    use crate::clock::Clock;
    use crate::telemetry::metrics::Metrics;

    /// A connection, and its other end.
    async fn socket(slots: &ConnectionSlots) -> (Socket<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let other_end = TcpStream::connect(listener.local_addr().expect("it has one")).await;
        let (stream, _) = listener.accept().await.expect("it was connected");
        let connection = ClientConnection::new(slots, None);
        (Socket::new(stream, &connection), other_end.expect("a connection"))
    }

    fn slots(count: usize) -> ConnectionSlots {
        ConnectionSlots::new("test", count, Clock::manual().0, Metrics::new())
    }

    #[actix_web::test]
    async fn large_heads_have_no_more_memory_than_all_of_them_may() {
        let slots = slots(2);
        let (mut large, _other_end) = socket(&slots).await;
        let (mut next, _other_end) = socket(&slots).await;
        assert!(large.may_keep(HEAD) && large.may_keep(32 << 20));
        assert!(next.may_keep(HEAD), "each connection may have so much");
        assert!(!next.may_keep(1));
        drop(large);
        assert!(next.may_keep(1), "a connection that ends gives its bytes back");
    }

    #[actix_web::test]
    async fn a_head_does_not_count_once_it_is_a_request() {
        let (mut socket, _other_end) = socket(&slots(1)).await;
        for _ in 0..(64 << 20) / HEAD {
            assert!(socket.may_keep(HEAD));
            drop(ActiveRequest::on(Some(Arc::clone(&socket.connection)), false));
        }
    }
}
