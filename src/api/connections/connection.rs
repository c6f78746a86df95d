//! A connection of a caller, as its socket and its requests share it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

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
        })
    }

    /// The address of the caller, where the caller was still there when it was asked for.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
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
