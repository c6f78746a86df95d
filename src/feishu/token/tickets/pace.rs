//! How often Feishu is asked to push an app ticket.

use std::time::Duration;

use crate::clock::Moment;
use crate::feishu::error::CallError;

/// The pause after a question: longer than a push takes. Each further question without a push doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// A push that does not come for so long is most likely lost, or cannot reach the gateway at all.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The questions for one app's ticket.
#[derive(Debug, Default)]
pub(super) struct ResendPace {
    /// Questions in a row without a push.
    asked: u32,
    /// When the next question may be asked.
    next_at: Moment,
    /// Why the last question was not accepted.
    failure: Option<CallError>,
}

impl ResendPace {
    /// Whether to ask now. The error is that of the last question, if it failed and the next one has to wait.
    pub(super) fn begin(&mut self, now: Moment) -> Result<bool, CallError> {
        if now < self.next_at {
            return self.failure.clone().map_or(Ok(false), Err);
        }
        let pause = (FIRST_PAUSE * 2_u32.pow(self.asked.min(10))).min(LONGEST_PAUSE);
        self.next_at = now + pause;
        self.asked += 1;
        Ok(true)
    }

    /// A question was answered.
    pub(super) fn answered(&mut self, answer: &Result<(), CallError>) {
        self.failure = answer.as_ref().err().cloned();
        if let Some(CallError::Connect(_)) = self.failure {
            // Feishu was not asked. The calls for a token have a pace of their own.
            *self = Self::default();
        }
    }

    /// Feishu has pushed a ticket.
    pub(super) fn pushed(&mut self) {
        self.asked = 0;
        self.failure = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_without_a_push_become_rare_up_to_one_a_minute() {
        let (mut pace, mut now, mut pauses) = (ResendPace::default(), Moment::ZERO, Vec::new());
        for _ in 0..5 {
            assert!(pace.begin(now).unwrap());
            pace.answered(&Ok(()));
            assert!(!pace.begin(pace.next_at.saturating_sub(Duration::from_millis(1))).unwrap());
            pauses.push(pace.next_at.saturating_sub(now).as_secs());
            now = pace.next_at;
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60]);
        pace.pushed();
        assert!(
            !pace.begin(now.saturating_sub(Duration::from_millis(1))).unwrap(),
            "a push allows no question"
        );
        assert!(pace.begin(now).unwrap());
        assert_eq!(pace.next_at, now + FIRST_PAUSE);
    }

    #[test]
    fn who_may_not_ask_again_hears_why_the_last_question_failed() {
        let mut pace = ResendPace::default();
        assert!(pace.begin(Moment::ZERO).unwrap());
        pace.answered(&Err(CallError::TimedOut { is_stale: false }));
        assert!(matches!(pace.begin(Moment::ZERO), Err(CallError::TimedOut { .. })));
    }

    #[test]
    fn a_question_that_was_not_sent_costs_no_pause() {
        let mut pace = ResendPace::default();
        assert!(pace.begin(Moment::ZERO).unwrap());
        pace.answered(&Err(CallError::Connect("refused".to_owned())));
        assert!(pace.begin(Moment::ZERO).unwrap());
    }
}
