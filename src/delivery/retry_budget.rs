//! How many retries there may be: a share of the recent forwards, so that a Feishu that fails for everybody is
//! not called twice as often as one that works.
//!
//! Libraries for retry budgets read a clock of their own; this one gets the time as an argument.

use std::time::Duration;

use crate::clock::Moment;

/// Grows by one retry each second and by one for each five forwards, up to fifty.
#[derive(Debug, Default)]
pub(super) struct RetryBudget {
    /// Retries cost time, one second each. This is the moment up to which it is spent.
    paid_until: Moment,
}

const PRICE: Duration = Duration::from_secs(1);
const SHARE_OF_A_FORWARD: Duration = Duration::from_millis(200);
const MOST_SAVED: Duration = Duration::from_secs(50);

impl RetryBudget {
    /// A forward has begun.
    pub(super) fn earn(&mut self) {
        self.paid_until = self.paid_until.saturating_sub(SHARE_OF_A_FORWARD);
    }

    /// Pays for one retry. Returns whether there was enough.
    pub(super) fn pay(&mut self, now: Moment) -> bool {
        let paid_until = self.paid_until.max(now) + PRICE;
        if paid_until > now + MOST_SAVED {
            return false;
        }
        self.paid_until = paid_until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Duration::from_hours(1);

    fn retries(budget: &mut RetryBudget, now: Moment) -> usize {
        (0..1000).take_while(|_| budget.pay(now)).count()
    }

    #[test]
    fn a_fresh_one_holds_fifty_and_then_one_more_each_second() {
        let mut budget = RetryBudget::default();
        assert_eq!(retries(&mut budget, NOW), 50);
        assert_eq!(retries(&mut budget, NOW + Duration::from_millis(999)), 0);
        assert_eq!(retries(&mut budget, NOW + Duration::from_secs(3)), 3);
    }

    #[test]
    fn five_forwards_are_worth_one_retry() {
        let mut budget = RetryBudget::default();
        retries(&mut budget, NOW);
        (0..4).for_each(|_| budget.earn());
        assert_eq!(retries(&mut budget, NOW), 0);
        (0..11).for_each(|_| budget.earn());
        assert_eq!(retries(&mut budget, NOW), 3);
    }

    #[test]
    fn no_more_than_fifty_are_saved() {
        let mut budget = RetryBudget::default();
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!(retries(&mut budget, NOW), 50);
        assert_eq!(retries(&mut budget, NOW + Duration::from_hours(1)), 50);
    }
}
