//! The limits against an exact log: those in memory or, where `TEST_STATE_URL` names a Redis, those in Redis.

mod arriving;
mod foreign;
mod killed;
mod refusals;
mod sharing;
mod subject;
mod sweeping;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Moment;
use crate::model::feishu_api::FeishuApi;
use crate::model::installation::Installation;
use crate::model::receiver::{ReceiveIdType, Receiver};
use subject::{Subject, cases};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn rules(receiver_per_second: u32, app_per_second: u32, app_per_minute: u32) -> Rules {
    Rules {
        receiver_per_second: number(receiver_per_second),
        app_per_second: number(app_per_second),
        app_per_minute: number(app_per_minute),
        guard: Duration::ZERO,
    }
}

const APP: &str = "main";
const PASS: Grant = Grant { is_probe: false, is_final: true };

/// The limits of an app.
fn of_app(app: &str) -> LimitKey {
    LimitKey::new(Installation::self_built(app.into()), FeishuApi::Forward)
}

fn limits_of(rules: &Rules) -> Subject {
    Subject::new(rules, [APP, "other"])
}

/// Feishu's limits for a receiver, and none worth speaking of for the app.
fn receiver_only() -> Rules {
    rules(5, 1_000_000, 60_000_000)
}

fn receiver(name: u8) -> Receiver {
    Receiver::parse(&format!("oc_{name}"), Some(ReceiveIdType::ChatId)).unwrap()
}

/// The largest number of moments in any half-open span of the given length.
fn most_in_any(span: Duration, moments: &[Moment]) -> usize {
    let mut window = VecDeque::new();
    let mut most = 0;
    for moment in moments {
        window.push_back(*moment);
        while window.front().is_some_and(|first| *first + span <= *moment) {
            window.pop_front();
        }
        most = most.max(window.len());
    }
    most
}

/// What an exact sliding window decides: the reference for one receiver.
struct ExactLog {
    limit: usize,
    span: Duration,
    allowed: Vec<Moment>,
}

impl ExactLog {
    fn take(&mut self, now: Moment) -> Result<(), Moment> {
        let oldest_that_counts = self.allowed.iter().rev().nth(self.limit - 1);
        if let Some(oldest) = oldest_that_counts.filter(|oldest| **oldest + self.span > now) {
            return Err(*oldest + self.span);
        }
        self.allowed.push(now);
        Ok(())
    }
}

/// Lets somebody ask at all these moments, and tells the last one.
fn after(arrivals: Vec<Moment>, limits: &Subject) -> Moment {
    arrivals.into_iter().fold(Moment::ZERO, |_, now| {
        let _ = limits.take(APP, &receiver(1), now);
        now
    })
}

/// Moments at which somebody asks: bursts, trickles and pauses, in microseconds between them.
fn arrivals(count: usize) -> impl Strategy<Value = Vec<Moment>> {
    let gap = prop_oneof![
        3 => Just(0),
        4 => 0..50_000_u64,
        2 => 100_000..400_000_u64,
        1 => 900_000..1_100_000_u64,
        1 => 0..20_000_000_u64,
    ];
    prop::collection::vec(gap, 1..count).prop_map(|gaps| {
        let mut now = 0;
        let next = |gap| {
            now += gap;
            Duration::from_micros(now)
        };
        gaps.into_iter().map(next).collect()
    })
}

#[test]
fn the_app_pace_for_feishus_limits_is_a_burst_of_34_and_about_16_a_second() {
    let pace = AppPace::derive(number(50), number(1000), Duration::from_millis(50));
    assert_eq!(pace.burst.get(), 34);
    let per_minute = MINUTE.as_secs_f64() / pace.period.as_secs_f64();
    assert!((960.0..=1000.0).contains(&per_minute), "{per_minute} a minute");
}

#[test]
fn a_refusal_by_the_app_costs_the_receiver_nothing() {
    let limits = limits_of(&rules(5, 1, 60));
    assert_eq!(limits.take(APP, &receiver(1), Moment::ZERO), Ok(PASS));
    let refused = limits.take(APP, &receiver(2), Moment::ZERO).unwrap_err();
    assert_eq!(refused.scope, Scope::App);
    assert_eq!(limits.standing(&receiver(2), Moment::ZERO).remaining, 5);
}

#[test]
fn a_refusal_by_the_receiver_costs_the_app_nothing() {
    let limits = limits_of(&rules(1, 3, 180));
    assert_eq!(limits.take(APP, &receiver(1), Moment::ZERO), Ok(PASS));
    let before = limits.app_ready_at(&of_app(APP), 1, Moment::ZERO);
    for _ in 0..10 {
        let refused = limits.take(APP, &receiver(1), Moment::ZERO).unwrap_err();
        assert_eq!(refused.scope, Scope::Receiver);
    }
    assert_eq!(limits.app_ready_at(&of_app(APP), 1, Moment::ZERO), before);
}

