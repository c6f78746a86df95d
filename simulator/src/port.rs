//! Whether the simulator listens on its port, and whether it shall.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task;

use crate::clock::wait;

/// The port, which is open at first.
pub(crate) struct Port(watch::Sender<Door>);

struct Door {
    is_open: bool,
    shutting: Option<Shutting>,
}

/// That nobody shall be able to connect.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shutting {
    /// Real time after which it opens by itself; `None`: never.
    pub(crate) lasts: Option<Duration>,
    /// The task of the one connection that is not closed: over it the port was asked to shut.
    pub(crate) but: Option<task::Id>,
}

impl Port {
    pub(crate) fn open_at_first() -> Self {
        Self(watch::Sender::new(Door { is_open: true, shutting: None }))
    }

    /// Asks for it to be shut; `settled` returns when it is.
    pub(crate) fn shut(&self, shutting: Shutting) {
        self.0.send_modify(|door| door.shutting = Some(shutting));
    }

    /// Asks for it to be opened again.
    pub(crate) fn open(&self) {
        self.0.send_modify(|door| door.shutting = None);
    }

    /// Returns once it is as it was asked to be.
    pub(crate) async fn settled(&self) {
        self.wait_for(|door| door.is_open == door.shutting.is_none()).await;
    }

    /// Returns once it shall be shut.
    pub(crate) async fn is_to_shut(&self) {
        self.wait_for(|door| door.shutting.is_some()).await;
    }

    /// Returns once the connection of a task shall be closed.
    pub(crate) async fn closes(&self, connection: task::Id) {
        self.wait_for(|door| door.shutting.is_some_and(|it| it.but != Some(connection))).await;
    }

    /// Says that it is shut, and returns once it shall be open again.
    pub(crate) async fn stay_shut(&self) {
        self.0.send_modify(|door| door.is_open = false);
        let lasts = self.0.borrow().shutting.and_then(|it| it.lasts);
        let over = async {
            match lasts {
                Some(time) => wait(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.wait_for(|door| door.shutting.is_none()) => {}
            () = over => self.open(),
        }
    }

    /// Says that it is open again.
    pub(crate) fn is_open(&self) {
        self.0.send_modify(|door| door.is_open = true);
    }

    /// How many connections stay although it is shut.
    pub(crate) fn kept(&self) -> usize {
        usize::from(self.0.borrow().shutting.is_some_and(|it| it.but.is_some()))
    }

    async fn wait_for(&self, condition: impl FnMut(&Door) -> bool) {
        // Fails only when the sender is gone, and `self` holds it.
        let _ = self.0.subscribe().wait_for(condition).await;
    }
}
