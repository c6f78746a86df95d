//! The scheduler: queues and limits together.
//!
//! All queues are under one lock, which is held while a request looks at the limits. So no cooldown begins, and
//! Redis is not lost, in the middle of a look.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::bounds::Bounds;
use super::coordinator::Coordinator;
use super::error::QueueError;
use super::permit::{Permit, Waited};
use super::queues::Queues;
use super::request::Request;
use crate::clock::{Clock, Moment};
use crate::limits::{
    Ahead, AppBlock, Evicted, Feedback, Grant, Hold, HoldId, LimitKey, Limiter, NotBefore, Rules,
    Scope, Standing,
};
use crate::model::receiver::Receiver;
use crate::model::urgency::Urgency;
use crate::redis::{self, Unavailable};

/// Schedules the attempts of all forwards.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) clock: Clock,
    pub(super) limiter: Arc<Limiter>,
    /// Where replicas share the limits.
    pub(super) coordinator: Option<Arc<Coordinator>>,
    bounds: Bounds,
    next_number: AtomicU64,
    queues: Mutex<Queues>,
}

/// The number of a request that stands behind everybody else.
const LAST: u64 = u64::MAX;

impl Scheduler {
    /// No request waits yet.
    #[must_use]
    pub fn new(rules: &Rules, bounds: Bounds, clock: Clock) -> Self {
        let limiter = Limiter::new(rules).into();
        let queues = Mutex::new(Queues::new());
        Self { clock, limiter, coordinator: None, bounds, next_number: AtomicU64::new(0), queues }
    }

    /// A scheduler after another process that may have sent with the same apps until now, and has written
    /// nothing down.
    #[must_use]
    pub fn after_predecessor(self) -> Self {
        self.limiter.start_after_predecessor(self.clock.now());
        self
    }

    /// A scheduler that shares its limits with other replicas.
    #[must_use]
    pub fn shared_by(mut self, coordinator: Coordinator) -> Self {
        // Until Redis is found.
        self.limiter.enter_fallback(coordinator.shared.replicas(), self.clock.now());
        self.coordinator = Some(Arc::new(coordinator));
        self
    }

    /// How long a forward that begins now can expect to wait for its permit, or why it would get none by
    /// `request.until`. Takes nothing.
    pub fn estimate(&self, request: &Request<'_>) -> Result<Duration, QueueError> {
        let queues = self.queues();
        let (ahead, now) = (self.ahead(&queues, request, LAST), self.clock.now());
        if !request.is_behind_sleepers(ahead, now)
            && self.limiter.ready_after(ahead, request.key, request.receiver, now).is_ok()
        {
            return Ok(Duration::ZERO);
        }
        let permit_at = self.permit_at(&queues, request, LAST, false, now)?;
        Ok(permit_at.saturating_sub(now))
    }

    /// Feishu refused an attempt because the receiver gets too many messages.
    pub fn receiver_refused(&self, receiver: &Receiver, is_probe: bool) {
        // The requests that wait look again when they wake.
        let _nobody_looks = self.queues();
        self.limiter.receiver_refused(receiver, is_probe, self.clock.now());
        self.report(receiver, Feedback::Refused { is_probe });
    }

    /// Feishu accepted an attempt. If it was a probe, the requests that wait for the receiver can go on.
    pub fn receiver_accepted(&self, receiver: &Receiver, is_probe: bool) {
        if is_probe {
            self.limiter.receiver_accepted(receiver, is_probe);
            self.report(receiver, Feedback::Accepted);
            self.queues().wake_first(receiver);
        }
    }

    /// Feishu refused a call because the app makes too many, and lets none through for `reset`.
    pub fn app_refused(&self, key: &LimitKey, reset: Duration) {
        self.limiter.app_refused(key, reset, self.clock.now());
        self.share_block(key, AppBlock::RateLimit, reset);
    }

    /// A permit is not used.
    pub fn release(&self, receiver: &Receiver, hold: Hold) {
        self.limiter.release(receiver, hold.taken_at);
        if let Some((hold_id, _)) = hold.shared {
            self.report(receiver, Feedback::NotSent(hold_id));
        }
        self.queues().wake_first(receiver);
    }

    /// How much of the receiver's limit is left.
    #[must_use]
    pub fn standing(&self, receiver: &Receiver) -> Standing {
        self.limiter.standing(receiver, self.clock.now())
    }

    /// How many receivers the limiter remembers.
    #[must_use]
    pub fn receivers(&self) -> usize {
        self.limiter.receivers()
    }

    /// How many receivers may get nothing now because they cool down.
    #[must_use]
    pub fn cooling_down(&self) -> usize {
        self.limiter.cooling_down(self.clock.now())
    }

    /// Whether the app may make no calls now because Feishu refused one.
    #[must_use]
    pub fn is_app_paused(&self, key: &LimitKey) -> bool {
        self.limiter.is_app_paused(key, self.clock.now())
    }

