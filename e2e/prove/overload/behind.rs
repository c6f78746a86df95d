//! A broadcast behind interactive forwards: these feel nothing of it, and under overload it has its tenth.
#![expect(clippy::cast_precision_loss, reason = "counts of one run fit into an f64")]

use std::time::Duration;

use super::load::Sent;
use super::spread::Spread;
use super::{FULL_PACE, Part};

/// The p99 wait of interactive forwards behind which a broadcast goes on, in those without one.
const WITH_TO_WITHOUT: f64 = 1.1;
/// What counts as no wait: a hundredth of the time between two calls of the app.
const NO_WAIT: Duration = Duration::from_micros(1_000_000 / FULL_PACE as u64 / 100);
/// The share of the broadcast in what was accepted after a wait, at least and at most. It should be 0.1, and a few
/// interactive forwards wait on when the broadcast has ended.
const SHARE: [f64; 2] = [0.07, 0.15];

/// Interactive forwards that come at the app's full pace, without a broadcast and with one.
pub(super) fn feels_something(without: &Part, with: &Part) -> Vec<String> {
    let p99 = |part: &Part| Spread::of(waits(&part.quiet)).percentile(99).max(NO_WAIT);
    let (name, ratio) = (with.name, p99(with).div_duration_f64(p99(without)));
    let accepted = |part: &Part| waits(&part.quiet).count() as f64 / part.quiet.len() as f64;
    let of_bulk = waits(&with.noisy).count();
    println!("{name}: the p99 wait is {ratio:.2} of that without a broadcast, which got {of_bulk}");
    let mut violations = Vec::new();
    // Without any there is no ratio.
    if ratio > WITH_TO_WITHOUT || accepted(without) < 1.0 || accepted(with) < 1.0 {
        let (one, other) = (p99(without), p99(with));
        violations.push(format!("{name}: forwards waited {other:?}, and {one:?} without it"));
    }
    if of_bulk == 0 {
        violations.push(format!("{name}: the broadcast got nothing"));
    }
    violations
}

/// Interactive forwards that are too many, and a broadcast.
pub(super) fn not_its_tenth(part: &Part) -> Option<String> {
    let waited = |sent| waits(sent).filter(|wait| *wait > NO_WAIT).count() as f64;
    let (name, of_bulk, of_others) = (part.name, waited(&part.noisy), waited(&part.quiet));
    let share = of_bulk / (of_bulk + of_others);
    println!("{name}: it had {share:.3} of the turns");
    let is_kept = (SHARE[0]..=SHARE[1]).contains(&share);
    (!is_kept).then(|| format!("{name}: it had {share:.3} of the turns"))
}

/// How long those that were accepted waited.
fn waits(sent: &[Sent]) -> impl Iterator<Item = Duration> {
    sent.iter().filter_map(Sent::accepted).map(|answer| answer.timings.wait)
}
