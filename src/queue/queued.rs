//! A request that waits in the queues.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Notify;

use super::error::QueueError;
use super::permit::{Permit, Waited};
use super::request::Request;
use super::scheduler::Scheduler;
use crate::clock::Moment;
use crate::limits::{Ahead, Grant, NotBefore, Scope};

/// A request in its receiver's queue. Dropping it leaves the queue, and costs nobody a permit.
pub(super) struct Queued<'a> {
    scheduler: &'a Scheduler,
    request: Request<'a>,
    number: u64,
    /// Notified when it becomes the first of its receiver, or when a limit may have opened.
    wake: Arc<Notify>,
}

/// What is in the way of a permit, and until when at least.
enum Obstacle {
    /// Other requests, which wake the next one when they go.
    Others(NotBefore),
    /// A limit. It opens by time, or earlier when Feishu accepts a probe.
    Limit(NotBefore),
}

impl<'a> Queued<'a> {
    /// Joins the receiver's queue, unless the permit would come too late or the queue is full.
    pub(super) fn join(
        scheduler: &'a Scheduler,
        request: Request<'a>,
        number: u64,
        is_back: bool,
    ) -> Result<Self, QueueError> {
        let wake = scheduler.join(&request, number, is_back)?;
        Ok(Self { scheduler, request, number, wake })
    }

    /// Waits for the permit until the request's deadline, and leaves the queue.
    pub(super) async fn permit(self) -> Result<Permit, QueueError> {
        let Self { scheduler, request, .. } = self;
        let permit = {
            // Pinned here: `timeout_at` would have room for it twice.
            let waiting = pin!(self.wait());
            scheduler.clock.timeout_at(request.until, waiting).await
        };
        drop(self);
        permit.unwrap_or_else(|_elapsed| Err(scheduler.too_late(&request)))
    }

    async fn wait(&self) -> Result<Permit, QueueError> {
        let Self { scheduler, request, .. } = self;
        let clock = &scheduler.clock;
        let mut waited = Waited::default();
        loop {
            let since = clock.now();
            let obstacle = match self.look() {
                Ok((grant, now)) => match scheduler.confirm(request, grant, now).await {
                    Some(permit) => {
                        scheduler.queues().had_permit(request, self.number);
                        return Ok(Permit { waited, ..permit });
                    }
                    // Another replica was faster.
                    None => continue,
                },
                Err(obstacle) => obstacle,
            };
            let (Obstacle::Others(not_before) | Obstacle::Limit(not_before)) = obstacle;
            if not_before.moment > request.until.max(since) {
                return Err(QueueError::too_late(not_before, since));
            }
            let opens_by_time = matches!(obstacle, Obstacle::Limit(_));
            let recheck_at = self.recheck_at(not_before, since);
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = clock.sleep_until(recheck_at), if opens_by_time => {}
            }
            match not_before.scope {
                Scope::Receiver => waited.receiver += clock.since(since),
                Scope::App => waited.app += clock.since(since),
            }
        }
    }

    /// When to look again if a limit opens by time.
    fn recheck_at(&self, NotBefore { scope, moment }: NotBefore, now: Moment) -> Moment {
        let (limiter, request) = (&self.scheduler.limiter, &self.request);
        match scope {
            Scope::Receiver => limiter.recheck_at(request.receiver, moment, now),
            Scope::App => {
                let recheck_at = moment.saturating_add(limiter.yields_for(request.key, moment));
                // No request is late because it lets others go first.
                if recheck_at < request.until { recheck_at } else { moment }
            }
        }
    }

    /// Takes a grant if there is one now, and returns it with the moment of the decision.
    fn look(&self) -> Result<(Grant, Moment), Obstacle> {
        let Self { scheduler, request, number, .. } = self;
        let Request { key, receiver, .. } = request;
        let limiter = &scheduler.limiter;
        let mut queues = scheduler.queues();
        let now = scheduler.clock.now();
        if !queues.is_first(request, *number) {
            // The waiting time was checked when the request joined.
            let not_before = NotBefore { scope: Scope::Receiver, moment: Moment::ZERO };
            return Err(Obstacle::Others(not_before));
        }
        if let Some(grant) = limiter.ask_about_cooldown(receiver, now) {
            return Ok((grant, now));
        }
        let ready_at = limiter.receiver_ready_at(receiver, queues.reserved(request), now);
        if ready_at > now {
            // Other receivers can use the app meanwhile.
            queues.leave_app(request);
            return Err(Obstacle::Limit(NotBefore { scope: Scope::Receiver, moment: ready_at }));
        }
        if !queues.join_app(request) {
            let not_before = scheduler.app_ready_at(&queues, request, *number, now);
            return Err(Obstacle::Others(not_before));
        }
        let leaves = scheduler.calls_to_leave(&queues, request);
        let ahead = Ahead { for_receiver: 0, for_app: leaves };
        let grant = limiter.take_after(ahead, key, receiver, now).map_err(|not_before| {
            if not_before.scope == Scope::Receiver {
                // Redis has just reported other replicas' messages.
                queues.leave_app(request);
            }
            Obstacle::Limit(not_before)
        })?;
        Ok((grant, now))
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.scheduler.queues().leave(&self.request, self.number);
    }
}