    /// How many requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queues().waiting().all().in_all()
    }

    /// How many requests of each caller wait. Only the callers that have some.
    #[must_use]
    pub fn waiting_by_caller(&self) -> BTreeMap<Arc<str>, usize> {
        self.queues().waiting().by_caller()
    }

    /// Evicts what no longer counts from the limiter.
    pub fn sweep(&self) -> Evicted {
        self.limiter.sweep(self.clock.now())
    }

    /// Whether Redis decides about the limits. It does not from its loss until it is found again.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.limiter.is_shared()
    }

    /// Shares with the other replicas that Feishu lets none of the app's calls through for `time`. Returns at
    /// once.
    pub fn share_block(&self, key: &LimitKey, cause: AppBlock, time: Duration) {
        let Some(coordinator) = self.coordinator.clone() else { return };
        let key = key.clone();
        tokio::spawn(async move {
            if coordinator.shared.block(&key, cause, time).await.is_err() {
                coordinator.wake.notify_one();
            }
        });
    }

    /// Reports to Redis what became of an attempt. Returns at once.
    pub(super) fn report(&self, receiver: &Receiver, feedback: Feedback) {
        let Some(coordinator) = self.coordinator.clone() else { return };
        let (limiter, clock) = (Arc::clone(&self.limiter), self.clock.clone());
        let receiver = receiver.clone();
        tokio::spawn(async move {
            match coordinator.shared.report(&receiver, feedback).await {
                Ok(slots) => limiter.adopt_slots(&receiver, slots, clock.now()),
                Err(_) => coordinator.wake.notify_one(),
            }
        });
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Relaxed)
    }

    /// Takes a grant without queueing where the limits leave enough for everybody ahead and one more: then
    /// nobody is passed over. Returns the grant with the moment of the decision.
    pub(super) fn take_at_once(
        &self,
        request: &Request<'_>,
        number: u64,
    ) -> Option<(Grant, Moment)> {
        let queues = self.queues();
        let (ahead, now) = (self.ahead(&queues, request, number), self.clock.now());
        if request.is_behind_sleepers(ahead, now) {
            return None;
        }
        let grant = self.limiter.take_after(ahead, request.key, request.receiver, now);
        Some((grant.ok()?, now))
    }

    /// Joins the receiver's queue, unless the permit would come too late or the queue is full.
    pub(super) fn join(
        &self,
        request: &Request<'_>,
        number: u64,
        is_back: bool,
    ) -> Result<Arc<Notify>, QueueError> {
        let mut queues = self.queues();
        self.permit_at(&queues, request, number, is_back, self.clock.now())?;
        Ok(queues.join(request, number))
    }

    /// Makes a permit of a grant. Where replicas share the limits, Redis confirms the grant first: if it
    /// refuses, there is no permit now, and the limiter knows until when.
    pub(super) async fn confirm(
        &self,
        request: &Request<'_>,
        grant: Grant,
        taken_at: Moment,
    ) -> Option<Permit> {
        let (waited, Request { key, receiver, .. }) = (Waited::default(), *request);
        self.limiter.hold(receiver, taken_at);
        let coordinator = match &self.coordinator {
            Some(coordinator) if !grant.is_final => coordinator,
            _ => {
                let hold = Hold { taken_at, shared: None };
                return Some(Permit { waited, is_probe: grant.is_probe, hold });
            }
        };
        // What other replicas took meanwhile only Redis knows.
        let is_bulk = request.urgency == Urgency::Bulk;
        let leaves = if is_bulk { self.calls_to_leave(&self.queues(), request) } else { 0 };
        let hold_id = HoldId::random();
        let hold = Hold { taken_at, shared: Some((hold_id, None)) };
        // The future may be dropped before Redis answers, and Redis may grant the attempt yet.
        let unanswered = Unanswered { scheduler: self, receiver, hold, is_answered: false };
        let asked_at = self.clock.now();
        match Box::pin(coordinator.shared.take(key, receiver, leaves, hold_id)).await {
            Ok(reply) => {
                let now = self.clock.now();
                if let Err(stepped) = coordinator.check_clock(reply.server_time, asked_at, now) {
                    self.lose_redis(coordinator, &stepped);
                    return None;
                }
                let queues = self.queues();
                let was_cooling_down = self.limiter.is_cooling_down(receiver);
                let is_adopted = self.limiter.adopt(key, receiver, &reply, asked_at, now);
                if was_cooling_down && !self.limiter.is_cooling_down(receiver) {
                    // Another replica's probe was accepted: the requests that wait for it can go on.
                    queues.wake_first(receiver);
                }
                drop(queues);
                if !reply.is_granted {
                    unanswered.refused();
                    return None;
                }
                // After a longer time this process, which may have stood still, does not know what Redis
                // granted since.
                let is_fresh = now.saturating_sub(asked_at) <= redis::TIMEOUT;
                let hold = Hold { taken_at, shared: Some((hold_id, Some(reply.slot))) };
                (is_adopted && is_fresh).then(|| {
                    unanswered.granted();
                    Permit { waited, is_probe: reply.is_probe, hold }
                })
            }
            Err(reason) => {
                self.lose_redis(coordinator, &reason);
                None
            }
        }
    }

    /// Redis is lost: from now on this replica keeps to its share, unless it does already.
    pub(super) fn lose_redis(&self, coordinator: &Coordinator, reason: &Unavailable) {
        let _nobody_looks = self.queues();
        if self.limiter.is_shared() {
            coordinator.log_loss(reason);
            self.limiter.enter_fallback(coordinator.shared.replicas(), self.clock.now());
            coordinator.wake.notify_one();
        }
    }

    /// Why a request that has left its queue at its deadline got no permit.
    pub(super) fn too_late(&self, request: &Request<'_>) -> QueueError {
        let queues = self.queues();
        let now = self.clock.now();
        let for_receiver = self.receiver_ready_at(&queues, request, LAST, now);
        let for_app = self.app_ready_at(&queues, request, LAST, now);
        let is_app = for_app.moment > for_receiver.moment;
        QueueError::too_late(if is_app { for_app } else { for_receiver }, now)
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, Queues> {
        // A panic under this lock would be a mistake in this folder. The queues are used on.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are ahead of a request with this number, and how many calls it has to leave for others.
    fn ahead(&self, queues: &Queues, request: &Request<'_>, number: u64) -> Ahead {
        let ahead = queues.ahead(request, number);
        Ahead { for_app: ahead.for_app + self.calls_to_leave(queues, request), ..ahead }
    }

    /// How many calls of the app a request has to leave for interactive ones that may come.
    pub(super) fn calls_to_leave(&self, queues: &Queues, request: &Request<'_>) -> usize {
        if queues.leaves_room(request) { self.limiter.half_a_burst(request.key) } else { 0 }
    }

    /// When a request can expect its permit if it joins its queue. It may join only if that is in time and
    /// there is room.
    fn permit_at(
        &self,
        queues: &Queues,
        request: &Request<'_>,
        number: u64,
        is_back: bool,
        now: Moment,
    ) -> Result<Moment, QueueError> {
        let Bounds { per_receiver, in_all } = self.bounds;
        let latest = request.until.max(now);
        let for_receiver = self.receiver_ready_at(queues, request, number, now);
        let (for_this, own) = queues.length(request);
        let is_full = !is_back && !for_this.has_room(request.urgency, own, per_receiver);
        if is_full || for_receiver.moment > latest {
            return Err(QueueError::too_late(for_receiver, now));
        }
        let own = queues.waiting().of(&request.caller.name).of(request.urgency);
        if !is_back && !queues.waiting().all().has_room(request.urgency, own, in_all) {
            return Err(QueueError::Full);
        }
        let for_app = self.app_ready_at(queues, request, number, now);
        if for_app.moment > latest {
            return Err(QueueError::too_late(for_app, now));
        }
        Ok(for_receiver.moment.max(for_app.moment))
    }

    /// When the receiver's limit can, at best, be expected to allow a request.
    fn receiver_ready_at(
        &self,
        queues: &Queues,
        request: &Request<'_>,
        number: u64,
        now: Moment,
    ) -> NotBefore {
        let ahead = queues.messages_ahead(request, number);
        let moment = self.limiter.receiver_ready_at_best(request.receiver, ahead, now);
        NotBefore { scope: Scope::Receiver, moment }
    }

    /// When the app's limits can, at best, be expected to allow a request.
    pub(super) fn app_ready_at(
        &self,
        queues: &Queues,
        request: &Request<'_>,
        number: u64,
        now: Moment,
    ) -> NotBefore {
        let is_slow = |receiver: &Receiver| self.limiter.is_cooling_down(receiver);
        let ahead = queues.calls_ahead(request, number, is_slow);
        let ahead = ahead + self.calls_to_leave(queues, request);
        NotBefore { scope: Scope::App, moment: self.limiter.app_ready_at(request.key, ahead, now) }
    }
}

/// A grant that Redis was asked to confirm. Unless its answer is heard, dropping this releases the hold.
struct Unanswered<'a> {
    scheduler: &'a Scheduler,
    receiver: &'a Receiver,
    hold: Hold,
    is_answered: bool,
}

impl Unanswered<'_> {
    /// Redis granted the attempt, and it is used.
    fn granted(mut self) {
        self.is_answered = true;
    }

    /// Redis refused, so there is nothing to release there.
    fn refused(mut self) {
        self.is_answered = true;
        self.scheduler.limiter.release(self.receiver, self.hold.taken_at);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.scheduler.release(self.receiver, self.hold);
        }
    }
}
