//! When a broadcast will have been delivered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::broadcast::{Broadcast, State};
use crate::clock::Moment;
use crate::model::broadcast_id::BroadcastId;

/// How many receivers of an app's broadcasts get a final state in a second.
#[derive(Debug)]
pub struct Forecast {
    /// What the app's limits allow, if nobody else forwards.
    allowed: f64,
    apps: Mutex<HashMap<Arc<str>, AppForecast>>,
}

/// The broadcasts of an app, as they were last looked at.
#[derive(Debug, Default)]
struct AppForecast {
    /// How many receivers of each active broadcast have no final state.
    open: HashMap<BroadcastId, u32>,
    /// How many got one in a second, lately. None: nothing is known yet.
    rate: Option<f64>,
    looked_at: Moment,
}

/// How much of the measured rate is replaced in a second by what was measured in that second.
const WEIGHT_OF_A_SECOND: f64 = 0.1;
/// How much of what the limits allow can be used in practice.
const USABLE: f64 = 0.95;

impl Forecast {
    /// A forecast for apps that may make so many calls.
    #[must_use]
    pub fn new(per_second: u32, per_minute: u32) -> Self {
        let allowed = f64::from(per_second).min(f64::from(per_minute) / 60.0) * USABLE;
        Self { allowed, apps: Mutex::default() }
    }

    /// The active broadcasts of an app as they are now.
    pub(super) fn look(&self, app: &Arc<str>, active: &[Broadcast], now: Moment) {
        let open: HashMap<_, _> =
            active.iter().map(|it| (it.id.clone(), it.counts.open())).collect();
        let mut apps = self.apps();
        let known = apps.entry(Arc::clone(app)).or_default();
        let seconds = now.saturating_sub(known.looked_at).as_secs_f64();
        if seconds < 1.0 && known.open.len() == open.len() {
            return;
        }
        let ended: u32 = known
            .open
            .iter()
            .map(|(id, before)| before.saturating_sub(open.get(id).copied().unwrap_or(0)))
            .sum();
        if seconds > 0.0
            && !known.open.is_empty()
            && active.iter().any(|it| it.state == State::Running)
        {
            let rate = f64::from(ended) / seconds;
            let weight = (WEIGHT_OF_A_SECOND * seconds).min(1.0);
            let before = known.rate.unwrap_or(self.allowed);
            known.rate = Some(before + (rate - before) * weight);
        }
        if open.is_empty() {
            known.rate = None;
        }
        (known.open, known.looked_at) = (open, now);
    }

    /// When the last receiver of a running broadcast has a final state, if all goes on as it did lately. The app's
    /// broadcasts take turns, so a small one does not wait for a large one.
    pub(super) fn finish_at(&self, broadcast: &Broadcast, now: Timestamp) -> Option<Timestamp> {
        if broadcast.state != State::Running {
            return None;
        }
        let own = broadcast.counts.open();
        let apps = self.apps();
        let known = apps.get(&broadcast.app);
        let others = known.into_iter().flat_map(|it| &it.open);
        let others =
            others.filter(|(id, _)| **id != broadcast.id).map(|(_, open)| (*open).min(own));
        let calls = f64::from(own) + others.map(f64::from).sum::<f64>();
        // A rate of zero would be no forecast: everything ends at `expires_at`.
        let rate = known.and_then(|it| it.rate).unwrap_or(self.allowed).max(self.allowed / 100.0);
        let left = Duration::try_from_secs_f64(calls / rate).unwrap_or(Duration::MAX);
        let finish_at = now.saturating_add(left).unwrap_or(Timestamp::MAX);
        Some(finish_at.min(broadcast.expires_at.max(now)))
    }

    fn apps(&self) -> MutexGuard<'_, HashMap<Arc<str>, AppForecast>> {
        // No code that can panic runs under this lock.
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
