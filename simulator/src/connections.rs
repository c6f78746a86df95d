//! The numbers of the connections, and the stranded connections. A stranded connection stays open, but nothing is
//! read from it any more.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// The connection of a request.
#[derive(Clone, Copy)]
pub(crate) struct Connection {
    /// The number of the connection. It counts from 1.
    pub(crate) number: u64,
    /// Whether the request is not the first one on the connection.
    pub(crate) is_reused: bool,
}

/// All connections: how many were accepted, and which ones are stranded.
#[derive(Default)]
pub(crate) struct Connections {
    opened: AtomicU64,
    stranded: watch::Sender<Stranded>,
}

#[derive(Clone, Copy, Default)]
struct Stranded {
    /// The number of the last stranded connection. All older ones are stranded too.
    up_to: u64,
    /// The exception: the connection over which the control API was asked to strand the others.
    except: Option<u64>,
}

impl Connections {
    /// Assigns a number to a newly accepted connection.
    pub(crate) fn open(&self) -> u64 {
        self.opened.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The number of connections that were accepted so far.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Strands all open connections except one.
    pub(crate) fn strand(&self, except: Option<u64>) {
        self.stranded.send_replace(Stranded { up_to: self.opened(), except });
    }

    /// Waits until the connection with this number is stranded.
    pub(crate) async fn wait_until_stranded(&self, number: u64) {
        let mut stranded = self.stranded.subscribe();
        // This fails only if the sender is dropped, and `self` holds the sender.
        let _ = stranded.wait_for(|it| number <= it.up_to && it.except != Some(number)).await;
    }
}
