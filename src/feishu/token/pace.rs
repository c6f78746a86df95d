//! How often Feishu is asked for a token: once a pause, whatever it answers and however many calls need one.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::feishu::error::CallError;

/// Pause between a failed call and the next renewal. Each failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A forward that needs a token may cause a call after this part of the pause.
const SHARE_FOR_THOSE_WHO_WAIT: u32 = 4;
/// How long a failure or a rejection counts: longer than a pause and a call together.
const REMEMBERED: Duration = Duration::from_mins(2);

/// The calls for one token.
#[derive(Debug, Default)]
pub(super) struct TokenPace {
    /// Calls in a row without a usable token. A token that was rejected at once counts as unusable.
    failures: u32,
    /// When the last of these calls ended.
    failed_at: Moment,
    rejected_at: Option<Moment>,
    /// The last failure. None after a call that returned a token.
    trouble: Option<TokenTrouble>,
}

/// Why there is no token, or why it is not renewed.
#[derive(Clone, Debug)]
pub struct TokenTrouble {
    /// The failure of the last call, or Feishu's rejection of its token.
    pub error: Arc<CallError>,
    /// When the next call may be made.
    pub call_at: Moment,
    /// When the next call is made even if no forward needs a token.
    pub(super) renew_at: Moment,
}

impl TokenTrouble {
    /// A failure after which the next call may be made at once.
    pub(super) fn without_pause(error: Arc<CallError>, now: Moment) -> Self {
        Self { error, call_at: now, renew_at: now }
    }
}

impl TokenPace {
    /// The last failure, until there is a token again.
    pub(super) fn trouble(&self) -> Option<&TokenTrouble> {
        self.trouble.as_ref()
    }

    /// The failure because of which no call may be made now.
    pub(super) fn blocked(&self, now: Moment) -> Option<&TokenTrouble> {
        self.trouble.as_ref().filter(|it| it.call_at > now)
    }

    /// A call returned no usable token.
    pub(super) fn failed(&mut self, error: Arc<CallError>, now: Moment) -> TokenTrouble {
        self.forget_what_is_long_past(now);
        let pause = (FIRST_PAUSE * 2_u32.pow(self.failures.min(10))).min(LONGEST_PAUSE);
        self.failures += 1;
        self.failed_at = now;
        let wanted = match &*error {
            CallError::Refused(refusal) => refusal.reset.unwrap_or_default().min(LONGEST_PAUSE),
            _ => Duration::ZERO,
        };
        let trouble = TokenTrouble {
            error,
            call_at: now + wanted.max(pause / SHARE_FOR_THOSE_WHO_WAIT),
            renew_at: now + wanted.max(pause),
        };
        self.trouble.insert(trouble).clone()
    }

    /// Feishu rejected a token. A revoked token is replaced at once. If its replacement is rejected too, another
    /// call is pointless before a pause, because Feishu hands out the same token again.
    pub(super) fn rejected(&mut self, error: Arc<CallError>, now: Moment) {
        let again = self.rejected_at.replace(now).is_some_and(|at| now < at + REMEMBERED);
        if again {
            self.failed(error, now);
        }
    }

    /// A call returned a token.
    pub(super) fn succeeded(&mut self, now: Moment) {
        self.trouble = None;
        self.forget_what_is_long_past(now);
        if self.rejected_at.is_none() {
            self.failures = 0;
        }
    }

    fn forget_what_is_long_past(&mut self, now: Moment) {
        self.rejected_at = self.rejected_at.filter(|at| now < *at + REMEMBERED);
        if now >= self.failed_at + REMEMBERED {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feishu::error::Refusal;

    const START: Moment = Duration::from_hours(1);

    fn error() -> Arc<CallError> {
        Arc::new(CallError::Connect("refused".to_owned()))
    }

    fn limited(seconds: u64) -> Arc<CallError> {
        let reset = Some(Duration::from_secs(seconds));
        Arc::new(CallError::Refused(Box::new(Refusal {
            code: 99_991_400,
            reset,
            ..Refusal::default()
        })))
    }

    /// How long no call may be made, in milliseconds, after each of so many that fail.
    fn pauses(calls: usize, mut fail: impl FnMut(&mut TokenPace, Moment)) -> Vec<u128> {
        let (mut pace, mut now) = (TokenPace::default(), START);
        let mut pauses = Vec::new();
        for _ in 0..calls {
            fail(&mut pace, now);
            let call_at = pace.blocked(now).map_or(now, |trouble| trouble.call_at);
            pauses.push(call_at.saturating_sub(now).as_millis());
            now = call_at;
        }
        pauses
    }

    #[test]
    fn pauses_grow_to_a_quarter_of_a_minute_for_those_who_need_one_and_to_a_minute_else() {
        let (mut pace, mut now) = (TokenPace::default(), START);
        let mut renewals = Vec::new();
        let quarters = pauses(9, |pace, now| drop(pace.failed(error(), now)));
        for _ in 0..8 {
            let renew_at = pace.failed(error(), now).renew_at;
            renewals.push(renew_at.saturating_sub(now).as_secs());
            now = renew_at;
        }
        assert_eq!(quarters, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
        assert_eq!(renewals, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn a_token_that_is_revoked_is_replaced_at_once_and_one_that_is_rejected_again_after_a_pause() {
        let rejected = pauses(5, |pace, now| {
            pace.rejected(error(), now);
            if pace.blocked(now).is_none() {
                pace.succeeded(now);
            }
        });
        assert_eq!(rejected, [0, 250, 500, 1000, 2000]);
    }

    #[test]
    fn rejections_that_are_far_apart_cost_no_pause() {
        let mut pace = TokenPace::default();
        for number in 0..5 {
            let now = START + REMEMBERED * number;
            pace.rejected(error(), now);
            assert!(pace.blocked(now).is_none());
            pace.succeeded(now);
        }
    }

    #[test]
    fn feishus_reset_is_waited_for_up_to_a_minute() {
        assert_eq!(pauses(1, |pace, now| drop(pace.failed(limited(7), now))), [7000]);
        assert_eq!(pauses(1, |pace, now| drop(pace.failed(limited(u64::MAX), now))), [60_000]);
    }

    #[test]
    fn a_token_that_was_had_ends_the_trouble() {
        let mut pace = TokenPace::default();
        for _ in 0..9 {
            pace.failed(error(), START);
        }
        pace.succeeded(START);
        assert!(pace.blocked(START).is_none() && pace.trouble().is_none());
        assert_eq!(pace.failed(error(), START).call_at, START + FIRST_PAUSE / 4);
    }
}
