//! The service: what callers may do with broadcasts.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::broadcast::{Broadcast, Counts, NewBroadcast, ReceiverRecord, ReceiverState, State};
use super::error::BroadcastError;
use super::forecast::Forecast;
use super::shared::{BroadcastSettings, Shared};
use super::store::{Acceptance, MOST_AT_ONCE, Store};
use super::upkeep::keep_up;
use super::worker::{FindCaller, Worker};
use crate::clock::{Clock, Moment};
use crate::delivery::Delivery;
use crate::model::api_key::Caller;
use crate::model::broadcast_id::BroadcastId;
use crate::model::fingerprint::{Fingerprint, fingerprint};
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::telemetry::metrics::Metrics;

/// What callers may do with broadcasts. Clones share everything.
#[derive(Clone, Debug)]
pub struct Broadcasts(Arc<Shared>);

/// A caller's request for a broadcast.
#[derive(Clone, Debug)]
pub struct BroadcastRequest {
    /// The message.
    pub message: MessageId,
    /// Who gets it: 1 to `max_receivers`, each one once, in the caller's tenant.
    pub receivers: Vec<Receiver>,
    /// The caller's name for it.
    pub key: IdempotencyKey,
    /// For how long it may be delivered.
    pub expires_in: Duration,
}

/// A broadcast that was accepted now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The broadcast.
    pub broadcast: Broadcast,
    /// Whether an earlier request with the same key was accepted.
    pub is_replayed: bool,
}

/// How often a change by another replica is looked for.
const LOOK: Duration = Duration::from_millis(500);

