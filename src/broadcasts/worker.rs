//! Delivers the broadcasts of one app: claims receivers, forwards to them, and writes down what became of each.
//!
//! Each receiver is one forward of the bulk class. It is `in_doubt` in the store before its forward begins and has its
//! settlement after the forward ended, so a process that dies leaves only receivers that are repeated with their `uuid`.

use std::collections::{BTreeMap, HashMap};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{self, JoinError, JoinSet};
use tracing::{Instrument, info_span};

use super::broadcast::{Broadcast, ReceiverState, State};
use super::obstacles::{Obstacles, Way};
use super::settlement::{Pace, Verdict};
use super::shared::Shared;
use super::store::{Claimed, Settled, StoreError};
use crate::clock::Moment;
use crate::delivery::{Delivery, ForwardReport, ForwardRequest};
use crate::model::api_key::Caller;
use crate::model::broadcast_id::BroadcastId;
use crate::model::forward::Forward;
use crate::model::tenant_key::TenantKey;
use crate::model::urgency::Urgency;
use crate::telemetry::metrics::{ActiveBroadcasts, Metrics};

/// The caller with this name, in this tenant or in none, while its API key is in force and may be used there.
pub type FindCaller = Arc<dyn Fn(&str, Option<&TenantKey>) -> Option<Caller> + Send + Sync>;

/// Delivers the broadcasts of one app.
pub(super) struct Worker {
    app: Arc<str>,
    shared: Arc<Shared>,
    delivery: Delivery,
    find_caller: FindCaller,
    metrics: Metrics,
    /// The forwards that were begun and have not ended, and whose they are.
    forwards: JoinSet<ForwardReport>,
    under_way: HashMap<task::Id, UnderWay>,
    /// What is to be written down, by broadcast.
    unwritten: BTreeMap<BroadcastId, Vec<Settled>>,
    obstacles: Obstacles,
    /// How many forwards may be under way at the same time.
    window: usize,
    /// Which broadcast is asked first.
    next: usize,
    /// Until when a broadcast has nobody who is due.
    nobody_due_until: HashMap<BroadcastId, Moment>,
    /// Whether the app had no active broadcast at the last look. Then [`keep_up`](super::upkeep) looks, for all such apps
    /// together: with many apps and replicas, each worker's own look would keep the store busy.
    is_idle: bool,
}

/// A forward that was begun.
struct UnderWay {
    id: BroadcastId,
    caller: Arc<str>,
    tenant: Option<TenantKey>,
    place: u32,
    claim: u32,
    /// Whether it began while there was an obstacle, to see whether that has gone.
    is_probe: bool,
}

/// How many forwards are under way at first, and at most: what waits for its turn is in doubt if the process dies.
const FIRST_WINDOW: usize = 8;
const LARGEST_WINDOW: usize = 64;
/// How often active broadcasts are looked at when nothing happens here: receivers may be due, or held by nobody.
const LOOK: Duration = Duration::from_secs(1);
/// How long a bulk forward may wait for its turn: as long as its deadline allows.
const PATIENCE: Duration = Duration::from_hours(1);

impl Worker {
    pub(super) fn new(
        app: Arc<str>,
        shared: Arc<Shared>,
        delivery: Delivery,
        find_caller: FindCaller,
        metrics: Metrics,
    ) -> Self {
        Self {
            app,
            shared,
            delivery,
            find_caller,
            metrics,
            forwards: JoinSet::new(),
            under_way: HashMap::new(),
            unwritten: BTreeMap::new(),
            obstacles: Obstacles::default(),
            window: FIRST_WINDOW,
            next: 0,
            nobody_due_until: HashMap::new(),
            is_idle: false,
        }
    }

