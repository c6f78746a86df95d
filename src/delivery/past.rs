//! What is known of the earlier attempts of a forward that failed.

use jiff::Timestamp;

use super::agreement::Agreed;
use super::error::ForwardError;
use super::idempotency::Outcome;
use super::identity::Identity;
use super::register::{Earlier, SAFE_TO_REPEAT};
use super::{Delivery, Name, Order};
use crate::clock::{Moment, Stamp};
use crate::feishu::error::Forwarded;

/// What is known of the earlier attempts of a forward that failed, those of other requests with its `uuid`
/// included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// None went out.
    NothingOut,
    /// None went out since then; of what was before, the gateway knows nothing.
    NothingOutSince(Timestamp),
    /// None went out from here, but another replica may have sent one: Redis cannot be asked, or does not know
    /// yet all that it knew. Until then it is safe to repeat the forward with its `uuid`, as far as this one knows.
    Unconfirmed(Timestamp),
    /// One may have gone out. Until then it is safe to repeat the forward with its `uuid`.
    MayBeOut(Timestamp),
    /// One was delivered. Until then it is safe to repeat the forward with its `uuid`.
    Delivered(Timestamp),
}

impl Past {
    /// Where nobody can say that the message did not go out: until when it is safe to repeat the forward
    /// with its `uuid`.
    #[must_use]
    pub fn safe_retry_until(self) -> Option<Timestamp> {
        match self {
            Self::Unconfirmed(until) | Self::MayBeOut(until) | Self::Delivered(until) => {
                Some(until)
            }
            Self::NothingOut | Self::NothingOutSince(_) => None,
        }
    }
}

/// How much is known of what was done before with the key or the `uuid` of a forward that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// All of it.
    Wholly,
    /// What was done since then.
    Since(Moment),
    /// What was done here. This was then.
    NotByOthers(Stamp),
}

impl Delivery {
    /// What becomes of a forward that ends so, for all who hear of it. The other replicas are asked about one
    /// that failed.
    pub(super) async fn conclude(
        &self,
        order: &Order,
        name: &Name,
        result: Result<Forwarded, ForwardError>,
        in_doubt_since: Option<Stamp>,
    ) -> Outcome {
        let known = match &result {
            Err(_) if order.uuid_is_given => {
                let agreed = self.agree(order, name, in_doubt_since.is_some()).await;
                self.known(order, agreed)
            }
            _ => Known::Wholly,
        };
        let in_doubt_since = in_doubt_since.filter(|_| result.is_err());
        Outcome { result, in_doubt_since, known }
    }

    fn known(&self, order: &Order, agreed: Agreed) -> Known {
        let since = match (agreed, &order.named) {
            (Agreed::Yes, _) => None,
            (Agreed::No, _) => return Known::NotByOthers(self.clock.stamp()),
            (Agreed::Alone, None) => self.register.known_since(),
            (Agreed::Alone, Some(_)) => {
                self.register.known_since().max(self.idempotency.known_since())
            }
        };
        since.map_or(Known::Wholly, Known::Since)
    }

    /// The past of what became so: nobody else's word counts more than what this gateway knows itself.
    pub(super) fn past(&self, order: &Order, outcome: &Outcome) -> Past {
        if outcome.result.is_ok() {
            return Past::NothingOut;
        }
        self.past_of_failure(order, outcome.in_doubt_since, outcome.known)
    }

    pub(super) fn past_of_failure(
        &self,
        order: &Order,
        in_doubt_since: Option<Stamp>,
        known: Known,
    ) -> Past {
        let registered = || self.register.earlier(&Identity::of(order));
        let earlier = in_doubt_since.map(Earlier::MayBeOut);
        let earlier = earlier.or_else(|| order.uuid_is_given.then(registered).flatten());
        let until = |first_attempt| self.clock.wall_after(first_attempt, SAFE_TO_REPEAT);
        match (earlier, known) {
            (Some(Earlier::MayBeOut(first)), _) => Past::MayBeOut(until(first)),
            (Some(Earlier::Out(first)), _) => Past::Delivered(until(first)),
            (None, Known::NotByOthers(ended)) => Past::Unconfirmed(until(ended)),
            (None, Known::Since(moment)) => Past::NothingOutSince(self.clock.wall_at(moment)),
            (None, Known::Wholly) => Past::NothingOut,
        }
    }
}