impl Broadcasts {
    /// Broadcasts of these apps in this store.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        apps: impl IntoIterator<Item = Arc<str>>,
        settings: BroadcastSettings,
        forecast: Forecast,
        clock: Clock,
    ) -> Self {
        let (changed, stopping, workers) = Default::default();
        let wakes = apps.into_iter().map(|app| (app, Notify::new())).collect();
        Self(Arc::new(Shared {
            store,
            clock,
            settings,
            forecast,
            changed,
            wakes,
            stopping,
            workers,
        }))
    }

    /// The configured bounds.
    #[must_use]
    pub fn settings(&self) -> BroadcastSettings {
        self.0.settings
    }

    /// What the service shares with what goes on beside it.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Spawns what delivers the broadcasts and keeps the store.
    pub fn spawn_background_tasks(
        &self,
        tasks: &mut JoinSet<()>,
        delivery: &Delivery,
        find_caller: &FindCaller,
        metrics: &Metrics,
    ) {
        let Shared { workers, wakes, .. } = &*self.0;
        for app in wakes.keys() {
            metrics.begin_broadcasts(app, &["delivered", "not_delivered", "unknown"]);
            let (shared, delivery) = (Arc::clone(&self.0), delivery.clone());
            let app = Arc::clone(app);
            let worker =
                Worker::new(app, shared, delivery, Arc::clone(find_caller), metrics.clone());
            tasks.spawn(workers.track_future(worker.run()));
        }
        workers.close();
        tasks.spawn(keep_up(Arc::clone(&self.0), metrics.clone()));
    }

    /// Accepts a broadcast, if every receiver is allowed.
    pub async fn accept(
        &self,
        caller: &Caller,
        request: BroadcastRequest,
    ) -> Result<Accepted, BroadcastError> {
        let BroadcastRequest { message, receivers, key, expires_in } = request;
        let seconds = expires_in.as_secs().to_string();
        let named = receivers.iter().flat_map(|it| [it.kind().as_str(), it.name()]);
        let content =
            fingerprint(["new", &*caller.app, message.as_str(), &seconds].into_iter().chain(named));
        let content = (key.of_broadcast(&caller.name), content);
        self.accept_new(caller, message, receivers, content, expires_in, None).await
    }

    /// What would become of a request: when its last receiver would have the message if it were accepted now. Accepts
    /// nothing.
    pub async fn preview(
        &self,
        caller: &Caller,
        request: BroadcastRequest,
    ) -> Result<Option<Timestamp>, BroadcastError> {
        let Shared { store, clock, settings, forecast, .. } = &*self.0;
        check_policy(caller, &request.receivers)?;
        let active = store.active(&caller.app).await?;
        let own = active.iter().filter(|it| it.caller == caller.name).count();
        if own >= settings.max_active_per_key as usize {
            return Err(BroadcastError::TooMany(settings.max_active_per_key));
        }
        let (now, total) = (clock.wall(), u32::try_from(request.receivers.len()));
        let total = total.unwrap_or(u32::MAX);
        let begun = Broadcast {
            id: BroadcastId::generate(now),
            caller: Arc::clone(&caller.name),
            app: Arc::clone(&caller.app),
            tenant: caller.tenant.clone(),
            message: request.message,
            state: State::Running,
            paused_by: None,
            total,
            counts: Counts::pending(total),
            created_at: now,
            expires_at: now.saturating_add(request.expires_in).unwrap_or(Timestamp::MAX),
            finished_at: None,
            retry_of: None,
            revision: 0,
        };
        Ok(forecast.finish_at(&begun, now))
    }

    /// Accepts a broadcast of the same message to those receivers of an earlier one that are in these final states.
    pub async fn retry(
        &self,
        caller: &Caller,
        id: &BroadcastId,
        states: &[ReceiverState],
        key: &IdempotencyKey,
    ) -> Result<Accepted, BroadcastError> {
        let of = self.find(caller, id).await?;
        let mut receivers = Vec::new();
        let mut from = 0;
        loop {
            let page = self.0.store.receivers(id, states, from, MOST_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            from = last.place + 1;
            receivers.extend(page.into_iter().map(|it| it.receiver));
        }
        let mut names: Vec<&str> = states.iter().map(|it| it.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        // Without the receivers, so that a repetition is one although more receivers have failed meanwhile.
        let content = fingerprint(["retry", &*caller.app, id.as_str()].into_iter().chain(names));
        let content = (key.of_broadcast(&caller.name), content);
        let span = of.expires_at.duration_since(of.created_at);
        let expires_in = Duration::try_from(span).unwrap_or_default();
        let retry_of = Some(id.clone());
        self.accept_new(caller, of.message, receivers, content, expires_in, retry_of).await
    }

    async fn accept_new(
        &self,
        caller: &Caller,
        message: MessageId,
        receivers: Vec<Receiver>,
        (key, content): (Fingerprint, Fingerprint),
        expires_in: Duration,
        retry_of: Option<BroadcastId>,
    ) -> Result<Accepted, BroadcastError> {
        let Shared { store, clock, settings, stopping, .. } = &*self.0;
        if stopping.is_cancelled() {
            return Err(BroadcastError::Draining);
        }
        check_policy(caller, &receivers)?;
        if receivers.is_empty() {
            return Err(BroadcastError::NobodyToRetry);
        }
        let created_at = clock.wall();
        let new = NewBroadcast {
            id: BroadcastId::generate(created_at),
            caller: Arc::clone(&caller.name),
            app: Arc::clone(&caller.app),
            tenant: caller.tenant.clone(),
            message,
            receivers,
            key,
            content,
            created_at,
            expires_in,
            retry_of,
            most_active: settings.max_active_per_key,
        };
        let acceptance = store.accept(new).await?;
        self.0.wake(&caller.app);
        match acceptance {
            Acceptance::Accepted(broadcast) => Ok(Accepted { broadcast, is_replayed: false }),
            Acceptance::Known(broadcast) => Ok(Accepted { broadcast, is_replayed: true }),
            Acceptance::KeyReused => Err(BroadcastError::KeyReused),
            Acceptance::TooMany => Err(BroadcastError::TooMany(settings.max_active_per_key)),
        }
    }

    /// A broadcast of the caller.
    pub async fn find(
        &self,
        caller: &Caller,
        id: &BroadcastId,
    ) -> Result<Broadcast, BroadcastError> {
        let found = self.0.store.find(id).await?;
        found.filter(|it| it.caller == caller.name).ok_or(BroadcastError::NotFound)
    }

    /// A broadcast of the caller, once its revision is above `since`, or as it is at `until` or when the process begins to
    /// end.
    pub async fn changed(
        &self,
        caller: &Caller,
        id: &BroadcastId,
        since: u64,
        until: Moment,
    ) -> Result<Broadcast, BroadcastError> {
        let Shared { clock, changed, stopping, .. } = &*self.0;
        loop {
            let notified = changed.notified();
            let broadcast = self.find(caller, id).await?;
            let now = clock.now();
            if broadcast.revision > since || now >= until || stopping.is_cancelled() {
                return Ok(broadcast);
            }
            tokio::select! {
                biased;
                () = notified => {}
                () = clock.sleep_until(until.min(now + LOOK)) => {}
                () = stopping.cancelled() => {}
            }
        }
    }

    /// The caller's broadcasts, newest first, those before `before` only. At most `most`, which is at most
    /// [`MOST_AT_ONCE`].
    pub async fn list(
        &self,
        caller: &Caller,
        before: Option<&BroadcastId>,
        most: u32,
    ) -> Result<Vec<Broadcast>, BroadcastError> {
        Ok(self.0.store.list(&caller.name, before, most).await?)
    }

    /// The receivers of a broadcast that are in these states, by place, from place `from` on. At most `most`, which is at
    /// most [`MOST_AT_ONCE`].
    pub async fn receivers(
        &self,
        caller: &Caller,
        id: &BroadcastId,
        states: &[ReceiverState],
        from: u32,
        most: u32,
    ) -> Result<Vec<ReceiverRecord>, BroadcastError> {
        self.find(caller, id).await?;
        Ok(self.0.store.receivers(id, states, from, most).await?)
    }

    /// Cancels a broadcast of the caller. One that was canceled before is as it is; one that has completed is an error.
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: &BroadcastId,
    ) -> Result<Broadcast, BroadcastError> {
        let Shared { store, clock, changed, .. } = &*self.0;
        self.find(caller, id).await?;
        let canceled = store.cancel(id, clock.wall()).await?.ok_or(BroadcastError::NotFound)?;
        changed.notify_waiters();
        self.0.wake(&canceled.app);
        if canceled.state == State::Completed {
            return Err(BroadcastError::Ended);
        }
        Ok(canceled)
    }

    /// When the last receiver will have its message, if the broadcast is running and nothing comes in between.
    #[must_use]
    pub fn estimated_finish_at(&self, broadcast: &Broadcast) -> Option<Timestamp> {
        self.0.forecast.finish_at(broadcast, self.0.clock.wall())
    }

    /// The process begins to end: nothing is claimed any more, and nobody waits for a change.
    pub fn stop(&self) {
        self.0.stopping.cancel();
    }

    /// Returns once every forward that was begun has ended and is written down.
    pub async fn ended(&self) {
        self.0.workers.wait().await;
    }

    /// Returns when the process begins to end.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }
}

fn check_policy(caller: &Caller, receivers: &[Receiver]) -> Result<(), BroadcastError> {
    let denied = (0..).zip(receivers).filter(|(_, it)| !caller.policy.allows(it));
    let denied: Vec<u32> = denied.map(|(place, _)| place).collect();
    if denied.is_empty() { Ok(()) } else { Err(BroadcastError::NotAllowed(denied)) }
}
