//! What the gateway promises whatever goes wrong, held against the simulator's ledger.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::run::{PER_SECOND, RECEIVER, Seen, Told};
use gateway_harness::{Answer, Gateway};

/// A receiver's window: a second and the guard, as by default.
const WINDOW: Duration = Duration::from_millis(1050);
/// How long Feishu knows a uuid (its documentation).
const UUID_LIVES: SignedDuration = SignedDuration::from_hours(1);

/// What was delivered is what the answer says.
pub(crate) fn outcome_is_true(seen: &Seen) {
    let possible = match &seen.answer {
        Told::Delivered => 1..=1,
        Told::Problem { outcome, .. } if outcome == "not_delivered" => 0..=0,
        Told::Problem { .. } => 0..=1,
    };
    assert!(possible.contains(&seen.delivered), "{seen:?}");
}

/// All attempts are for one message and one receiver, with one uuid, which the answer names.
pub(crate) fn attempts_are_one_forward(gateway: &Gateway, answer: &Answer) {
    let forwards = gateway.forwards();
    let named = forwards.iter().map(|it| (&it.message_id, &it.receive_id, &it.uuid));
    let named: BTreeSet<_> = named.collect();
    assert!(named.len() <= 1, "{named:?}");
    let Some((_, _, Some(uuid))) = named.first() else {
        return assert!(forwards.is_empty(), "an attempt without a uuid");
    };
    if answer.status != 200 {
        assert_eq!(answer.json()["uuid"].as_str(), Some(uuid.as_str()));
    }
}

/// No span of a receiver's window has more attempts than Feishu allows.
pub(crate) fn pace_is_kept(gateway: &Gateway) {
    let most = gateway.simulator.ledger().max_in_any_span(Some(RECEIVER), WINDOW);
    assert!(most <= PER_SECOND, "{most} attempts in {WINDOW:?}");
}

/// Whether Feishu still knows the uuid of an unknown forward, so that repeating it is safe.
pub(crate) fn may_be_repeated(gateway: &Gateway, problem: &Value) -> bool {
    let began: Option<Timestamp> = gateway.forwards().first().map(|first| {
        let age = gateway.clock.now().saturating_sub(Duration::from_nanos(first.at_ns));
        gateway.clock.wall() - age
    });
    let forgotten = began.map_or(Timestamp::MAX, |began| began + UUID_LIVES);
    let until = problem["safe_retry_until"].as_str().expect("until when it is safe");
    let until: Timestamp = until.parse().expect("RFC 3339");
    assert!(until <= forgotten, "{until} is after {forgotten}");
    gateway.clock.wall() < until
}
