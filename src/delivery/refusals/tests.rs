//! What other replicas and operators say, and what a probe shows.

use super::*;
use crate::feishu::error::Refusal;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::message_id::MessageId;
use crate::model::policy::Policy;
use crate::model::share::{Budget, Weight};
use crate::model::urgency::Urgency;

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

/// What came between made the forward fail that had probed: its next attempt waited for its own probe.
#[test]
fn after_a_probe_that_shows_nothing_the_next_attempt_is_a_probe() {
    let mut refusals = AppRefusals::new(HOUR);
    let request = request();
    let refused = |code| Err(CallError::Refused(Box::new(Refusal { code, ..Refusal::default() })));
    refusals.answered(&request, &refused(99991403), Moment::ZERO);
    assert!(refusals.check(&request, HOUR.saturating_sub(SECOND)).is_err());
    let (rejected_token, no_answer) = (refused(99991663), CallError::TimedOut { is_stale: true });
    for shows_nothing in [rejected_token, Err(no_answer)] {
        refusals.enter(HOUR);
        assert!(refusals.check(&request, HOUR).is_err(), "others wait for the probe's answer");
        refusals.answered(&request, &shows_nothing, HOUR);
        assert!(refusals.check(&request, HOUR).is_ok());
    }
    refusals.enter(HOUR);
    refusals.answered(&request, &refused(99991403), HOUR);
    assert!(refusals.check(&request, HOUR + SECOND).is_err());
}

fn request() -> ForwardRequest {
    let receiver = Receiver::parse("oc_1", Some(ReceiveIdType::ChatId)).unwrap();
    let caller = Caller {
        name: "caller".into(),
        app: "app".into(),
        tenant: None,
        policy: Policy::default().into(),
        weight: Weight::ONE,
        budget: Budget::default(),
    };
    ForwardRequest {
        request_id: String::new(),
        caller,
        forward: Forward::Message(MessageId::parse("om_1").unwrap()),
        receiver,
        uuid: DedupKey::generate(),
        uuid_is_given: false,
        idempotent: None,
        broadcast: None,
        wait: SECOND,
        urgency: Urgency::Interactive,
    }
}
