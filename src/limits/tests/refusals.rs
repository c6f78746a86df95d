//! What Feishu's refusals teach the limits.

use super::*;

/// How long a receiver is left alone at first, and at most.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
const PROBE: Grant = Grant { is_probe: true, is_final: true };

fn closed_until(moment: Moment) -> Result<Grant, NotBefore> {
    Err(NotBefore { scope: Scope::Receiver, moment })
}

#[test]
fn a_refused_receiver_gets_one_probe_a_pause_and_each_refused_probe_doubles_the_pause() {
    let limits = limits_of(&receiver_only());
    let (mut now, mut pause) = (SECOND, FIRST);
    limits.receiver_refused(&receiver(1), false, now);
    for doubled in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].map(Duration::from_millis) {
        assert_eq!(limits.take(APP, &receiver(1), now), closed_until(now + pause));
        now += pause;
        assert_eq!(limits.take(APP, &receiver(1), now), Ok(PROBE));
        assert_eq!(limits.take(APP, &receiver(1), now), closed_until(now + pause));
        limits.receiver_refused(&receiver(1), true, now);
        pause = doubled;
    }
}

#[test]
fn an_accepted_probe_ends_the_cooldown() {
    let limits = limits_of(&receiver_only());
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    assert!(limits.is_cooling_down(&receiver(1)));
    assert_eq!(limits.take(APP, &receiver(1), FIRST), Ok(PROBE));
    limits.receiver_accepted(&receiver(1), true);
    assert!(!limits.is_cooling_down(&receiver(1)));
    // The probe has used one of five.
    for _ in 0..4 {
        assert_eq!(limits.take(APP, &receiver(1), FIRST), Ok(PASS));
    }
    assert_eq!(limits.take(APP, &receiver(1), FIRST), closed_until(FIRST + SECOND));
    // The next cooldown begins anew.
    limits.receiver_refused(&receiver(1), false, SECOND * 9);
    assert_eq!(limits.take(APP, &receiver(1), SECOND * 9), closed_until(SECOND * 9 + FIRST));
}

#[test]
fn what_left_before_the_cooldown_neither_ends_nor_lengthens_it() {
    let limits = limits_of(&receiver_only());
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    limits.receiver_refused(&receiver(1), false, FIRST / 2);
    limits.receiver_accepted(&receiver(1), false);
    assert_eq!(limits.take(APP, &receiver(1), FIRST / 2), closed_until(FIRST));
}

#[test]
fn a_probe_of_which_nobody_hears_again_costs_one_pause() {
    let limits = limits_of(&receiver_only());
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    for turn in 1..10 {
        assert_eq!(limits.take(APP, &receiver(1), FIRST * turn), Ok(PROBE));
    }
}

#[test]
fn a_probe_that_the_app_refuses_is_still_there_to_be_had() {
    let limits = limits_of(&rules(5, 1, 60));
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    assert_eq!(limits.take(APP, &receiver(2), FIRST), Ok(PASS));
    let refused = limits.take(APP, &receiver(1), FIRST).unwrap_err();
    assert_eq!(refused.scope, Scope::App);
    assert_eq!(limits.receiver_ready_at(&receiver(1), 0, FIRST), FIRST);
    assert_eq!(limits.take(APP, &receiver(1), refused.moment), Ok(PROBE));
}

#[test]
fn a_receiver_that_cools_down_is_ready_one_pause_later_for_each_that_is_ahead() {
    let limits = limits_of(&receiver_only());
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    let ready_at = |ahead, now| limits.receiver_ready_at(&receiver(1), ahead, now);
    assert_eq!([0, 1, 3].map(|ahead| ready_at(ahead, Moment::ZERO)), [1, 2, 4].map(|n| FIRST * n));
    // The pause is over, and those who are ahead will each begin another.
    assert_eq!([0, 1, 3].map(|ahead| ready_at(ahead, SECOND)), [2, 3, 5].map(|n| FIRST * n));
}

