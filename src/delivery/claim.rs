//! A forward's claim to its key or its `uuid`, and what the other replicas know of it.

use std::sync::Arc;

use super::agreement::Agreed;
use super::conclusion::{Conclusion, Known};
use super::context::Context;
use super::error::ForwardError;
use super::idempotency::{Leader, RemoteClaim};
use super::identity::Identity;
use super::in_doubt::{AttemptEnd, UuidClaim, UuidReused};
use super::request::ForwardRequest;
use crate::clock::{Moment, Stamp};
use crate::feishu::error::Forwarded;

/// What a forward has claimed. Clones share the claim.
#[derive(Clone, Debug)]
pub(super) enum ForwardClaim {
    /// Nothing: no other request can know its `uuid`.
    None,
    /// The caller's key.
    Key(Leader),
    /// The caller's `uuid`.
    Uuid(Arc<UuidClaim>),
}

impl ForwardClaim {
    /// Claims the `uuid` of a forward without a key, if its caller has chosen one.
    pub(super) async fn of_unkeyed(
        context: &Context,
        request: &ForwardRequest,
    ) -> Result<Self, ForwardError> {
        if !request.uuid_is_chosen() {
            return Ok(Self::None);
        }
        let reused = |UuidReused| ForwardError::UuidReused;
        let identity = Identity::of(request);
        context.register.take(&identity).map_err(reused)?;
        let Some(shared) = &context.register.shared else { return Ok(Self::None) };
        let claim = shared.claim(identity, context.clock.stamp());
        join(context, &claim, &identity).await.map_err(reused)?;
        Ok(Self::Uuid(Arc::new(claim)))
    }

    /// An attempt is made.
    pub(super) fn sends(&self) {
        match self {
            Self::None => {}
            Self::Key(leader) => leader.sends(),
            Self::Uuid(claim) => claim.sends(),
        }
    }

    /// Whether the replicas agree on the claim.
    pub(super) fn agreed(&self, now: Moment) -> Agreed {
        match self {
            Self::None => Agreed::Alone,
            Self::Key(leader) => leader.agreed(now),
            Self::Uuid(claim) => claim.agreement.holds(now),
        }
    }

    /// The conclusion of a forward, for every request that asks for it. If the forward failed, the other
    /// replicas are asked first: one of them may have sent the same meanwhile.
    pub(super) async fn conclude(
        &self,
        context: &Context,
        request: &ForwardRequest,
        result: Result<Forwarded, ForwardError>,
        in_doubt_since: Option<Stamp>,
    ) -> Conclusion {
        let known = match &result {
            Err(_) if request.uuid_is_given && request.broadcast.is_none() => {
                let agreed = self.agree(context, request, in_doubt_since.is_some()).await;
                known(context, request, agreed)
            }
            _ => Known::Wholly,
        };
        let in_doubt_since = in_doubt_since.filter(|_| result.is_err());
        Conclusion { result, in_doubt_since, known }
    }

    /// Has the other replicas agree that nothing else was sent. A leader asks only if Redis was emptied, because
    /// a lease keeps other replicas from sending.
    async fn agree(&self, context: &Context, request: &ForwardRequest, in_doubt: bool) -> Agreed {
        if let (Self::Key(leader), false) = (self, in_doubt) {
            // Before the question, during which the caller may hang up.
            leader.nothing_is_delivered();
        }
        match (self, &request.idempotent) {
            (Self::Key(leader), Some(forward))
                if self.agreed(context.clock.now()) == Agreed::No =>
            {
                let (now, app) = (context.clock.now(), &request.caller.app);
                let was_shared = context.scheduler.is_shared();
                match context.idempotency.claim_remotely(leader, forward, app, now).await {
                    RemoteClaim::Lead { first_attempt, is_whole } => {
                        recall(context, request, first_attempt);
                        leader_is_known(context, leader, is_whole && was_shared, now);
                    }
                    RemoteClaim::Busy(first_attempt) => {
                        recall(context, request, Some(first_attempt));
                    }
                    // The next request with the key learns it.
                    RemoteClaim::Done(_) | RemoteClaim::Reused => {}
                }
            }
            (Self::Uuid(claim), _) => {
                // If the `uuid` was reused meanwhile, there is no agreement.
                let _ = join(context, claim, &Identity::of(request)).await;
            }
            _ => {}
        }
        self.agreed(context.clock.now())
    }
}

/// Registers an attempt of another replica that may have been delivered.
pub(super) fn recall(context: &Context, request: &ForwardRequest, first_attempt: Option<Stamp>) {
    if let Some(first_attempt) = first_attempt {
        context.register.may_be_delivered(&Identity::of(request), first_attempt);
    }
}

/// The other replicas know that this one leads, provided that Redis knows everything that they know.
pub(super) fn leader_is_known(
    context: &Context,
    leader: &Leader,
    is_whole: bool,
    asked_at: Moment,
) {
    if is_whole && context.scheduler.is_shared() {
        leader.agreement().reached(asked_at);
    }
}

/// Has the other replicas know that a forward may have been delivered under a `uuid` of the gateway's own: its
/// caller is about to learn the `uuid`, and may repeat the forward at any replica.
pub(super) async fn share_doubt(context: &Context, request: &ForwardRequest, first_attempt: Stamp) {
    let Some(shared) = &context.register.shared else { return };
    let claim = shared.claim(Identity::of(request), first_attempt);
    // If Redis cannot be asked, it hears of the claim later.
    let _ = Box::pin(claim.join()).await;
    claim.ended(AttemptEnd::Unknown);
}

/// Makes a claim to a `uuid` known and registers what other replicas know of it. Without Redis nothing is known,
/// but Feishu recognises the `uuid`, so nothing is delivered twice.
async fn join(context: &Context, claim: &UuidClaim, identity: &Identity) -> Result<(), UuidReused> {
    let (asked_at, was_shared) = (context.clock.now(), context.scheduler.is_shared());
    if let Ok(remote) = Box::pin(claim.join()).await {
        let remote = remote?;
        if let Some(prior) = remote.prior {
            context.register.heard(identity, prior);
        }
        if remote.is_whole && was_shared && context.scheduler.is_shared() {
            claim.agreement.reached(asked_at);
        }
    }
    Ok(())
}

fn known(context: &Context, request: &ForwardRequest, agreed: Agreed) -> Known {
    let since = match (agreed, &request.idempotent) {
        (Agreed::Yes, _) => None,
        (Agreed::No, _) => return Known::NotByOthers(context.clock.stamp()),
        (Agreed::Alone, None) => context.register.known_since(),
        (Agreed::Alone, Some(_)) => match &context.idempotency.kept {
            Some(kept) => return kept.known(),
            None => context.register.known_since().max(context.idempotency.known_since()),
        },
    };
    since.map_or(Known::Wholly, |since| Known::Since(context.clock.wall_at(since)))
}
