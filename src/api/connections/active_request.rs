//! A connection while one of its requests is being answered.

use std::cell::Cell;
use std::future::poll_fn;
use std::mem::replace;
use std::sync::Arc;
use std::task::Poll;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::rt;
use tokio_util::task::AbortOnDropHandle;

use crate::api::connections::connection::ClientConnection;
use crate::clock::{Clock, Moment};

/// Keeps a connection busy until this is dropped.
pub(crate) struct ActiveRequest {
    /// None in tests that have no sockets.
    connection: Option<Arc<ClientConnection>>,
    has_short_body: bool,
    /// Whether the connection is closed after this request, because another one needs its slot.
    gives_up_slot: Cell<bool>,
}

/// Length of a body, in bytes, up to which the body as a rule comes together with its head.
const SHORT: u64 = 4096;

impl ActiveRequest {
    /// Begins a request whose body is declared to have `declared_length` bytes.
    pub(crate) fn begin(request: &ServiceRequest, declared_length: Option<u64>) -> Self {
        let connection = ClientConnection::of(request.request());
        let has_short_body = declared_length.is_some_and(|length| (1..=SHORT).contains(&length));
        Self::on(connection, has_short_body)
    }

    pub(super) fn on(connection: Option<Arc<ClientConnection>>, has_short_body: bool) -> Self {
        if let Some(connection) = &connection
            && !connection.activity.begin_request()
        {
            connection.set_over();
        }
        Self { connection, has_short_body, gives_up_slot: Cell::new(false) }
    }

    /// Whether the answer before announced that it is the connection's last, or the connection was closed
    /// right before this request. The caller takes such a request for one that nobody read, and may repeat
    /// it on another connection: so it must not be carried out.
    pub(crate) fn connection_is_over(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.is_over())
    }

    /// Ends the connection at this moment, unless the handle is dropped before. What is still to be written is lost.
    pub(crate) fn end_connection_at(&self, end: Moment, clock: Clock) -> AbortOnDropHandle<()> {
        let connection = self.connection.clone();
        AbortOnDropHandle::new(rt::spawn(async move {
            clock.sleep_until(end).await;
            if let Some(connection) = connection {
                connection.activity.abort();
            }
        }))
    }

    /// Lets actix take in a short body that no handler has read.
    ///
    /// actix looks at the body only after it has polled the answer once, and closes the connection if the
    /// answer is ready before. So this is pending once.
    pub(crate) async fn take_in_unread_body(&self) {
        let mut is_done = !self.has_short_body;
        poll_fn(|context| {
            if replace(&mut is_done, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Notes the caller, who has shown a valid key. Where not all connections can stay, those of others than callers are
    /// closed first, and then those of the caller that has the most.
    pub(crate) fn note_caller(&self, caller: &Arc<str>) {
        if let Some(connection) = &self.connection {
            connection.slots.note_caller(&connection.activity, caller);
        }
    }

    /// The subject of the certificate that the caller has presented, if it has presented one.
    pub(crate) fn certificate(&self) -> Option<&Arc<str>> {
        self.connection.as_ref()?.subject()
    }

    /// Whether another connection waits for a slot and gets the one of this connection after this request.
    pub(crate) fn gives_up_slot(&self) -> bool {
        let connection = self.connection.as_ref();
        let gives_up = connection.is_some_and(|it| it.slots.takes_slot_of(&it.activity));
        self.gives_up_slot.set(gives_up);
        gives_up
    }

    /// Makes this answer the connection's last.
    pub(crate) fn close_connection_after(&self, response: &mut ServiceResponse<impl MessageBody>) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        match &self.connection {
            // Its caller learns from it which requests were read, and those are answered.
            Some(connection) if connection.speaks_http2() => connection.leave(),
            Some(connection) => connection.set_over(),
            None => {}
        }
    }

    /// Reports the end of what comes in to actix, so that actix closes the connection once the last answer
    /// is written, however much of the request is still to come.
    pub(crate) async fn stop_reading(&self) {
        if let Some(connection) = &self.connection {
            connection.stop_reading();
        }
        // actix reads again when it is polled again.
        poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Ready(())
        })
        .await;
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let Some(connection) = &self.connection else { return };
        let (activity, slots) = (&connection.activity, &connection.slots);
        if self.gives_up_slot.get() && !connection.speaks_http2() {
            if activity.end_last_request() {
                // The task ends when it next has to wait. The answer is written before; what cannot be
                // written at once is lost.
                activity.abort();
            }
        } else if activity.end_request(slots.clock().now()) {
            slots.make_room_if_short();
        }
    }
}
