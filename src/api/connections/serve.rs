//! A connection from its acceptance to its end: it waits for a slot, its requests are answered, and it is
//! closed when no request is worked on for too long.

use std::sync::Arc;
use std::time::Duration;

use actix_http::error::{DispatchError, ParseError};
use actix_web::rt;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::api::connections::activity::ActivityState;
use crate::api::connections::connection::ClientConnection;

/// Longest time for the head of a connection's first request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which the gateway closes an idle connection. The pools of common clients keep a connection
/// for less, so as a rule it is the client that closes first and no request is lost.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Longest time in which no request is answered: a caller that begins the next request as late as
/// [`KEEP_ALIVE`] allows has [`HEAD_TIMEOUT`] for its head, as for the first one.
const LONGEST_QUIET: Duration = KEEP_ALIVE.saturating_add(HEAD_TIMEOUT);

/// Waits for a slot for the connection and then runs `answering`, which answers its requests, to its end.
pub async fn serve(
    connection: Arc<ClientConnection>,
    answering: impl Future<Output = Result<(), DispatchError>> + 'static,
) -> Result<(), DispatchError> {
    let task = rt::spawn(answer_in_slot(Arc::clone(&connection), answering));
    connection.activity.is_answered_by(task.abort_handle());
    // An error means that the gateway aborted the task, and has reported why.
    if let Ok(ended) = watch(&connection, AbortOnDropHandle::new(task)).await {
        report_end(&connection, &ended);
    }
    Ok(())
}

async fn answer_in_slot(
    connection: Arc<ClientConnection>,
    answering: impl Future<Output = Result<(), DispatchError>>,
) -> Result<(), DispatchError> {
    let _slot = connection.slots.enter(&connection.activity).await;
    answering.await
}

/// Returns when the task has ended, or ends it when no request was answered for [`LONGEST_QUIET`].
async fn watch(
    connection: &ClientConnection,
    mut task: AbortOnDropHandle<Result<(), DispatchError>>,
) -> Result<Result<(), DispatchError>, JoinError> {
    let ClientConnection { slots, activity, .. } = connection;
    let clock = slots.clock();
    loop {
        let now = clock.now();
        let next_look = match activity.state() {
            ActivityState::Idle { since } if since + LONGEST_QUIET <= now => {
                if activity.close_if_idle(since) {
                    slots.report_closed(activity, "stalled");
                }
                now + LONGEST_QUIET
            }
            ActivityState::Idle { since } => since + LONGEST_QUIET,
            ActivityState::Busy | ActivityState::Closed => now + LONGEST_QUIET,
        };
        tokio::select! {
            ended = &mut task => return ended,
            () = clock.sleep_until(next_look) => {}
        }
    }
}

/// Reports a connection that was ended because of what came over it, or because nothing came.
fn report_end(connection: &ClientConnection, ended: &Result<(), DispatchError>) {
    let ClientConnection { slots, activity, .. } = connection;
    let reason = match ended {
        Ok(()) if activity.was_mute_for(HEAD_TIMEOUT, slots.clock().now()) => "head_too_slow",
        // Every request was answered, or the caller is gone.
        Ok(()) | Err(DispatchError::Io(_) | DispatchError::DisconnectTimeout) => return,
        Err(DispatchError::Parse(ParseError::TooLarge)) => "head_too_large",
        Err(DispatchError::Parse(_)) => connection.foreign_protocol.get().unwrap_or(&"malformed"),
        Err(error) => {
            tracing::error!(%error, "a connection failed");
            return;
        }
    };
    slots.report_closed(activity, reason);
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::api::connections::active_request::ActiveRequest;
    use crate::api::connections::slots::ConnectionSlots;
    use crate::api::connections::socket::Socket;
    use crate::clock::{Clock, ManualClock};
    use crate::telemetry::metrics::Metrics;

    const HALF: Duration = Duration::from_secs(40);

    /// A connection that is only read from, and its other end.
    async fn connection() -> (Arc<ClientConnection>, TcpStream, ManualClock) {
        let (clock, hand) = Clock::manual();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let other_end = TcpStream::connect(listener.local_addr().expect("it has one")).await;
        let (stream, _) = listener.accept().await.expect("it was connected");
        let slots = ConnectionSlots::new("test", 1, clock, Metrics::new());
        let connection = ClientConnection::new(&slots, None);
        let mut socket = Socket::new(stream, &connection);
        let reading = async move {
            copy(&mut socket, &mut sink()).await?;
            Ok(())
        };
        drop(rt::spawn(serve(Arc::clone(&connection), reading)));
        hand.wait_for_sleepers(|all| all.contains(&LONGEST_QUIET)).await;
        (connection, other_end.expect("a connection"), hand)
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
        let active = ActiveRequest::on(Some(Arc::clone(&connection)), false);
        hand.advance(HALF * 2);
        hand.wait_for_sleepers(|all| *all == [HALF * 4]).await;
        hand.advance(HALF);
        drop(active);
        hand.advance(HALF);
        hand.wait_for_sleepers(|all| *all == [HALF * 5]).await;
        hand.advance(HALF);
        assert!(is_closed(other_end).await);
    }

    #[actix_web::test]
    async fn nobody_watches_a_connection_that_has_ended() {
        let (_connection, other_end, hand) = connection().await;
        drop(other_end);
        hand.wait_for_sleepers(Vec::is_empty).await;
    }
}
