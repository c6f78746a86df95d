//! What a forward is known by to those who may ask for it again, here and at other replicas.

use std::sync::Arc;

use super::error::ForwardError;
use super::idempotency::Lead;
use super::identity::Identity;
use super::past::Agreed;
use super::register::{Earlier, End, Reused};
use super::shared_uuids::{Elsewhere, Joined};
use super::{Delivery, Order};

/// What a forward is known by; clones are one.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// Nothing that others could know.
    None,
    /// A key of its caller's.
    Key(Lead),
    /// A `uuid` of its caller's, and whether the other replicas have heard of it.
    Uuid(Arc<Joined>, Agreed),
}

impl Name {
    /// An attempt is made.
    pub(super) fn sends(&self) {
        match self {
            Self::None => {}
            Self::Key(lead) => lead.sends(),
            Self::Uuid(joined, _) => joined.sends(),
        }
    }

    /// Whether the other replicas agree.
    pub(super) fn agreed(&self) -> Agreed {
        match self {
            Self::None => Agreed::Alone,
            Self::Key(lead) => lead.agreed(),
            Self::Uuid(_, agreed) => *agreed,
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
        // By the clocks before the question: however long the answer takes, nothing gets younger.
        let asked = self.clock.stamp();
        let joined = shared.to_join(identity);
        let agreed = match Box::pin(joined.join()).await {
            Ok(heard) => {
                if let Some(Elsewhere { age, is_out }) = heard.map_err(reused)? {
                    let first_attempt = asked.earlier_by(age);
                    let earlier = if is_out { Earlier::Out } else { Earlier::MayBeOut };
                    self.register.heard(&identity, earlier(first_attempt));
                }
                Agreed::Yes
            }
            // Feishu knows the `uuid`: it is not sent twice.
            Err(_gone) => Agreed::No,
        };
        Ok(Name::Uuid(Arc::new(joined), agreed))
    }

    /// Has the other replicas know that a forward may have gone out under a `uuid` that the gateway has made:
    /// its caller is about to learn the `uuid`, and may repeat the forward at any of them.
    pub(super) async fn share_doubt(&self, order: &Order) {
        let Some(shared) = &self.register.shared else { return };
        let joined = shared.to_join(Identity::of(order));
        // Where Redis cannot be asked, another replica will not deny what it cannot know.
        if Box::pin(joined.join()).await.is_ok() {
            joined.ended(End::Unknown);
        }
    }
}
