//! The claims of a broadcast's receiver, in every history of the model's bounds.

use feishu_forward_gateway_models::claims::Fault::{ForgetClaim, Kill, LoseAnswer, Pause};
use feishu_forward_gateway_models::claims::{Claims, Fault, Omission};
use stateright::{Checker, HasDiscoveries, Model};

const ONCE: &str = "nobody gets the message twice";
const WRITTEN: &str = "who sends has written it down";
const TRUE: &str = "the outcome is true";
const ONE_CALLS: &str = "where nobody stands still, one calls";

/// Explores everything, and says how much that was.
fn explored(model: Claims) -> impl Checker<Claims> {
    let what = format!("{model:?}");
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, depth {}: {what}", checker.unique_state_count(), checker.max_depth());
    checker
}

/// Explores until this property fails.
fn breaks(model: Claims, property: &'static str) {
    let what = format!("{model:?}");
    let found = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().threads(2).finish_when(found).spawn_bfs().join();
    println!("{} states until it fails: {what}", checker.unique_state_count());
    checker.assert_any_discovery(property);
}

fn claims(faults: &[Fault], most_faults: u8) -> Claims {
    Claims { faults: faults.to_vec(), most_faults, without: None }
}

#[test]
fn nobody_gets_a_message_twice_and_every_receiver_becomes_final_whatever_fails_twice() {
    explored(claims(&[Kill, Pause, LoseAnswer], 2)).assert_properties();
}

#[test]
fn where_nobody_stands_still_one_calls_at_a_time() {
    explored(claims(&[Kill, LoseAnswer], 3)).assert_properties();
}

#[test]
fn each_omission_has_a_counterexample() {
    for (without, faults, broken) in [
        (Omission::RecordBeforeCall, &[][..], WRITTEN),
        (Omission::OneUuid, &[], ONCE),
        (Omission::TimeToRepeat, &[Pause], ONCE),
        (Omission::AgeOfClaim, &[Pause], ONCE),
        (Omission::PriorAttempt, &[], TRUE),
        (Omission::Renewal, &[], ONE_CALLS),
        (Omission::ClaimNumber, &[Pause], WRITTEN),
    ] {
        breaks(Claims { without: Some(without), ..claims(faults, 1) }, broken);
    }
}

/// `docs/en/design/promises.md` says so.
#[test]
fn a_failover_that_forgets_a_claim_can_break_the_promise() {
    breaks(claims(&[ForgetClaim], 1), ONCE);
}
