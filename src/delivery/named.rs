//! A forward that its caller has named by a key: done once, by whoever comes first, here or at another
//! replica, and heard by all who ask.

use std::sync::Arc;

use super::audit::Entry;
use super::error::ForwardError;
use super::idempotency::{Claim, Elsewhere, Lead, Outcome};
use super::identity::Identity;
use super::past::Known;
use super::{App, Delivery, Name, Order, Report, Timings};
use crate::clock::{Elapsed, Moment, Stamp};
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
        let came = self.clock.stamp();
        loop {
            let outcome = match self.idempotency.claim(named) {
                Claim::Lead(lead) => {
                    match self.claim_elsewhere(&lead, named, &app.name, started).await {
                        Some(Elsewhere::Lead { first_attempt, is_whole }) => {
                            self.recall(order, first_attempt);
                            self.lead_is_agreed(&lead, is_whole, started);
                            return self.lead(app, order, lead, entry, started).await;
                        }
                        // It may have gone out from here, so its `uuid` is asked for again.
                        Some(Elsewhere::Done(Outcome { result: Err(_), .. }))
                            if self.register.earlier(&Identity::of(order)).is_some() =>
                        {
                            return self.lead(app, order, lead, entry, started).await;
                        }
                        Some(Elsewhere::Busy(first_attempt)) => {
                            self.recall(order, Some(first_attempt));
                            self.unheard(order, came)
                        }
                        Some(Elsewhere::Done(outcome)) => {
                            lead.tell(outcome.clone());
                            self.replayed(outcome)
                        }
                        Some(Elsewhere::Reused) => {
                            lead.withdraw();
                            self.reused()
                        }
                        None => self.unheard(order, came),
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
                        Err(Elapsed) => self.unheard(order, came),
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

    async fn lead(
        self: &Arc<Self>,
        app: &Arc<App>,
        order: &Arc<Order>,
        lead: Lead,
        entry: &Entry,
        started: Moment,
    ) -> Report {
        self.metrics.idempotency("new");
        self.run(app, order, Name::Key(lead), entry, started).await
    }

    /// Another replica may have sent it, first then.
    pub(super) fn recall(&self, order: &Order, first_attempt: Option<Stamp>) {
        if let Some(first_attempt) = first_attempt {
            self.register.untold(&Identity::of(order), first_attempt);
        }
    }

    fn reused(&self) -> Outcome {
        self.metrics.idempotency("reused");
        Outcome::failed(ForwardError::KeyReused)
    }

    fn replayed(&self, outcome: Outcome) -> Outcome {
        self.metrics.idempotency("replayed");
        outcome
    }

    /// What is true of a forward that others make, of which one who `came` then heard nothing in time.
    fn unheard(&self, order: &Order, came: Stamp) -> Outcome {
        let sent_at = self.register.in_doubt_since(&Identity::of(order));
        // Who was joined had begun less than a deadline before.
        let earliest = sent_at.unwrap_or(came.earlier_by(self.deadline));
        let result = Err(ForwardError::Failed(CallError::TimedOut { is_stale: false }));
        Outcome { result, in_doubt_since: Some(earliest), known: Known::Wholly }
    }
}
