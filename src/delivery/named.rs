//! A forward that its caller has named by a key: done once, by whoever comes first, here or at another
//! replica, and heard by all who ask.

use std::sync::Arc;

use super::audit::Entry;
use super::doubts::{Identity, SAFE_TO_REPEAT};
use super::error::ForwardError;
use super::idempotency::{Claim, Elsewhere, Lead, Outcome};
use super::{App, Delivery, Order, Report, Timings};
use crate::clock::{Elapsed, Moment};
use crate::feishu::error::CallError;
use crate::model::idempotency_key::NamedForward;

impl Delivery {
    pub(super) async fn named(
        self: &Arc<Self>,
        app: &Arc<App>,
        order: &Arc<Order>,
        named: &NamedForward,
        entry: &Entry,
        started: Moment,
    ) -> Report {
        loop {
            let outcome = match self.idempotency.claim(named) {
                Claim::Lead(lead) => {
                    match self.claim_elsewhere(&lead, named, &app.name, started).await {
                        Some(Elsewhere::Lead(first_attempt)) => {
                            self.metrics.idempotency("new");
                            self.recall(app, order, first_attempt);
                            return self.run(app, order, Some(lead), entry, started).await;
                        }
                        Some(Elsewhere::Busy(first_attempt)) => {
                            self.recall(app, order, Some(first_attempt));
                            self.unheard(app, order, started)
                        }
                        Some(Elsewhere::Done(outcome)) => {
                            lead.tell(outcome.clone());
                            self.replayed(outcome)
                        }
                        Some(Elsewhere::Reused) => {
                            lead.withdraw();
                            self.reused()
                        }
                        None => self.unheard(app, order, started),
                    }
                }
                Claim::Reused => self.reused(),
                Claim::Done(outcome) => self.replayed(outcome),
                Claim::Join(following) => {
                    let heard = self.clock.timeout_at(started + self.deadline, following.listen());
                    self.metrics.idempotency("joined");
                    match heard.await {
                        Ok(Some(outcome)) => outcome,
                        // The one who did it hung up: now it is somebody else's turn to.
                        Ok(None) => continue,
                        // Others have done so meanwhile, and the last one is not through yet.
                        Err(Elapsed) => self.unheard(app, order, started),
                    }
                }
            };
            let is_replayed = !matches!(outcome.result, Err(ForwardError::KeyReused));
            let timings = Timings { total: self.clock.since(started), ..Timings::default() };
            return Report { is_replayed, timings, ..self.report(outcome, order) };
        }
    }

    /// What other replicas say to one who leads here; none where the process ends first.
    async fn claim_elsewhere(
        &self,
        lead: &Lead,
        named: &NamedForward,
        app: &Arc<str>,
        started: Moment,
    ) -> Option<Elsewhere> {
        let until = started + self.deadline;
        tokio::select! {
            biased;
            elsewhere = self.idempotency.claim_elsewhere(lead, named, app, until) => Some(elsewhere),
            () = self.closing.cancelled() => None,
        }
    }

    /// Another replica may have sent it, first then.
    fn recall(&self, app: &App, order: &Order, first_attempt: Option<Moment>) {
        if let Some(first_attempt) = first_attempt {
            self.doubts.untold(Identity::of(app, order), first_attempt);
        }
    }

    fn reused(&self) -> Outcome {
        self.metrics.idempotency("reused");
        Outcome { result: Err(ForwardError::KeyReused), safe_until: None }
    }

    fn replayed(&self, outcome: Outcome) -> Outcome {
        self.metrics.idempotency("replayed");
        outcome
    }

    /// What is true of a forward that others make, of which nothing was heard in time.
    fn unheard(&self, app: &App, order: &Order, joined_at: Moment) -> Outcome {
        let sent_at = self.doubts.first_attempt(&Identity::of(app, order));
        // Who was joined had begun less than a deadline before.
        let earliest = sent_at.unwrap_or(joined_at.saturating_sub(self.deadline));
        let result = Err(ForwardError::Failed(CallError::TimedOut { is_stale: false }));
        Outcome { result, safe_until: Some(earliest + SAFE_TO_REPEAT) }
    }
}
