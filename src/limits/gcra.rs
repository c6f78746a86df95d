//! governor's decision as a pure function. It keeps nothing, so a decision that only looks ahead can be
//! discarded.

use std::cell::Cell;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::clock::Moment;

/// Decides at `now` about a bucket whose theoretical arrival time is `spent_until`: returns the new
/// theoretical arrival time, or the earliest moment at which governor would allow a call.
pub(super) fn decide(quota: Quota, spent_until: Moment, now: Moment) -> Result<Moment, Moment> {
    // A limiter counts time from its own creation, so it gets what is left of `spent_until`.
    let left = Lent(Cell::new(spent_until.saturating_sub(now).into()));
    let limiter: Governor = RateLimiter::new(quota, left, StandingStill(now));
    match limiter.check() {
        Ok(()) => Ok(now + Moment::from(limiter.into_state_store().0.get())),
        Err(refusal) => Err(refusal.earliest_possible()),
    }
}

type Governor = RateLimiter<NotKeyed, Lent, StandingStill, NoOpMiddleware<Moment>>;

struct StandingStill(Moment);

impl Clock for StandingStill {
    type Instant = Moment;

    fn now(&self) -> Moment {
        self.0
    }
}

struct Lent(Cell<Nanos>);

impl StateStore for Lent {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (decision, spent) = measure(Some(self.0.get()))?;
        self.0.set(spent);
        Ok(decision)
    }
}
