//! What this replica knows of the limits that it shares with others through Redis.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::clock::Moment;
use crate::limits::{ClockStep, ServerClock, ServerTime, SharedLimits};
use crate::redis::{Checkpoint, Unavailable};

/// Reasons of one outage that are logged, each once.
const MOST_REASONS: usize = 10;

/// Coordinates the limits with other replicas.
#[derive(Debug)]
pub struct Coordinator {
    pub(super) shared: SharedLimits,
    /// Notified when Redis has failed: the supervisor looks at once.
    pub(super) wake: Notify,
    clock: Mutex<ServerClock>,
    /// Whether a new epoch has to begin: Redis may not know what was granted, or knows it by a clock that was
    /// stepped since.
    owes_epoch: AtomicBool,
    /// Why Redis is lost, each reason once.
    logged: Mutex<BTreeSet<String>>,
    pub(super) checkpoint: Arc<Checkpoint>,
}

impl Coordinator {
    /// Shares these limits with the other replicas.
    #[must_use]
    pub fn new(shared: SharedLimits, checkpoint: Arc<Checkpoint>) -> Self {
        Self {
            shared,
            wake: Notify::new(),
            clock: Mutex::default(),
            owes_epoch: AtomicBool::new(false),
            logged: Mutex::default(),
            checkpoint,
        }
    }

    /// Compares Redis' clock with the clock of this process. Fails if Redis' clock was stepped.
    pub(super) fn check_clock(
        &self,
        server_time: ServerTime,
        asked_at: Moment,
        now: Moment,
    ) -> Result<(), Unavailable> {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.observe(server_time.time, asked_at, now).map_err(|ClockStep(by)| {
            self.owe_epoch();
            Unavailable::ClockStepped(by)
        })
    }

    pub(super) fn owe_epoch(&self) {
        self.owes_epoch.store(true, Relaxed);
    }

    pub(super) fn owes_epoch(&self) -> bool {
        self.owes_epoch.load(Relaxed)
    }

    /// Whether a new epoch has to begin. It no longer has to afterwards.
    pub(super) fn take_owed_epoch(&self) -> bool {
        self.owes_epoch.swap(false, Relaxed)
    }

    /// Logs why Redis is lost, unless that was logged during this outage.
    pub(super) fn log_loss(&self, reason: &Unavailable) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = logged.is_empty();
        if logged.len() >= MOST_REASONS || !logged.insert(reason.to_string()) {
            return;
        }
        match reason {
            Unavailable::ClockStepped(_) => {
                tracing::warn!(gone = %reason, "Redis has to begin anew: the gateway sends nothing for a moment");
            }
            _ if is_first => {
                tracing::warn!(gone = %reason, "Redis is lost: this replica keeps to its share of the limits");
            }
            _ => tracing::warn!(gone = %reason, "Redis is still lost"),
        }
    }

    /// Logs that the outage is over.
    pub(super) fn log_recovery(&self) {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner).clear();
        tracing::info!("Redis is available: the replicas share the limits");
    }
}