#[test]
fn nothing_is_left_while_a_receiver_is_closed_and_one_probe_afterwards() {
    let limits = limits_of(&receiver_only());
    assert_eq!(limits.take(APP, &receiver(1), Moment::ZERO), Ok(PASS));
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    let standing = |at| limits.standing(&receiver(1), at);
    assert_eq!(standing(FIRST / 5), Standing { remaining: 0, reset: FIRST * 4 / 5 });
    assert_eq!(standing(FIRST), Standing { remaining: 1, reset: FIRST });
    // The limit itself may say no for longer than the gate.
    for _ in 0..5 {
        let _ = limits.take(APP, &receiver(2), FIRST);
    }
    limits.receiver_refused(&receiver(2), false, FIRST);
    let until_a_cell_is_free = Standing { remaining: 0, reset: SECOND };
    assert_eq!(limits.standing(&receiver(2), FIRST), until_a_cell_is_free);
}

#[test]
fn cooling_down_are_counted_while_they_are_closed() {
    let limits = limits_of(&receiver_only());
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    limits.receiver_refused(&receiver(2), false, FIRST / 2);
    assert_eq!([0, 1, 2, 3].map(|n| limits.cooling_down(FIRST / 2 * n)), [2, 2, 1, 0]);
}

#[test]
fn a_cooldown_without_a_probe_for_a_minute_is_forgotten() {
    let limits = limits_of(&receiver_only());
    limits.receiver_refused(&receiver(1), false, Moment::ZERO);
    limits.sweep(Duration::from_millis(60_499));
    assert!(limits.is_cooling_down(&receiver(1)));
    limits.sweep(FIRST + MINUTE);
    assert!(!limits.is_cooling_down(&receiver(1)));
}

#[test]
fn a_refused_app_waits_for_the_reset_and_another_app_does_not() {
    let limits = limits_of(&rules(5, 50, 1000));
    limits.app_refused(APP, SECOND * 7, SECOND);
    let refused = limits.take(APP, &receiver(1), SECOND).unwrap_err();
    assert_eq!(refused, NotBefore { scope: Scope::App, moment: SECOND * 8 });
    assert_eq!(limits.standing(&receiver(1), SECOND).remaining, 5);
    assert_eq!(limits.take("other", &receiver(1), SECOND), Ok(PASS));
    let is_closed = |app: &str, at| limits.is_app_paused(&of_app(app), at);
    assert!(
        is_closed(APP, SECOND * 7) && !is_closed(APP, SECOND * 8) && !is_closed("other", SECOND)
    );
    assert_eq!(limits.take(APP, &receiver(1), SECOND * 8), Ok(PASS));
}

#[test]
fn a_later_reset_never_opens_an_app_earlier_and_none_closes_it_for_more_than_five_minutes() {
    let limits = limits_of(&rules(5, 50, 1000));
    limits.app_refused(APP, SECOND * 7, SECOND);
    limits.app_refused(APP, SECOND, SECOND * 2);
    assert_eq!(limits.app_ready_at(&of_app(APP), 0, SECOND * 2), SECOND * 8);
    limits.app_refused(APP, Duration::MAX, SECOND * 2);
    assert_eq!(limits.app_ready_at(&of_app(APP), 0, SECOND * 2), MINUTE * 5 + SECOND * 2);
}

/// What happens to an attempt after it has left.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Accepted,
    Refused,
    Lost,
}

/// Fates, and how many more attempts leave before each is known.
fn fates(count: usize) -> impl Strategy<Value = Vec<(Fate, usize)>> {
    let fate = prop_oneof![Just(Fate::Accepted), Just(Fate::Refused), Just(Fate::Lost)];
    prop::collection::vec((fate, 0..8_usize), count)
}

/// The rule of a cooldown: its pause, and the moment of the next probe.
#[derive(Default)]
struct CooldownRule(Option<(Duration, Moment)>);

impl CooldownRule {
    fn is_open(&self, now: Moment) -> bool {
        self.0.is_none_or(|(_, until)| now >= until)
    }

    fn take(&mut self, now: Moment) -> Grant {
        self.0 = self.0.map(|(pause, _)| (pause, now + pause));
        Grant { is_probe: self.0.is_some(), is_final: true }
    }

