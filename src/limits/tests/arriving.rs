//! Messages that take their time to arrive.

use proptest::prelude::*;

use super::*;

/// The longest time that a message is under way.
const LONGEST_WAY: Duration = Duration::from_secs(5);

/// For how many milliseconds a message is under way: mostly for less than a window.
fn way() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..1000_u64, 1 => 1000..=5000_u64]
}

/// Sends as often as it may for a while, each message on its way for its own time. Tells when each one
/// arrived, somewhere on that way.
fn arrivals(ways: &[(u64, u64)]) -> Vec<Moment> {
    let rules = Rules { guard: Duration::ZERO, ..receiver_only() };
    let (limits, one) = (limits_of(&rules).with_calls_of(LONGEST_WAY), receiver(1));
    let (mut now, mut arrived, mut under_way) = (Moment::ZERO, Vec::new(), Vec::new());
    for (way, part) in ways {
        let way = Duration::from_millis(*way);
        while let Err(refusal) = limits.send(&one, now) {
            let answers = under_way.iter().map(|(_, answered_at)| *answered_at);
            now = answers.chain([refusal.moment]).min().unwrap_or(now);
            under_way.retain(|(sent_at, answered_at)| {
                if *answered_at <= now {
                    limits.arrived(&one, *sent_at, *answered_at);
                }
                *answered_at > now
            });
        }
        arrived.push(now + way * u32::try_from(*part).unwrap_or(0) / 100);
        under_way.push((now, now + way));
    }
    arrived.sort_unstable();
    arrived
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

    #[test]
    fn no_second_at_feishu_has_more_than_five_however_long_each_message_is_on_its_way(
        ways in prop::collection::vec((way(), 0..=100_u64), 1..60)
    ) {
        let arrived = arrivals(&ways);
        for six in arrived.windows(6) {
            prop_assert!(six[5].saturating_sub(six[0]) >= SECOND, "{arrived:?}");
        }
    }
}