#[test]
fn the_apps_share_a_receivers_limit_and_not_one_anothers() {
    let limits = limits_of(&rules(1, 1, 60));
    assert_eq!(limits.take(APP, &receiver(1), Moment::ZERO), Ok(PASS));
    let refused = limits.take("other", &receiver(1), Moment::ZERO).unwrap_err();
    assert_eq!(refused.scope, Scope::Receiver);
    assert_eq!(limits.take("other", &receiver(2), Moment::ZERO), Ok(PASS));
}

#[test]
fn the_guard_widens_the_window_of_a_receiver() {
    let guard = Duration::from_millis(50);
    let limits = limits_of(&Rules { guard, ..receiver_only() });
    for _ in 0..5 {
        assert_eq!(limits.take(APP, &receiver(1), Moment::ZERO), Ok(PASS));
    }
    let refused = limits.take(APP, &receiver(1), SECOND).unwrap_err();
    assert_eq!(refused.moment, SECOND + guard);
    assert_eq!(limits.take(APP, &receiver(1), SECOND + guard), Ok(PASS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    #[test]
    fn no_span_of_a_second_or_a_minute_holds_more_than_the_app_may_call(
        per_second in 1..80_u32,
        per_minute in 1..1200_u32,
        guard_ms in 0..200_u64,
        arrivals in arrivals(2000),
    ) {
        let rules = Rules {
            guard: Duration::from_millis(guard_ms),
            ..rules(1_000_000, per_second, per_minute)
        };
        let limits = limits_of(&rules);
        let receivers = (0..=u8::MAX).cycle().map(receiver);
        let asked = arrivals.into_iter().zip(receivers);
        let allowed: Vec<Moment> = asked
            .filter(|(now, receiver)| limits.take(APP, receiver, *now).is_ok())
            .map(|(now, _)| now)
            .collect();
        prop_assert!(!allowed.is_empty());
        prop_assert!(most_in_any(SECOND + rules.guard, &allowed) <= per_second as usize);
        prop_assert!(most_in_any(MINUTE + rules.guard, &allowed) <= per_minute as usize);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn each_decision_and_waiting_time_for_a_receiver_is_that_of_an_exact_log(
        limit in 1..9_u32,
        arrivals in arrivals(400),
    ) {
        let limits = limits_of(&rules(limit, 1_000_000, 60_000_000));
        let mut exact = ExactLog { limit: limit as usize, span: SECOND, allowed: Vec::new() };
        for now in arrivals {
            let decision = limits.take(APP, &receiver(1), now).map_err(|refusal| refusal.moment);
            prop_assert_eq!(decision, exact.take(now).map(|()| PASS));
        }
        prop_assert!(most_in_any(SECOND, &exact.allowed) <= limit as usize);
    }

    #[test]
    fn who_asks_again_at_the_moment_named_in_a_refusal_is_allowed(arrivals in arrivals(300)) {
        let limits = limits_of(&rules(5, 50, 1000));
        let mut now = Moment::ZERO;
        for arrival in arrivals {
            now = now.max(arrival);
            while let Err(refusal) = limits.take(APP, &receiver(1), now) {
                prop_assert!(refusal.moment > now);
                now = refusal.moment;
            }
        }
    }

    #[test]
    fn the_nth_in_the_queue_goes_at_the_moment_that_was_foretold(
        arrivals in arrivals(60),
        ahead in 0..40_usize,
    ) {
        let limits = limits_of(&receiver_only());
        let mut now = after(arrivals, &limits);
        let foretold = limits.receiver_ready_at(&receiver(1), ahead, now);
        for _ in 0..=ahead {
            while let Err(refusal) = limits.take(APP, &receiver(1), now) {
                now = refusal.moment;
            }
        }
        prop_assert_eq!(now, foretold);
    }

    #[test]
    fn the_nth_call_in_the_apps_queue_goes_at_the_moment_that_was_foretold(
        arrivals in arrivals(60),
        ahead in 0..200_usize,
    ) {
        let limits = limits_of(&rules(1_000_000, 50, 1000));
        let mut now = after(arrivals, &limits);
        let foretold = limits.app_ready_at(&of_app(APP), ahead, now);
        for _ in 0..=ahead {
            while let Err(refusal) = limits.take(APP, &receiver(1), now) {
                now = refusal.moment;
            }
        }
        prop_assert_eq!(now, foretold);
    }

    #[test]
    fn one_receivers_messages_change_nothing_for_another(
        arrivals in arrivals(300),
        names in prop::collection::vec(0..3_u8, 300),
    ) {
        let together = limits_of(&receiver_only());
        let alone = limits_of(&receiver_only());
        for (now, name) in arrivals.into_iter().zip(names) {
            let decision = together.take(APP, &receiver(name), now);
            if name == 0 {
                prop_assert_eq!(decision, alone.take(APP, &receiver(0), now));
            }
        }
    }

    #[test]
    fn what_is_left_is_how_many_may_go_at_once(arrivals in arrivals(60)) {
        let limits = limits_of(&receiver_only());
        let now = after(arrivals, &limits);
        let standing = limits.standing(&receiver(1), now);
        let went = (0..10).filter(|_| limits.take(APP, &receiver(1), now).is_ok()).count();
        prop_assert_eq!(standing.remaining as usize, went);
    }
}
