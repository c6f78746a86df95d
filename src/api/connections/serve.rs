//! A connection from its acceptance to its end: it waits for a place, is answered, and is closed when it
//! keeps still for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::error::{DispatchError, ParseError};
use actix_web::dev::Extensions;
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::api::connections::connection::{Connection, State};

/// Longest time for the head of a connection's first request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be idle before the gateway closes it: longer than the pools of usual
/// clients keep one, so that it is the client that closes first.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a connection may last without a request that is worked on: whoever sends the next one
/// as late as may be has as long for its head as for the first.
const LONGEST_QUIET: Duration = KEEP_ALIVE.saturating_add(HEAD_TIMEOUT);

/// The bytes of a connection, for those who answer what comes over it.
pub struct Socket {
    stream: TcpStream,
    connection: Arc<Connection>,
    has_begun: bool,
    /// How many requests had come when it was last read.
    requests: u32,
    /// Bytes that came since the last request, or the first part of it.
    unparsed: usize,
    /// Bytes that the room has allowed besides those that each connection may have.
    large: usize,
}

/// Bytes that each connection may have that are no whole request yet: as many as actix has room for
/// from the beginning.
const HEAD: usize = 8192;

impl Socket {
    /// The bytes that come and go over `stream`.
    #[must_use]
    pub fn new(stream: TcpStream, connection: &Arc<Connection>) -> Self {
        let connection = Arc::clone(connection);
        Self { stream, connection, has_begun: false, requests: 0, unparsed: 0, large: 0 }
    }

    /// Whether so many bytes more may be kept until they are a request. actix bounds a head by itself,
    /// but all heads together would be half a gigabyte.
    fn may_keep(&mut self, came: usize) -> bool {
        if matches!(self.connection.state(), State::Busy) {
            return true;
        }
        if self.requests != self.connection.requests() {
            self.requests = self.connection.requests();
            self.unparsed = 0;
        }
        self.unparsed += came;
        // actix keeps the room that it made for a large one.
        let more = self.unparsed.saturating_sub(HEAD + self.large);
        if more > 0 && !self.connection.room().allows_for_large_head(more) {
            return false;
        }
        self.large += more;
        true
    }
}

/// Hands the connection to its requests; to be called for each new one.
pub fn introduce(socket: &Socket, requests: &mut Extensions) {
    requests.insert(Arc::clone(&socket.connection));
}

/// Lets `answering` answer what comes over the connection once there is room for it, to its end.
pub async fn attend(
    connection: Arc<Connection>,
    answering: impl Future<Output = Result<(), DispatchError>> + 'static,
) -> Result<(), DispatchError> {
    let task = rt::spawn(enter_and_answer(Arc::clone(&connection), answering));
    connection.is_answered_by(task.abort_handle());
    // An error of this kind says that the connection was closed from here.
    if let Ok(ended) = watch(&connection, AbortOnDropHandle::new(task)).await {
        tell(&connection, &ended);
    }
    Ok(())
}

async fn enter_and_answer(
    connection: Arc<Connection>,
    answering: impl Future<Output = Result<(), DispatchError>>,
) -> Result<(), DispatchError> {
    let _place = connection.room().enter(&connection).await;
    answering.await
}

/// Returns when everything is answered, or when no request was worked on for too long.
async fn watch(
    connection: &Connection,
    mut task: AbortOnDropHandle<Result<(), DispatchError>>,
) -> Result<Result<(), DispatchError>, JoinError> {
    let clock = connection.room().clock();
    loop {
        let now = clock.now();
        let end = match connection.state() {
            State::Idle { since } if since + LONGEST_QUIET <= now => {
                connection.close_if_idle(since, "stalled");
                now + LONGEST_QUIET
            }
            State::Idle { since } => since + LONGEST_QUIET,
            State::Busy | State::Closed => now + LONGEST_QUIET,
        };
        tokio::select! {
            ended = &mut task => return ended,
            () = clock.sleep_until(end) => {}
        }
    }
}

/// Counts a connection that was ended because of what came over it, or did not come.
fn tell(connection: &Connection, ended: &Result<(), DispatchError>) {
    let reason = match ended {
        Ok(()) if connection.was_mute_for(HEAD_TIMEOUT) => "head_too_slow",
        // All was answered, or the other end is gone.
        Ok(()) | Err(DispatchError::Io(_) | DispatchError::DisconnectTimeout) => return,
        Err(DispatchError::Parse(ParseError::TooLarge)) => "head_too_large",
        Err(DispatchError::Parse(_)) => connection.foreign.get().unwrap_or(&"malformed"),
        Err(error) => {
            tracing::error!(%error, "a connection failed");
            return;
        }
    };
    connection.tell_of_end(reason);
}