    fn hear(&mut self, fate: Fate, Grant { is_probe, .. }: Grant, now: Moment) {
        self.0 = match (fate, is_probe, self.0) {
            (Fate::Accepted, true, _) => None,
            (Fate::Refused, _, None) => Some((FIRST, now + FIRST)),
            (Fate::Refused, true, Some((pause, _))) => {
                let pause = LONGEST.min(pause * 2);
                Some((pause, now + pause))
            }
            (_, _, unchanged) => unchanged,
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn an_attempt_goes_exactly_if_the_log_and_the_cooldown_allow_it_whatever_feishu_says(
        limit in 1..9_u32,
        arrivals in arrivals(300),
        fates in fates(300),
    ) {
        let limits = limits_of(&rules(limit, 1_000_000, 60_000_000));
        let bystander = limits_of(&rules(limit, 1_000_000, 60_000_000));
        let mut exact = ExactLog { limit: limit as usize, span: SECOND, allowed: Vec::new() };
        let (mut cooldown, mut out) = (CooldownRule::default(), Vec::new());
        for (now, (fate, later)) in arrivals.into_iter().zip(fates) {
            let decision = limits.take(APP, &receiver(1), now);
            let expected = cooldown.is_open(now) && exact.take(now).is_ok();
            prop_assert_eq!(decision.is_ok(), expected);
            match decision {
                Ok(pass) => {
                    prop_assert_eq!(pass, cooldown.take(now));
                    out.insert(out.len().saturating_sub(later), (fate, pass));
                }
                Err(refusal) => prop_assert!(refusal.moment > now),
            }
            if out.len() > 4 || decision.is_err() {
                let Some((fate, pass)) = out.pop() else { continue };
                cooldown.hear(fate, pass, now);
                match fate {
                    Fate::Accepted => limits.receiver_accepted(&receiver(1), pass.is_probe),
                    Fate::Refused => limits.receiver_refused(&receiver(1), pass.is_probe, now),
                    Fate::Lost => {}
                }
            }
            // Nobody else notices.
            let other = limits.take(APP, &receiver(2), now);
            prop_assert_eq!(other, bystander.take(APP, &receiver(2), now));
        }
        prop_assert!(most_in_any(SECOND, &exact.allowed) <= limit as usize);
    }

    #[test]
    fn a_caller_that_asks_again_at_the_moment_named_in_a_refusal_of_feishus_is_allowed(
        arrivals in arrivals(100),
        resets in prop::collection::vec(0..3_000_u64, 100),
    ) {
        let limits = limits_of(&rules(5, 50, 1000));
        let mut now = Moment::ZERO;
        for (arrival, reset) in arrivals.into_iter().zip(resets) {
            now = now.max(arrival);
            let pass = loop {
                match limits.take(APP, &receiver(1), now) {
                    Ok(pass) => break pass,
                    Err(refusal) => {
                        prop_assert!(refusal.moment > now);
                        now = refusal.moment;
                    }
                }
            };
            match reset % 4 {
                0 => limits.receiver_refused(&receiver(1), pass.is_probe, now),
                1 => limits.app_refused(APP, Duration::from_millis(reset), now),
                _ => limits.receiver_accepted(&receiver(1), pass.is_probe),
            }
        }
    }

    #[test]
    fn the_nth_call_of_a_paused_app_goes_at_the_moment_that_was_foretold(
        arrivals in arrivals(60),
        reset in 0..5_000_u64,
        ahead in 0..200_usize,
    ) {
        let limits = limits_of(&rules(1_000_000, 50, 1000));
        let mut now = Moment::ZERO;
        for arrival in arrivals {
            now = arrival;
            let _ = limits.take(APP, &receiver(1), now);
        }
        limits.app_refused(APP, Duration::from_millis(reset), now);
        let foretold = limits.app_ready_at(&of_app(APP), ahead, now);
        for _ in 0..=ahead {
            while let Err(refusal) = limits.take(APP, &receiver(1), now) {
                now = refusal.moment;
            }
        }
        prop_assert_eq!(now, foretold);
    }
}
