//! A connection of a caller, as its socket and its requests share it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::Notify;

use crate::api::connections::activity::Activity;
use crate::api::connections::slots::ConnectionSlots;

/// A connection of a caller, from its acceptance to its end.
pub struct ClientConnection {
    peer: Option<SocketAddr>,
    pub(super) slots: ConnectionSlots,
    pub(super) activity: Arc<Activity>,
    /// Whether the socket reports the end of what comes in as soon as nothing more is there to be read.
    reads_no_more: AtomicBool,
    /// Whether an answer announced that it is the connection's last.
    is_over: AtomicBool,
    /// The protocol that the caller speaks, where the first bytes show that it is not HTTP/1.
    pub(super) foreign_protocol: OnceLock<&'static str>,
    /// What the handshake has shown. None without TLS, and before the end of the handshake.
    secured: OnceLock<Secured>,
    /// Told when the connection is to end with its last answer, if it speaks HTTP/2.
    leaves: Notify,
}

/// What a TLS handshake has shown.
pub(super) struct Secured {
    /// The subject of the caller's certificate, if the caller has presented one.
    pub(super) subject: Option<Arc<str>>,
    /// Whether the caller has chosen HTTP/2.
    pub(super) is_http2: bool,
}

impl ClientConnection {
    /// A connection from `peer` that was accepted and is to get one of `slots`.
    #[must_use]
    pub fn new(slots: &ConnectionSlots, peer: Option<SocketAddr>) -> Arc<Self> {
        slots.count_connections(1);
        let ip = peer.map(|peer| peer.ip().to_canonical());
        Arc::new(Self {
            peer,
            slots: slots.clone(),
            activity: Arc::new(Activity::new(ip, slots.clock().now())),
            reads_no_more: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            foreign_protocol: OnceLock::new(),
            secured: OnceLock::new(),
            leaves: Notify::new(),
        })
    }

    /// The address of the caller, where the caller was still there when it was asked for.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The connection of a request. None in tests that have no sockets.
    pub(crate) fn of(request: &HttpRequest) -> Option<Arc<Self>> {
        // Only actix itself can write the data of a connection, so a request by HTTP/2 has the connection with it.
        let of_request = || request.extensions().get::<Arc<Self>>().cloned();
        request.conn_data::<Arc<Self>>().cloned().or_else(of_request)
    }

    pub(super) fn secured_by(&self, secured: Secured) {
        let _ = self.secured.set(secured);
    }

    /// Whether the connection has TLS.
    pub(crate) fn is_secured(&self) -> bool {
        self.secured.get().is_some()
    }

    /// Whether the caller has chosen HTTP/2.
    #[must_use]
    pub fn speaks_http2(&self) -> bool {
        self.secured.get().is_some_and(|it| it.is_http2)
    }

    /// The subject of the caller's certificate.
    pub(crate) fn subject(&self) -> Option<&Arc<str>> {
        self.secured.get()?.subject.as_ref()
    }

    /// Returns once a connection by HTTP/2 is to end with its last answer.
    pub(super) async fn is_to_leave(&self) {
        self.leaves.notified().await;
    }

    /// Ends a connection by HTTP/2 with the last answer to what has come over it.
    pub(super) fn leave(&self) {
        self.leaves.notify_one();
    }

    pub(super) fn reads_no_more(&self) -> bool {
        self.reads_no_more.load(Relaxed)
    }

    pub(super) fn stop_reading(&self) {
        self.reads_no_more.store(true, Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    pub(super) fn set_over(&self) {
        self.is_over.store(true, Relaxed);
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        self.slots.count_connections(-1);
    }
}
