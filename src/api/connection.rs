//! The bound on a connection where actix has none: once one request of it was answered, a head that
//! never ends, the rest of a body that nobody wants and an answer that nobody reads would each hold
//! it for ever.

use std::any::Any;
use std::cell::Cell;
use std::future::poll_fn;
use std::mem::replace;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::rt;
use tokio_util::task::AbortOnDropHandle;

use super::body::declared_length;
use crate::clock::{Clock, Moment};

/// A connection, as its requests see it.
struct Connection {
    /// A second handle on the socket that actix reads and writes.
    socket: TcpStream,
    /// Since when no request of it is worked on.
    quiet_since: Cell<Option<Moment>>,
    /// Whether an answer said that it is the last.
    is_over: Cell<bool>,
    clock: Clock,
    _watch: AbortOnDropHandle<()>,
}

/// Closes each connection on which no request was worked on for this long, whatever else happens
/// on it; to be called for each new one.
pub fn close_when_quiet(
    clock: Clock,
    longest: Duration,
) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static {
    move |io, data| {
        let socket = io.downcast_ref::<rt::net::TcpStream>();
        // Without another handle to be had, the process is short of them, and the connection goes
        // on without this bound.
        if let Some(Ok(socket)) = socket.map(|socket| socket.as_fd().try_clone_to_owned()) {
            data.insert(Connection::new(socket.into(), &clock, longest));
        }
    }
}

/// A connection while a request of it is worked on: until this is dropped.
pub(super) struct Busy {
    connection: Option<Rc<Connection>>,
    has_short_body: bool,
}

/// The length of a body, in bytes, that as a rule comes together with its head.
const SHORT: u64 = 4096;

impl Busy {
    pub(super) fn with(request: &ServiceRequest) -> Self {
        let length = declared_length(request.headers());
        let has_short_body = length.is_some_and(|length| (1..=SHORT).contains(&length));
        Self::on(request.conn_data::<Rc<Connection>>().cloned(), has_short_body)
    }

    fn on(connection: Option<Rc<Connection>>, has_short_body: bool) -> Self {
        if let Some(connection) = &connection {
            connection.quiet_since.set(None);
        }
        Self { connection, has_short_body }
    }

    /// Lets actix take in a short body that nobody has read: it looks at it only when it has asked once
    /// for the answer, and ends the connection if that is there before.
    pub(super) async fn take_in_body(&self) {
        let mut is_over = !self.has_short_body;
        poll_fn(|context| {
            if replace(&mut is_over, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Whether the caller was told that the answer before was the last: it takes this request for one
    /// that nobody read, and may repeat it elsewhere.
    pub(super) fn is_over(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.is_over.get())
    }

    /// Makes this answer the last.
    pub(super) fn end_with(&self, response: &mut ServiceResponse<impl MessageBody>) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        if let Some(connection) = &self.connection {
            connection.is_over.set(true);
        }
    }

    /// Lets actix find the end of what comes in, so that it closes the connection once the last
    /// answer is out, however much of the request is still to come.
    pub(super) fn stop_reading(&self) {
        if let Some(connection) = &self.connection {
            // Fails where the caller is gone.
            let _ = connection.socket.shutdown(Shutdown::Read);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.quiet_since.set(Some(connection.clock.now()));
        }
    }
}

impl Connection {
    fn new(socket: TcpStream, clock: &Clock, longest: Duration) -> Rc<Self> {
        Rc::new_cyclic(|connection| Self {
            socket,
            quiet_since: Cell::new(Some(clock.now())),
            is_over: Cell::new(false),
            clock: clock.clone(),
            _watch: AbortOnDropHandle::new(rt::spawn(watch(connection.clone(), longest))),
        })
    }
}

async fn watch(connection: Weak<Connection>, longest: Duration) {
    while let Some(it) = connection.upgrade() {
        let now = it.clock.now();
        let end = it.quiet_since.get().unwrap_or(now) + longest;
        if end <= now {
            let _ = it.socket.shutdown(Shutdown::Both);
            return;
        }
        let clock = it.clock.clone();
        drop(it);
        clock.sleep_until(end).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::clock::Hand;

    const MINUTE: Duration = Duration::from_mins(1);

    /// A connection that may be quiet for a minute, and its other end.
    async fn connection() -> (Rc<Connection>, TcpStream, Hand) {
        let (clock, hand) = Clock::manual();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let other_end = TcpStream::connect(listener.local_addr().expect("it has one")).await;
        let (io, _) = listener.accept().await.expect("it was connected");
        let mut data = Extensions::new();
        close_when_quiet(clock, MINUTE)(&io, &mut data);
        let connection = data.remove::<Rc<Connection>>().expect("a watched connection");
        hand.wait_for_sleepers(|all| all.contains(&MINUTE)).await;
        (connection, other_end.expect("a connection"), hand)
    }

    async fn is_closed(mut other_end: TcpStream) -> bool {
        other_end.read(&mut [0]).await.is_ok_and(|count| count == 0)
    }

    #[actix_web::test]
    async fn a_connection_that_is_quiet_for_too_long_is_closed_though_its_caller_sends() {
        let (_connection, mut other_end, hand) = connection().await;
        other_end.write_all(b"GET / HT").await.expect("it is open");
        hand.advance(MINUTE);
        assert!(is_closed(other_end).await);
    }

    #[actix_web::test]
    async fn a_connection_is_not_quiet_while_a_request_of_it_is_worked_on() {
        let (connection, other_end, hand) = connection().await;
        let busy = Busy::on(Some(Rc::clone(&connection)), false);
        hand.advance(MINUTE);
        hand.wait_for_sleepers(|all| *all == [MINUTE * 2]).await;
        hand.advance(MINUTE / 2);
        drop(busy);
        hand.advance(MINUTE / 2);
        hand.wait_for_sleepers(|all| *all == [MINUTE * 5 / 2]).await;
        hand.advance(MINUTE / 2);
        assert!(is_closed(other_end).await);
    }

    #[actix_web::test]
    async fn nobody_watches_a_connection_that_has_ended() {
        let (connection, _other_end, hand) = connection().await;
        drop(connection);
        hand.wait_for_sleepers(Vec::is_empty).await;
    }
}
