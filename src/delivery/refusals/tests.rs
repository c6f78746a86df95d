//! What other replicas and operators say.

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);

/// Until when the whole app is refused, as seen at `now`.
fn blocked_for(refusals: &AppRefusals, now: Moment) -> Option<Duration> {
    refusals.blocked(now).first().map(|(_, until)| until.saturating_sub(now))
}

#[test]
fn a_quota_that_was_used_up_before_this_process_came_is_tried_once() {
    let mut refusals = AppRefusals::new(HOUR);
    // Redis says it again and again, a little earlier or later.
    for beat in 0..100 {
        let jitter = Duration::from_millis(u64::from(beat % 7) * 100);
        refusals.heard_of_quota((HOUR / 2).saturating_sub(SECOND * beat) + jitter, SECOND * beat);
        assert_eq!(blocked_for(&refusals, SECOND * beat), None);
    }
    // Somebody has asked again.
    refusals.heard_of_quota(HOUR, SECOND * 100);
    assert_eq!(blocked_for(&refusals, SECOND * 100), Some(HOUR));
}

#[test]
fn what_an_operator_has_cleared_stays_so_whatever_redis_still_says() {
    let mut refusals = AppRefusals::new(HOUR);
    refusals.heard_of_quota(Duration::ZERO, Moment::ZERO);
    refusals.heard_of_quota(HOUR, SECOND);
    assert_eq!(blocked_for(&refusals, SECOND * 2), Some(HOUR.saturating_sub(SECOND)));
    refusals.forget();
    refusals.heard_of_quota(HOUR.saturating_sub(SECOND), SECOND * 2);
    assert_eq!(blocked_for(&refusals, SECOND * 2), None);
    refusals.heard_of_quota(HOUR, SECOND * 60);
    assert_eq!(blocked_for(&refusals, SECOND * 60), Some(HOUR));
}

#[test]
fn what_redis_says_lasts_no_longer_than_the_interval() {
    let mut refusals = AppRefusals::new(HOUR);
    refusals.heard_of_quota(Duration::ZERO, Moment::ZERO);
    refusals.heard_of_quota(Duration::MAX, SECOND);
    assert_eq!(blocked_for(&refusals, SECOND), Some(HOUR));
}
