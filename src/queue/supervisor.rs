//! Supervises the Redis that replicas share: notices its loss, connects again, and lets it decide again.

use std::time::Duration;

use super::coordinator::Coordinator;
use super::scheduler::Scheduler;
use crate::limits::LimitKey;
use crate::redis::{Checkpoint, Unavailable};
use crate::telemetry::metrics::Metrics;

/// How often Redis is asked whether it answers, while it does.
const BEAT: Duration = Duration::from_secs(1);
/// How often Redis is asked whether it answers, while it does not.
const RETRY: Duration = Duration::from_millis(250);
/// How many apps Redis is asked about each time at most. More apps take turns, because Redis answers nobody else
/// meanwhile.
const APPS_A_BEAT: usize = 100;

/// Supervises Redis for a scheduler.
pub struct Supervisor<'a, F> {
    scheduler: &'a Scheduler,
    coordinator: &'a Coordinator,
    keys: Vec<LimitKey>,
    /// Called with each app and the time for which its monthly quota counts as used up.
    on_quota: F,
    /// Whether there was a connection before.
    was_connected: bool,
}

impl<'a, F: Fn(&LimitKey, Duration)> Supervisor<'a, F> {
    /// Supervises Redis for these apps. None where the scheduler shares nothing. `on_quota` is called with
    /// each app and the time for which its monthly quota counts as used up.
    pub fn new(scheduler: &'a Scheduler, keys: Vec<LimitKey>, on_quota: F) -> Option<Self> {
        let coordinator = scheduler.coordinator.as_deref()?;
        Some(Self { scheduler, coordinator, keys, on_quota, was_connected: false })
    }

    /// How far Redis knows what this replica knows.
    pub fn checkpoint(&self) -> &'a Checkpoint {
        &self.coordinator.checkpoint
    }

    /// Supervises Redis for ever.
    pub async fn run(mut self, metrics: &Metrics) {
        let clock = &self.scheduler.clock;
        loop {
            let asked_at = clock.now();
            if let Err(reason) = self.beat().await {
                self.scheduler.lose_redis(self.coordinator, &reason);
                self.coordinator.log_loss(&reason);
            }
            self.scheduler.limiter.extend_fallback(asked_at);
            let is_shared = self.scheduler.is_shared();
            metrics.state_is_up(is_shared);
            let pause = if is_shared { BEAT } else { RETRY };
            tokio::select! {
                biased;
                () = clock.sleep_until(clock.now() + pause) => {}
                () = self.coordinator.wake.notified() => {}
            }
        }
    }

    /// Asks Redis whether it answers, and lets it decide if it does.
    async fn beat(&mut self) -> Result<(), Unavailable> {
        let Self { scheduler, coordinator, keys, on_quota, was_connected } = self;
        let (clock, shared) = (&scheduler.clock, &coordinator.shared);
        if !shared.redis().is_connected() {
            // Before any request can ask another server, which may know less.
            scheduler.lose_redis(coordinator, &shared.redis().why_not_connected());
            if *was_connected {
                coordinator.owe_epoch();
            }
            shared.redis().connect().await?;
            // A server that comes back, or another one in its place, may have lost the last writes.
            coordinator.checkpoint.missed();
            *was_connected = true;
        }
        let asked_at = clock.now();
        let is_owed = coordinator.take_owed_epoch();
        let new_epoch = is_owed || scheduler.limiter.may_have_used_fallback(asked_at);
        let asked = &keys[..keys.len().min(APPS_A_BEAT)];
        let answer = shared.beat(asked, new_epoch).await;
        let heartbeat = answer.inspect_err(|_| {
            if is_owed {
                coordinator.owe_epoch();
            }
        })?;
        let checked = coordinator.check_clock(heartbeat.server_time, asked_at, clock.now());
        if new_epoch && checked.is_err() {
            // The new epoch has begun by the clock as it is now.
            coordinator.take_owed_epoch();
        } else {
            checked?;
        }
        if heartbeat.server_time.is_back {
            tracing::warn!(
                "Redis' clock went back, so Redis has to begin anew: the gateway sends nothing for a moment"
            );
        }
        scheduler.limiter.adopt_epoch(heartbeat.server_time, clock.now());
        for (key, used_up_for) in asked.iter().zip(heartbeat.quotas) {
            on_quota(key, used_up_for);
        }
        let asked = asked.len();
        keys.rotate_left(asked);
        if scheduler.is_shared() {
            return Ok(());
        }
        let is_known = new_epoch;
        if !coordinator.owes_epoch() && scheduler.limiter.enter_shared(is_known, clock.now()) {
            coordinator.log_recovery();
            scheduler.queues().wake_all();
        } else {
            // Something may have been sent during the question, or Redis' clock was stepped: ask again.
            coordinator.wake.notify_one();
        }
        Ok(())
    }
}
