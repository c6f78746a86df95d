//! The connections by their numbers, and which of them have gone silent.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Counts connections, and remembers up to which one they are stranded.
#[derive(Default)]
pub(crate) struct Lines {
    opened: AtomicU64,
    stranded: watch::Sender<Stranded>,
}

#[derive(Clone, Copy, Default)]
struct Stranded {
    /// The last one that is.
    up_to: u64,
    /// The one that is not: over it they were asked to be.
    but: Option<u64>,
}

impl Lines {
    /// The number of a connection that has just been accepted.
    pub(crate) fn open(&self) -> u64 {
        self.opened.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Strands all that are open, but for one.
    pub(crate) fn strand(&self, but: Option<u64>) {
        self.stranded.send_replace(Stranded { up_to: self.opened(), but });
    }

    /// Returns once the connection goes silent.
    pub(crate) async fn is_stranded(&self, number: u64) {
        let mut stranded = self.stranded.subscribe();
        // Fails only when the sender is gone, and `self` holds it.
        let _ = stranded.wait_for(|it| number <= it.up_to && it.but != Some(number)).await;
    }
}
