//! What is evicted, and that nobody notices.

use proptest::prelude::*;

use super::*;

#[test]
fn two_sweeps_forget_who_got_nothing_between_them_and_none_too_soon() {
    let limits = limits_of(&receiver_only());
    for name in 0..100 {
        let _ = limits.take(APP, &receiver(name), SECOND * 10);
    }
    limits.sweep(SECOND * 10);
    assert_eq!(limits.receivers(), 100);
    let _ = limits.take(APP, &receiver(7), SECOND * 10);
    limits.sweep(Duration::from_millis(11_999));
    assert_eq!(limits.receivers(), 100);
    limits.sweep(SECOND * 12);
    assert_eq!(limits.receivers(), 1);
    limits.sweep(SECOND * 14);
    assert_eq!(limits.receivers(), 0);
}

proptest! {
    #[test]
    fn sweeping_at_any_time_changes_no_decision(
        arrivals in arrivals(300),
        names in prop::collection::vec(0..3_u8, 300),
        sweeps in prop::collection::vec(any::<bool>(), 300),
    ) {
        let swept = limits_of(&receiver_only());
        let kept = limits_of(&receiver_only());
        for ((now, name), sweep) in arrivals.into_iter().zip(names).zip(sweeps) {
            if sweep {
                swept.sweep(now);
            }
            let receiver = receiver(name);
            prop_assert_eq!(swept.take(APP, &receiver, now), kept.take(APP, &receiver, now));
        }
    }
}
