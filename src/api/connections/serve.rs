//! A connection from its acceptance to its end: it waits for a slot, its requests are answered, and it is
//! closed when no request is worked on for too long.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::{DispatchError, ParseError};
use actix_web::rt;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::api::connections::activity::{Activity, ActivityState};
use crate::api::connections::connection::ClientConnection;
use crate::clock::Moment;

/// Longest time for the head of a connection's first request, from its first byte on.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which the gateway closes an idle connection, and one over which nothing came at all. The pools of common clients keep a connection
/// for less, so as a rule it is the client that closes first and no request is lost.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Longest time in which no request is answered: a caller that begins the next request as late as
/// [`KEEP_ALIVE`] allows has [`HEAD_TIMEOUT`] for its head, as for the first one.
const LONGEST_QUIET: Duration = KEEP_ALIVE.saturating_add(HEAD_TIMEOUT);

/// Waits for a slot for the connection and then runs `answering`, which answers its requests, to its end.
pub fn serve(
    connection: Arc<ClientConnection>,
    answering: impl Future<Output = Result<(), DispatchError>> + 'static,
) -> impl Future<Output = Result<(), DispatchError>> {
    // Boxed, because a future that is moved into another one keeps its room where it was, in each of four.
    let task = rt::spawn(answer_in_slot(Arc::clone(&connection), Box::pin(answering)));
    let task = AbortOnDropHandle::new(task);
    connection.activity.is_answered_by(task.abort_handle());
    async move {
        // An error means that the gateway aborted the task, and has reported why.
        if let Ok(ended) = watch(&connection, task).await {
            report_end(&connection, &ended);
        }
        Ok(())
    }
}

async fn answer_in_slot(
    connection: Arc<ClientConnection>,
    answering: Pin<Box<impl Future<Output = Result<(), DispatchError>>>>,
) -> Result<(), DispatchError> {
    let _slot = connection.slots.enter(&connection.activity).await;
    answering.await
}

/// When and why a connection is closed if no request comes.
struct Closing {
    at: Moment,
    /// None if nothing came, which is no fault.
    reason: Option<&'static str>,
}

impl Closing {
    /// Of a connection that is idle since this moment.
    fn of(activity: &Activity, since: Moment) -> Self {
        match activity.began() {
            // What the caller sent may lie unread before the connection has its slot.
            _ if activity.requests() > 0 || !activity.is_admitted() => {
                Self { at: since + LONGEST_QUIET, reason: Some("stalled") }
            }
            Some(began) => Self { at: began + HEAD_TIMEOUT, reason: Some("head_too_slow") },
            None => Self { at: since + KEEP_ALIVE, reason: None },
        }
    }
}

/// Returns when the task has ended, or ends it when its time is over.
async fn watch(
    connection: &ClientConnection,
    mut task: AbortOnDropHandle<Result<(), DispatchError>>,
) -> Result<Result<(), DispatchError>, JoinError> {
    let ClientConnection { slots, activity, .. } = connection;
    let clock = slots.clock();
    loop {
        let now = clock.now();
        let mut next_look = now + LONGEST_QUIET;
        if let ActivityState::Idle { since } = activity.state() {
            let closing = Closing::of(activity, since);
            if closing.at > now {
                // Nobody says when a first head begins, so that is looked at in time for its end.
                let may_begin = activity.requests() == 0 && activity.began().is_none();
                let longest = if may_begin { HEAD_TIMEOUT } else { LONGEST_QUIET };
                next_look = closing.at.min(now + longest);
            } else if activity.close_if_idle(since)
                && let Some(reason) = closing.reason
            {
                slots.report_closed(activity, reason);
            }
        }
        tokio::select! {
            ended = &mut task => return ended,
            () = clock.sleep_until(next_look) => {}
        }
    }
}

/// Reports a connection that was ended because of what came over it.
fn report_end(connection: &ClientConnection, ended: &Result<(), DispatchError>) {
    let ClientConnection { slots, activity, .. } = connection;
    let reason = match ended {
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
        hand.wait_for_sleepers(|all| all.contains(&HEAD_TIMEOUT)).await;
        (connection, other_end.expect("a connection"), hand)
    }

    /// With or without a reset: that depends on whether all that was sent had been read.
    async fn is_closed(mut other_end: TcpStream) -> bool {
        !other_end.read(&mut [0]).await.is_ok_and(|count| count > 0)
    }

    #[actix_web::test]
    async fn a_first_head_that_does_not_come_in_time_ends_its_connection() {
        let (connection, mut other_end, hand) = connection().await;
        hand.advance(Duration::from_secs(3));
        other_end.write_all(b"GET / HT").await.expect("it is open");
        while connection.activity.began().is_none() {
            rt::task::yield_now().await;
        }
        // The first look, which finds that the head began at 3 s.
        hand.advance(Duration::from_secs(2));
        hand.wait_for_sleepers(|all| *all == [Duration::from_secs(8)]).await;
        hand.advance(Duration::from_secs(3));
        assert!(is_closed(other_end).await);
    }

    #[actix_web::test]
    async fn a_connection_over_which_nothing_comes_is_kept_as_long_as_an_idle_one() {
        let (_connection, other_end, hand) = connection().await;
        for looks in 2..=15 {
            hand.advance(HEAD_TIMEOUT);
            hand.wait_for_sleepers(|all| *all == [HEAD_TIMEOUT * looks]).await;
        }
        hand.advance(HEAD_TIMEOUT);
        assert!(is_closed(other_end).await);
    }

    #[actix_web::test]
    async fn a_connection_that_is_quiet_for_too_long_is_closed_though_its_caller_sends() {
        let (connection, mut other_end, hand) = connection().await;
        drop(ActiveRequest::on(Some(Arc::clone(&connection)), false));
        other_end.write_all(b"GET / HT").await.expect("it is open");
        hand.advance(HEAD_TIMEOUT);
        hand.wait_for_sleepers(|all| *all == [LONGEST_QUIET]).await;
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
