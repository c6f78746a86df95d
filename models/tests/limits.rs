//! The limit of a receiver, in every history of the model's bounds.

use feishu_forward_gateway_models::limits::Fault::{
    ClockBack, ClockForward, Cut, Emptied, FailedOver, FailedOverUnseen, Kill, Pause, Stall, Stop,
};
use feishu_forward_gateway_models::limits::{Fault, Limits, Omission};
use stateright::{Checker, HasDiscoveries, Model};

const PROMISE: &str = "no window holds more than the limit";

/// Explores everything, and says how much that was.
fn explored(model: Limits) -> impl Checker<Limits> {
    let what = format!("{model:?}");
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, depth {}: {what}", checker.unique_state_count(), checker.max_depth());
    checker
}

/// Explores until this property fails.
fn breaks(model: Limits, property: &'static str) {
    let what = format!("{model:?}");
    let found = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().threads(2).finish_when(found).spawn_bfs().join();
    println!("{} states until it fails: {what}", checker.unique_state_count());
    checker.assert_any_discovery(property);
}

fn limits(faults: &[Fault], most_faults: u8) -> Limits {
    Limits { faults: faults.to_vec(), most_faults, without: None, excess: 0 }
}

/// It holds, and not more narrowly than is said: with one message less it fails.
fn exceeds_by(faults: &[Fault], most_faults: u8, excess: usize) {
    explored(Limits { excess, ..limits(faults, most_faults) }).assert_properties();
    breaks(Limits { excess: excess - 1, ..limits(faults, most_faults) }, PROMISE);
}

#[test]
fn no_window_holds_more_than_the_limit_whatever_fails_twice() {
    let faults = [Stop, Emptied, FailedOver, ClockForward, ClockBack, Pause];
    explored(limits(&faults, 2)).assert_properties();
}

#[test]
fn no_window_holds_more_than_the_limit_however_a_replica_is_killed_while_redis_is_there() {
    explored(limits(&[Kill, Pause, ClockBack], 3)).assert_properties();
}

#[test]
fn a_replica_that_alone_loses_redis_adds_its_share_and_no_more() {
    exceeds_by(&[Cut], 1, 1);
}

#[test]
fn a_failover_that_a_client_does_not_notice_doubles_the_limit_at_most() {
    exceeds_by(&[FailedOverUnseen], 1, 2);
}

#[test]
fn a_step_of_the_clock_before_a_replica_starts_doubles_the_limit_at_most() {
    exceeds_by(&[ClockForward, Kill], 2, 2);
}

/// One replica may begin to use its share in the moment in which another one finds Redis again.
#[test]
fn a_redis_that_stands_still_and_keeps_its_connections_adds_a_share_at_most() {
    exceeds_by(&[Stall], 1, 1);
}

/// The new process finds Redis, and neither of them knows what the old one sent by its share.
#[test]
fn a_process_that_replaces_a_killed_one_as_redis_returns_adds_the_shares_at_most() {
    exceeds_by(&[Stop, Kill], 2, 2);
}

#[test]
fn each_omission_has_a_counterexample() {
    for (without, faults) in [
        (Omission::EpochAfterReconnect, &[FailedOver][..]),
        (Omission::Overlap, &[Stop, Pause]),
        (Omission::PauseBeforeShare, &[Stop]),
        (Omission::EndOfShare, &[Stop, Pause]),
        (Omission::ClockCheck, &[ClockForward]),
        (Omission::Freshness, &[Pause]),
        (Omission::Hold, &[Pause]),
    ] {
        breaks(Limits { without: Some(without), ..limits(faults, 2) }, PROMISE);
    }
}