    /// Delivers until the process begins to end, and then writes down what is still under way.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let wake = &shared.wakes[&self.app];
        loop {
            let is_stopping = shared.stopping.is_cancelled();
            if let Err(error) = self.go_on().await {
                self.metrics.broadcast_store_failed();
                tracing::error!(app = %self.app, %error, "broadcasts cannot continue for now");
            }
            if is_stopping && self.forwards.is_empty() && self.unwritten.is_empty() {
                return;
            }
            let look_at = shared.clock.now() + LOOK;
            tokio::select! {
                biased;
                Some(ended) = self.forwards.join_next_with_id() => self.ended(ended),
                () = wake.notified() => {}
                () = shared.stopping.cancelled(), if !is_stopping => {}
                () = shared.clock.sleep_until(look_at), if !self.is_idle => {}
            }
            // All that ended meanwhile is written down together.
            while let Some(ended) = self.forwards.try_join_next_with_id() {
                self.ended(ended);
            }
        }
    }

    /// Writes down what has ended, and begins what may begin.
    async fn go_on(&mut self) -> Result<(), StoreError> {
        self.is_idle = false;
        self.write_down().await?;
        if self.shared.stopping.is_cancelled() {
            return Ok(());
        }
        let active = self.shared.store.active(&self.app).await?;
        let now = self.shared.clock.now();
        self.shared.forecast.look(&self.app, &active, now);
        self.metrics.active_broadcasts(&self.app, &summary(&active, self.shared.clock.wall()));
        self.nobody_due_until
            .retain(|id, until| *until > now && active.iter().any(|it| it.id == *id));
        self.obstacles.keep_those_of(&active);
        self.say_what_is_paused(&active).await?;
        self.begin(&active).await?;
        self.is_idle = active.is_empty();
        Ok(())
    }

    async fn write_down(&mut self) -> Result<(), StoreError> {
        let Shared { store, clock, changed, .. } = &*self.shared;
        let mut left = take(&mut self.unwritten).into_iter();
        while let Some((id, settled)) = left.next() {
            // Kept until it is written: the store may be back soon, and what Feishu said is said once.
            if let Err(error) = store.settle(&id, settled.clone(), clock.wall()).await {
                self.unwritten = left.chain([(id, settled)]).collect();
                return Err(error);
            }
            for outcome in settled.iter().filter_map(|it| it.result.outcome()) {
                self.metrics.broadcast_settled(&self.app, outcome.as_str());
            }
            changed.notify_waiters();
        }
        Ok(())
    }

    async fn say_what_is_paused(&self, active: &[Broadcast]) -> Result<(), StoreError> {
        for broadcast in active {
            let problem = self.obstacles.problem(broadcast);
            if broadcast.paused_by == problem {
                continue;
            }
            self.shared.store.pause(&broadcast.id, problem).await?;
            let (broadcast_id, caller) = (broadcast.id.as_str(), &*broadcast.caller);
            if let Some(problem) = problem.map(|it| it.facts().name) {
                tracing::warn!(broadcast_id, caller, problem, "a broadcast is paused");
            } else {
                tracing::info!(broadcast_id, caller, "a broadcast continues");
            }
            self.shared.changed.notify_waiters();
        }
        Ok(())
    }

    /// Claims receivers of the active broadcasts, which take turns, and begins their forwards.
    async fn begin(&mut self, active: &[Broadcast]) -> Result<(), StoreError> {
        let mut left = active.len();
        self.next = self.next.checked_rem(left).unwrap_or(0);
        for broadcast in active.iter().cycle().skip(self.next).take(left) {
            let free = self.window.saturating_sub(self.forwards.len());
            if free == 0 {
                return Ok(());
            }
            self.next += 1;
            let most = self.may_begin(broadcast, free.div_ceil(left));
            left -= 1;
            if most > 0 && broadcast.counts.open() > 0 {
                self.begin_some(broadcast, most).await?;
            }
        }
        Ok(())
    }

    /// How many receivers of a broadcast may be begun now, if its share of the window is `share`.
    fn may_begin(&self, broadcast: &Broadcast, share: usize) -> usize {
        let now = self.shared.clock.now();
        if self.nobody_due_until.contains_key(&broadcast.id) {
            return 0;
        }
        match self.obstacles.way(&broadcast.caller, broadcast.tenant.as_ref(), now) {
            Way::Free => share,
            // One at a time in the tenant, whichever broadcast it is of.
            Way::Probe if self.is_idle_in(broadcast.tenant.as_ref()) => 1,
            Way::Probe | Way::Blocked => 0,
        }
    }

    /// Whether no forward in this tenant is under way.
    fn is_idle_in(&self, tenant: Option<&TenantKey>) -> bool {
        self.under_way.values().all(|it| it.tenant.as_ref() != tenant)
    }

    async fn begin_some(&mut self, broadcast: &Broadcast, most: usize) -> Result<(), StoreError> {
        let Shared { store, clock, changed, .. } = &*self.shared;
        let caller = (self.find_caller)(&broadcast.caller, broadcast.tenant.as_ref());
        let caller = caller.filter(|it| it.app == broadcast.app);
        let Some(caller) = caller else {
            store.cancel(&broadcast.id, clock.wall()).await?;
            tracing::warn!(
                broadcast_id = broadcast.id.as_str(),
                caller = &*broadcast.caller,
                "a broadcast is canceled because its API key is no longer valid, or no longer for its tenant"
            );
            changed.notify_waiters();
            return Ok(());
        };
        let asked = u32::try_from(most).unwrap_or(u32::MAX);
        let claimed = store.claim(&broadcast.id, asked, clock.wall()).await?;
        if claimed.len() < most {
            self.nobody_due_until.insert(broadcast.id.clone(), clock.now() + LOOK);
        }
        for claimed in claimed {
            self.forward(broadcast, &caller, claimed);
        }
        Ok(())
    }

    fn forward(&mut self, broadcast: &Broadcast, caller: &Caller, claimed: Claimed) {
        let Claimed { place, receiver, claim, in_doubt_since } = claimed;
        let (delivery, clock) = (self.delivery.clone(), self.shared.clock.clone());
        let receiver = caller.receiver(receiver);
        let forward = Forward::Message(broadcast.message.clone());
        let fingerprint = forward.fingerprint(&broadcast.app, &receiver);
        let request = Arc::new(ForwardRequest {
            request_id: format!("{}-{place}", broadcast.id),
            caller: caller.clone(),
            uuid: delivery.uuids(caller).of_broadcast(&broadcast.id, fingerprint),
            forward,
            receiver,
            uuid_is_given: true,
            idempotent: None,
            broadcast: Some(broadcast.id.clone()),
            wait: PATIENCE,
            urgency: Urgency::Bulk,
        });
        if let Some(since) = in_doubt_since {
            let age = clock.wall().duration_since(since);
            let age = Duration::try_from(age).unwrap_or_default();
            delivery.recall(&request, clock.stamp().earlier_by(age));
        }
        let span = info_span!("broadcast", broadcast_id = broadcast.id.as_str(), place);
        let forwarding = async move { delivery.forward(&request).await };
        let task = self.forwards.spawn(forwarding.instrument(span));
        let (id, caller) = (broadcast.id.clone(), Arc::clone(&caller.name));
        let tenant = broadcast.tenant.clone();
        let is_probe = self.obstacles.way(&caller, tenant.as_ref(), clock.now()) != Way::Free;
        self.under_way.insert(task.id(), UnderWay { id, caller, tenant, place, claim, is_probe });
    }

    /// Takes note of a forward that has ended.
    fn ended(&mut self, ended: Result<(task::Id, ForwardReport), JoinError>) {
        let (task, report) = match ended {
            Ok((task, report)) => (task, Some(report)),
            Err(error) => (error.id(), None),
        };
        let Some(it) = self.under_way.remove(&task) else {
            return;
        };
        let UnderWay { id, caller, tenant, place, claim, is_probe } = it;
        let result = if let Some(report) = report {
            let verdict = Verdict::of(report, claim, &self.shared.clock);
            self.obstacles.learn(&caller, tenant.as_ref(), verdict.finding, is_probe);
            self.window = match verdict.pace {
                Pace::Brisk => (self.window + 1).min(LARGEST_WINDOW),
                Pace::Slow => (self.window - 1).max(1),
                Pace::TooMany => (self.window / 2).max(1),
            };
            verdict.settlement
        } else {
            tracing::error!(broadcast_id = id.as_str(), place, "a forward panicked");
            Verdict::of_panic(claim)
        };
        self.unwritten.entry(id).or_default().push(Settled { place, claim, result });
    }
}

/// What metrics show of an app's active broadcasts at `now`.
fn summary(active: &[Broadcast], now: Timestamp) -> ActiveBroadcasts {
    let mut summary = ActiveBroadcasts::default();
    for broadcast in active {
        match broadcast.state {
            State::Paused => summary.paused += 1,
            State::Running | State::Completed | State::Canceled => summary.running += 1,
        }
        let pending = broadcast.counts.of(ReceiverState::Pending);
        summary.pending += u64::from(pending);
        summary.in_doubt += u64::from(broadcast.counts.of(ReceiverState::InDoubt));
        if pending > 0 {
            let age = now.duration_since(broadcast.created_at);
            let age = Duration::try_from(age).unwrap_or_default();
            summary.oldest_pending = summary.oldest_pending.max(age);
        }
    }
    summary
}