impl AsyncRead for Socket {
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
            self.connection.tell_of_end("head_too_large");
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        if !self.has_begun {
            self.has_begun = true;
            if let Some(foreign) = foreign(&buffer.filled()[before..]) {
                let _ = self.connection.foreign.set(foreign);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What somebody speaks whose first bytes are these, if it is a protocol that is often taken for this one.
fn foreign(first: &[u8]) -> Option<&'static str> {
    match first {
        // The first byte of a TLS handshake.
        [0x16, ..] => Some("tls"),
        // HTTP/2's preface (RFC 9113, section 3.4).
        [b'P', b'R', b'I', b' ', ..] => Some("http2"),
        _ => None,
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.connection.room().ends_large_head(self.large);
    }
}

impl AsyncWrite for Socket {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::api::connections::connection::Busy;
    use crate::api::connections::slots::Room;
    use crate::clock::{Clock, Hand};
    use crate::telemetry::metrics::Metrics;

    const HALF: Duration = Duration::from_secs(40);

    /// A connection, and its other end.
    async fn socket(room: &Room) -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let other_end = TcpStream::connect(listener.local_addr().expect("it has one")).await;
        let (stream, _) = listener.accept().await.expect("it was connected");
        (Socket::new(stream, &Connection::new(room, None)), other_end.expect("a connection"))
    }

    /// A connection that is only read from, and its other end.
    async fn connection() -> (Arc<Connection>, TcpStream, Hand) {
        let (clock, hand) = Clock::manual();
        let (mut socket, other_end) = socket(&Room::new("test", 1, clock, Metrics::new())).await;
        let connection = Arc::clone(&socket.connection);
        let reading = async move {
            copy(&mut socket, &mut sink()).await?;
            Ok(())
        };
        drop(rt::spawn(attend(Arc::clone(&connection), reading)));
        hand.wait_for_sleepers(|all| all.contains(&LONGEST_QUIET)).await;
        (connection, other_end, hand)
    }

    /// With or without a reset: that depends on whether all that was sent had been read.
    async fn is_closed(mut other_end: TcpStream) -> bool {
        !other_end.read(&mut [0]).await.is_ok_and(|count| count > 0)
    }

    #[actix_web::test]
    async fn a_connection_that_is_quiet_for_too_long_is_closed_though_its_caller_sends() {
        let (_connection, mut other_end, hand) = connection().await;
        other_end.write_all(b"GET / HT").await.expect("it is open");
        hand.advance(LONGEST_QUIET);
        assert!(is_closed(other_end).await);
    }

    #[actix_web::test]
    async fn a_connection_is_not_quiet_while_a_request_of_it_is_worked_on() {
        let (connection, other_end, hand) = connection().await;
        let busy = Busy::on(Some(Arc::clone(&connection)), false);
        hand.advance(HALF * 2);
        hand.wait_for_sleepers(|all| *all == [HALF * 4]).await;
        hand.advance(HALF);
        drop(busy);
        hand.advance(HALF);
        hand.wait_for_sleepers(|all| *all == [HALF * 5]).await;
        hand.advance(HALF);
        assert!(is_closed(other_end).await);
    }

    #[actix_web::test]
    async fn large_heads_have_no_more_memory_than_all_of_them_may() {
        let room = Room::new("test", 2, Clock::manual().0, Metrics::new());
        let (mut large, _other_end) = socket(&room).await;
        let (mut next, _other_end) = socket(&room).await;
        assert!(large.may_keep(HEAD) && large.may_keep(32 << 20));
        assert!(next.may_keep(HEAD), "each may have so much");
        assert!(!next.may_keep(1));
        drop(large);
        assert!(next.may_keep(1), "whoever leaves gives it back");
    }

    #[actix_web::test]
    async fn a_head_does_not_count_once_it_is_a_request() {
        let room = Room::new("test", 1, Clock::manual().0, Metrics::new());
        let (mut socket, _other_end) = socket(&room).await;
        for _ in 0..(64 << 20) / HEAD {
            assert!(socket.may_keep(HEAD));
            drop(Busy::on(Some(Arc::clone(&socket.connection)), false));
        }
    }

    #[actix_web::test]
    async fn nobody_watches_a_connection_that_has_ended() {
        let (_connection, other_end, hand) = connection().await;
        drop(other_end);
        hand.wait_for_sleepers(Vec::is_empty).await;
    }
}
