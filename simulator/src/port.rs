//! The state of the listening port, and outages, in which the port refuses connections.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task;

use crate::clock::wait;

/// The listening port.
pub(crate) struct Port(watch::Sender<PortState>);

struct PortState {
    /// Whether the server listens.
    is_open: bool,
    /// The requested outage.
    outage: Option<Outage>,
}

/// A time in which the port refuses new connections and closes existing ones.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outage {
    /// The real time after which the outage ends. `None` means that it lasts until [`Port::end_outage`].
    pub(crate) duration: Option<Duration>,
    /// The task of the one connection that stays open: the control API was asked for the outage over it.
    pub(crate) kept: Option<task::Id>,
}

impl Port {
    /// An open port.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(PortState { is_open: true, outage: None }))
    }

    /// Requests an outage. [`Self::settled`] returns when the server has closed the port.
    pub(crate) fn start_outage(&self, outage: Outage) {
        self.0.send_modify(|port| port.outage = Some(outage));
    }

    /// Requests the end of the outage. [`Self::settled`] returns when the server listens again.
    pub(crate) fn end_outage(&self) {
        self.0.send_modify(|port| port.outage = None);
    }

    /// Waits until the server has done what was requested last.
    pub(crate) async fn settled(&self) {
        self.wait_for(|port| port.is_open == port.outage.is_none()).await;
    }

    /// Waits until an outage is requested.
    pub(crate) async fn outage_requested(&self) {
        self.wait_for(|port| port.outage.is_some()).await;
    }

    /// Waits until an outage closes the connection that this task serves.
    pub(crate) async fn wait_until_closed(&self, connection: task::Id) {
        self.wait_for(|port| port.outage.is_some_and(|it| it.kept != Some(connection))).await;
    }

    /// Marks the port as closed, and waits until the outage is over.
    pub(crate) async fn wait_out_outage(&self) {
        self.0.send_modify(|port| port.is_open = false);
        let duration = self.0.borrow().outage.and_then(|it| it.duration);
        let over = async {
            match duration {
                Some(time) => wait(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.wait_for(|port| port.outage.is_none()) => {}
            () = over => self.end_outage(),
        }
    }

    /// Marks the port as open.
    pub(crate) fn mark_open(&self) {
        self.0.send_modify(|port| port.is_open = true);
    }

    /// The number of connections that stay open during the outage.
    pub(crate) fn kept_connections(&self) -> usize {
        usize::from(self.0.borrow().outage.is_some_and(|it| it.kept.is_some()))
    }

    async fn wait_for(&self, condition: impl FnMut(&PortState) -> bool) {
        // This fails only if the sender is dropped, and `self` holds the sender.
        let _ = self.0.subscribe().wait_for(condition).await;
    }
}
