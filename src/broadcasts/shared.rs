//! What the service shares with what goes on beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::forecast::Forecast;
use super::store::Store;
use crate::clock::Clock;

/// What the service and the workers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) settings: BroadcastSettings,
    pub(super) forecast: Forecast,
    /// Notified when this process has changed a broadcast, for those who wait to read it.
    pub(super) changed: Notify,
    /// By app: notified when its worker has something to look at.
    pub(super) wakes: BTreeMap<Arc<str>, Notify>,
    /// Cancelled when the process begins to end: nothing is claimed any more, and nobody waits for a change.
    pub(super) stopping: CancellationToken,
    /// The workers that have not ended.
    pub(super) workers: TaskTracker,
}

impl Shared {
    /// Has an app's worker look at its broadcasts. An app that this process does not have is left to others.
    pub(super) fn wake(&self, app: &str) {
        if let Some(wake) = self.wakes.get(app) {
            wake.notify_one();
        }
    }
}

/// The configured bounds.
#[derive(Clone, Copy, Debug)]
pub struct BroadcastSettings {
    /// The most receivers of one broadcast.
    pub max_receivers: u32,
    /// The most broadcasts of one API key that run or are paused.
    pub max_active_per_key: u32,
    /// How long a broadcast is kept after it has finished.
    pub keep: Duration,
}
