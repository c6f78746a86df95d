//! A process that is killed, and the next one, which knows nothing of what was sent.

use super::*;

/// What goes when somebody asks at these moments, for one receiver after the other of so many, and the
/// process is killed after so long, again and again, each time with the next one there at once.
fn gone(
    rules: &Rules,
    asks: &[Moment],
    receivers: u8,
    killed_every: Duration,
) -> Vec<(u8, Moment)> {
    let mut limits = Limiter::new(rules);
    let mut killed_at = killed_every;
    let mut gone = Vec::new();
    for (name, now) in (0..receivers).cycle().zip(asks) {
        if *now >= killed_at {
            limits = Limiter::new(rules);
            limits.start_after_predecessor(*now);
            killed_at = *now + killed_every;
        }
        if limits.take(&of_app(APP), &receiver(name), *now).is_ok() {
            gone.push((name, *now));
        }
    }
    gone
}

fn stays_within(rules: &Rules, gone: &[(u8, Moment)]) {
    let all: Vec<Moment> = gone.iter().map(|(_, at)| *at).collect();
    assert!(most_in_any(SECOND + rules.guard, &all) <= rules.app_per_second.get() as usize);
    assert!(most_in_any(MINUTE + rules.guard, &all) <= rules.app_per_minute.get() as usize);
    let receivers = gone.iter().map(|(to, _)| *to).max().map_or(0, |last| last + 1);
    for name in 0..receivers {
        let its = gone.iter().filter(|(to, _)| *to == name).map(|(_, at)| *at);
        let most = most_in_any(SECOND + rules.guard, &its.collect::<Vec<_>>());
        assert!(most <= rules.receiver_per_second.get() as usize);
    }
}

fn feishus() -> Rules {
    Rules { guard: Duration::from_millis(50), ..rules(5, 50, 1000) }
}

#[test]
fn however_often_a_process_is_killed_no_second_and_no_minute_holds_more_than_feishu_allows() {
    let asks: Vec<Moment> = (0..70_000).map(Duration::from_millis).collect();
    for receivers in [1, 40] {
        for killed_every in [300, 1050, 1300, 3000, 61_000] {
            let gone = gone(&feishus(), &asks, receivers, Duration::from_millis(killed_every));
            stays_within(&feishus(), &gone);
            // Who is not killed again within the window sends.
            assert_eq!(gone.len() > 5 * usize::from(receivers), killed_every > 1050);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_process_killed_at_any_moment_and_the_next_one_together_stay_within_the_limits(
        receiver_per_second in 1..9_u32,
        app_per_second in 1..80_u32,
        app_per_minute in 1..1200_u32,
        arrivals in arrivals(1000),
        killed_every in 1..100_000_u64,
        receivers in 1..20_u8,
    ) {
        let rules = rules(receiver_per_second, app_per_second, app_per_minute);
        let gone = gone(&rules, &arrivals, receivers, Duration::from_millis(killed_every));
        stays_within(&rules, &gone);
    }
}
