//! What a forward is known by to those who may ask for it again, here and at other replicas.

use std::sync::Arc;

use super::agreement::Agreed;
use super::error::ForwardError;
use super::idempotency::{Elsewhere, Lead};
use super::identity::Identity;
use super::register::{End, Reused};
use super::shared_uuids::Joined;
use super::{Delivery, Order};
use crate::clock::{Moment, Stamp};

/// What a forward is known by; clones are one.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// Nothing that others could know.
    None,
    /// A key of its caller's.
    Key(Lead),
    /// A `uuid` of its caller's.
    Uuid(Arc<Joined>),
}

impl Name {
    /// An attempt is made.
    pub(super) fn sends(&self) {
        match self {
            Self::None => {}
            Self::Key(lead) => lead.sends(),
            Self::Uuid(joined) => joined.sends(),
        }
    }

    /// Whether the other replicas agree.
    pub(super) fn agreed(&self, now: Moment) -> Agreed {
        match self {
            Self::None => Agreed::Alone,
            Self::Key(lead) => lead.agreed(now),
            Self::Uuid(joined) => joined.agreement.holds(now),
        }
    }

    /// Nothing that was sent may have gone out.
    fn nothing_is_out(&self) {
        if let Self::Key(lead) = self {
            lead.nothing_is_out();
        }
    }
}

impl Delivery {
    /// The name of a forward without a key. A `uuid` that its caller has chosen stands for one forward.
    pub(super) async fn name_of_unkeyed(&self, order: &Order) -> Result<Name, ForwardError> {
        if !order.uuid_is_chosen() {
            return Ok(Name::None);
        }
        let reused = |Reused| ForwardError::UuidReused;
        let identity = Identity::of(order);
        self.register.take(&identity).map_err(reused)?;
        let Some(shared) = &self.register.shared else { return Ok(Name::None) };
        let joined = shared.to_join(identity, self.clock.stamp());
        self.join(&joined, &identity).await.map_err(reused)?;
        Ok(Name::Uuid(Arc::new(joined)))
    }

    /// Hears what other replicas know of a `uuid`. Where Redis cannot be asked, Feishu knows it: it is not sent
    /// twice.
    async fn join(&self, joined: &Joined, identity: &Identity) -> Result<(), Reused> {
        let (asked_at, followed) = (self.clock.now(), self.turns.follow_redis());
        if let Ok(elsewhere) = Box::pin(joined.join()).await {
            let elsewhere = elsewhere?;
            if let Some(earlier) = elsewhere.earlier {
                self.register.heard(identity, earlier);
            }
            if elsewhere.is_whole && followed && self.turns.follow_redis() {
                joined.agreement.reached(asked_at);
            }
        }
        Ok(())
    }

    /// Has the other replicas agree on a forward that failed, before anybody hears of it: one of them may have
    /// sent the same meanwhile. Of a key only where Redis was emptied, as one that leads keeps others from it.
    pub(super) async fn agree(&self, order: &Order, name: &Name, is_in_doubt: bool) -> Agreed {
        if !is_in_doubt {
            // Also if its caller hangs up during the question.
            name.nothing_is_out();
        }
        let agreed = name.agreed(self.clock.now());
        if agreed == Agreed::No || matches!(name, Name::Uuid(_)) {
            match (name, &order.named) {
                (Name::Key(lead), Some(named)) => {
                    let (now, followed) = (self.clock.now(), self.turns.follow_redis());
                    let app = &order.caller.app;
                    match self.idempotency.claim_elsewhere(lead, named, app, now).await {
                        Elsewhere::Lead { first_attempt, is_whole } => {
                            self.recall(order, first_attempt);
                            self.lead_is_agreed(lead, is_whole && followed, now);
                        }
                        Elsewhere::Busy(first_attempt) => self.recall(order, Some(first_attempt)),
                        // Whoever asks again hears of it.
                        Elsewhere::Done(_) | Elsewhere::Reused => {}
                    }
                }
                (Name::Uuid(joined), _) => {
                    // One that was reused meanwhile is not agreed on.
                    let _ = self.join(joined, &Identity::of(order)).await;
                }
                _ => {}
            }
        }
        name.agreed(self.clock.now())
    }

    /// The other replicas know that one leads here, if Redis knows all that they know.
    pub(super) fn lead_is_agreed(&self, lead: &Lead, is_whole: bool, asked_at: Moment) {
        if is_whole && self.turns.follow_redis() {
            lead.agreement().reached(asked_at);
        }
    }

    /// Has the other replicas know that a forward may have gone out under a `uuid` that the gateway has made:
    /// its caller is about to learn the `uuid`, and may repeat the forward at any of them.
    pub(super) async fn share_doubt(&self, order: &Order, first_attempt: Stamp) {
        let Some(shared) = &self.register.shared else { return };
        let joined = shared.to_join(Identity::of(order), first_attempt);
        // Where Redis cannot be asked, it hears of it later.
        let _ = Box::pin(joined.join()).await;
        joined.ended(End::Unknown);
    }
}
