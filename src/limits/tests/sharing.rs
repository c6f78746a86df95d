//! Several replicas at once.

use super::subject::{Replica, Subject};
use super::*;
use crate::redis::testing::TestRedis;

const APPS: [&str; 2] = [APP, "other"];

/// Replicas that share limits.
fn replicas(count: usize, rules: &Rules) -> Vec<Replica> {
    let redis = TestRedis::new();
    let others: Vec<TestRedis> = (1..count).map(|_| redis.for_another()).collect();
    let mut all = vec![Replica::born(redis, rules, APPS)];
    all.extend(others.into_iter().map(|redis| Replica::joins(redis, rules, APPS)));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn together_replicas_decide_as_one_would_alone(
        arrivals in arrivals(200),
        whose in prop::collection::vec((0..3_usize, 0..3_u8, 0..6_u8), 200),
    ) {
        let rules = rules(5, 12, 200);
        let alone = Limiter::new(&rules);
        let replicas = replicas(3, &rules);
        for (now, (who, to, then)) in arrivals.into_iter().zip(whose) {
            let replica = &replicas[who];
            let (app, to) = (APPS[usize::from(to % 2)], receiver(to));
            // In Redis nothing that is over is remembered until somebody sweeps.
            alone.sweep(now);
            let decision = replica.take(app, &to, now);
            let expected = alone.take(&of_app(app), &to, now);
            prop_assert_eq!(decision, expected);
            match (then, decision) {
                (0, Ok(pass)) => {
                    alone.receiver_refused(&to, pass.is_probe, now);
                    replica.redis.wait(replica.shared.report(&to, Feedback::Refused { is_probe: pass.is_probe }));
                }
                (1, Ok(_)) => {
                    alone.app_refused(&of_app(app), SECOND, now);
                    replica.redis.wait(replica.shared.block(&of_app(app), AppBlock::RateLimit, SECOND));
                }
                (_, Ok(pass)) if pass.is_probe => {
                    alone.receiver_accepted(&to, true);
                    replica.redis.wait(replica.shared.report(&to, Feedback::Accepted));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn nothing_goes_until_those_who_kept_to_their_shares_have_stopped_and_their_messages_are_past() {
    let rules = rules(5, 50, 1000);
    for replica in replicas(1, &rules) {
        replica.set(Moment::ZERO);
        replica.redis.wait(replica.shared.beat(&[], true));
        let refused = replica.take(APP, &receiver(1), Moment::ZERO).unwrap_err();
        let opens_at = SECOND * 2;
        assert_eq!(refused, NotBefore { scope: Scope::Receiver, moment: opens_at });
        assert_eq!(replica.take(APP, &receiver(1), opens_at), Ok(PASS));
        // The app began empty when the last one had stopped: what came in since then is all there is.
        let pace = rules.pace();
        let many =
            (0..=u8::MAX).filter(|name| replica.take(APP, &receiver(*name), opens_at).is_ok());
        let came_in = SECOND.as_micros() / pace.period.as_micros();
        assert_eq!(1 + many.count() as u128, came_in.min(pace.burst.get().into()));
    }
}

#[test]
fn a_receiver_is_remembered_for_as_long_as_its_last_message_counts() {
    let redis = TestRedis::new();
    let (asks, key) = (redis.for_another(), format!("{{{}}}:receiver:chat_id:oc_1", redis.prefix));
    let replica = Subject::InRedis(Replica::born(redis, &receiver_only(), APPS).into());
    for name in 1..5 {
        assert_eq!(replica.take(APP, &receiver(1), Duration::from_millis(name)), Ok(PASS));
    }
    // The first one arrives late, and so counts for longer than those after it.
    replica.arrived(&receiver(1), Duration::from_millis(1), Duration::from_millis(900));
    let script = redis::Script::new("return redis.call('PTTL', KEYS[1])");
    let store = asks.store();
    let left: u64 = asks.wait(store.run("test", &script.key(key)));
    assert!((500..=1000).contains(&left), "{left} ms");
}

#[test]
fn a_quota_that_is_used_up_is_known_to_all() {
    let all = replicas(2, &receiver_only());
    let [one, other] = all.as_slice() else { unreachable!() };
    one.set(SECOND);
    one.redis.wait(one.shared.block(&of_app(APP), AppBlock::Quota, MINUTE));
    other.set(SECOND * 11);
    let used_up_for = other.redis.wait(other.shared.beat(&APPS.map(of_app), false)).quotas;
    assert_eq!(used_up_for, [SECOND * 50, Duration::ZERO]);
}

/// What goes, all in all, when replicas come to keep to their shares after so many have asked.
fn gone(rules: &Rules, replicas: u32, arrivals: &[Moment], lost_after: usize) -> Vec<Moment> {
    let whole = Limiter::new(rules);
    let shares: Vec<Limiter> = (0..replicas).map(|_| Limiter::new(rules)).collect();
    let mut gone = Vec::new();
    for (place, now) in arrivals.iter().enumerate() {
        if place == lost_after {
            for share in &shares {
                share.enter_fallback(number(replicas), *now);
                share.extend_fallback(Moment::MAX);
            }
        }
        let asked = if place < lost_after { std::slice::from_ref(&whole) } else { &shares };
        let allowed = asked.iter().filter(|it| it.take(&of_app(APP), &receiver(1), *now).is_ok());
        gone.extend(allowed.map(|_| *now));
    }
    gone
}

proptest! {
    #[test]
    fn shares_of_the_apps_limits_never_add_up_to_more_than_the_whole(
        replicas in 1..5_u32,
        arrivals in arrivals(1200),
        lost_after in 0..1200_usize,
    ) {
        let gone = gone(&rules(1000, 50, 1000), replicas, &arrivals, lost_after);
        prop_assert!(most_in_any(SECOND, &gone) <= 50);
        prop_assert!(most_in_any(MINUTE, &gone) <= 1000);
    }

    #[test]
    fn shares_of_a_receivers_limit_never_add_up_to_more_than_the_whole(
        replicas in 1..6_u32,
        arrivals in arrivals(300),
        lost_after in 0..300_usize,
    ) {
        let gone = gone(&receiver_only(), replicas, &arrivals, lost_after);
        prop_assert!(most_in_any(SECOND, &gone) <= 5);
    }
}

#[test]
fn who_keeps_to_a_share_has_asked_redis_not_long_ago() {
    let limits = Limiter::new(&receiver_only());
    limits.enter_fallback(number(2), Moment::ZERO);
    limits.extend_fallback(SECOND * 2);
    assert_eq!(limits.take(&of_app(APP), &receiver(1), SECOND * 3), Ok(PASS));
    let later = SECOND * 3 + Duration::from_millis(1);
    let refused = limits.take(&of_app(APP), &receiver(1), later).unwrap_err();
    // A request that waits looks here first. If it were told that it may go, it would look again and again.
    assert_eq!(limits.receiver_ready_at(&receiver(1), 0, later), refused.moment);
    assert!(refused.moment > later);
    limits.extend_fallback(later);
    assert_eq!(limits.take(&of_app(APP), &receiver(1), later), Ok(PASS));
}

#[test]
fn a_message_that_has_arrived_counts_once_however_late_its_cell_was_heard_of() {
    let limits = Limiter::new(&receiver_only());
    assert!(limits.enter_shared(true, Moment::ZERO));
    let (to, ms) = (receiver(1), Duration::from_millis);
    // Two go at once, and the second one's answer is the slower one.
    limits.adopt(&of_app(APP), &to, &seen(vec![SECOND]), ms(0), ms(1));
    limits.adopt(&of_app(APP), &to, &seen(vec![ms(999), SECOND]), ms(1), ms(5));
    limits.arrived(&to, ms(1), ms(1), ms(6));
    assert_eq!(limits.standing(&to, ms(6)).remaining, 3);
    limits.adopt_slots(&to, vec![ms(996), ms(999)], ms(7));
    assert_eq!(limits.standing(&to, ms(7)), Standing { remaining: 3, reset: ms(996) });
}

/// A turn that Redis grants, and until when the receiver's slots are taken.
fn seen(slots: Vec<Duration>) -> TakeReply {
    TakeReply { is_granted: true, slots, ..TakeReply::read(&[]) }
}

#[test]
fn a_waiting_request_looks_again_early_only_during_a_cooldown() {
    let limits = Limiter::new(&receiver_only());
    assert!(limits.enter_shared(true, Moment::ZERO));
    // With three probes that are refused it is closed for four seconds.
    for is_probe in [false, true, true, true] {
        limits.receiver_refused(&receiver(1), is_probe, Moment::ZERO);
    }
    let recheck_at = |now| limits.recheck_at(&receiver(1), SECOND * 9, now);
    assert_eq!(recheck_at(Moment::ZERO), SECOND);
    assert_eq!(
        limits.ask_about_cooldown(&receiver(1), SECOND * 2).map(|it| it.is_final),
        Some(false)
    );
    assert_eq!(recheck_at(SECOND * 2), SECOND * 3);
    // It is open, and something else is in the way: there is nothing to be asked early.
    assert_eq!(recheck_at(SECOND * 5), SECOND * 9);
}

#[test]
fn a_message_has_its_cell_everywhere_while_it_is_under_way_and_not_for_ever() {
    let mut all = replicas(2, &rules(1, 50, 1000));
    for replica in &mut all {
        replica.shared.longest_call = SECOND * 5;
    }
    let [one, other] = all.as_slice() else { unreachable!() };
    let note = |replica: &Replica, note, now| {
        replica.set(now);
        replica.redis.wait(replica.shared.report(&receiver(1), note));
    };
    let free_at = |replica: &Replica, now| replica.take(APP, &receiver(1), now).unwrap_err().moment;

    assert_eq!(one.take(APP, &receiver(1), Moment::ZERO), Ok(PASS));
    // It may arrive just now.
    assert_eq!(free_at(other, SECOND), SECOND * 2);
    note(one, Feedback::Arrived(Some(one.own(Moment::ZERO))), SECOND * 3);
    assert_eq!(free_at(other, SECOND * 3), SECOND * 4);
    assert_eq!(other.take(APP, &receiver(1), SECOND * 4), Ok(PASS));

    assert_eq!(free_at(one, SECOND * 5), SECOND * 6);
    note(other, Feedback::NotSent(other.own(SECOND * 4).0), SECOND * 5);
    assert_eq!(one.take(APP, &receiver(1), SECOND * 5), Ok(PASS));

    // This replica was killed, and nobody hears what became of it.
    let believed_until = SECOND * (5 + 5 + 1);
    let moment_before = believed_until.saturating_sub(Duration::from_micros(1));
    assert_eq!(free_at(other, moment_before), moment_before + SECOND);
    assert_eq!(other.take(APP, &receiver(1), believed_until), Ok(PASS));
}

#[test]
fn a_message_under_way_counts_once_also_if_redis_has_forgotten_it() {
    let rules = rules(2, 50, 1000);
    let mut all = [(); 2].map(|()| Replica::born(TestRedis::new(), &rules, APPS));
    for replica in &mut all {
        replica.shared.longest_call = SECOND * 9;
    }
    let [one, emptied] = &all;
    let take = |redis: &Replica, now| {
        redis.set(now);
        let (key, to) = (of_app(APP), receiver(1));
        let reply = redis.redis.wait(redis.shared.take(&key, &to, 0, HoldId::random()));
        one.limits.adopt(&key, &to, &reply, now, now);
        reply.is_granted
    };
    let free_at = |now| one.limits.receiver_ready_at(&receiver(1), 0, now);
    assert!(take(one, Moment::ZERO));
    one.limits.hold(&receiver(1), Moment::ZERO);
    assert!(take(one, SECOND * 2));
    assert_eq!(free_at(SECOND * 2), SECOND * 3);

    emptied.set(SECOND * 3);
    let heartbeat = emptied.redis.wait(emptied.shared.beat(&[], true));
    one.limits.adopt_epoch(heartbeat.server_time, SECOND * 3);
    assert!(take(emptied, SECOND * 6));
    assert_eq!(free_at(SECOND * 6), SECOND * 7);
    // It has arrived, and takes no slot any more when its window is over.
    one.limits.arrived(&receiver(1), Moment::ZERO, Moment::ZERO, SECOND * 6);
    assert_eq!(free_at(SECOND * 7), SECOND * 7);
}

#[test]
fn half_a_burst_is_that_of_the_replicas_share() {
    let limits = Limiter::new(&rules(5, 50, 1000));
    let burst = rules(5, 50, 1000).pace().burst.get() as usize;
    assert_eq!(limits.half_a_burst(&of_app(APP)), burst / 2);
    limits.enter_fallback(number(2), Moment::ZERO);
    assert_eq!(limits.half_a_burst(&of_app(APP)), burst / 4);
    limits.enter_fallback(number(100), Moment::ZERO);
    assert_eq!(limits.half_a_burst(&of_app(APP)), 0);
}

#[test]
fn a_call_that_has_to_leave_some_to_others_heeds_what_other_replicas_took() {
    let rules = rules(5, 50, 1000);
    let all = replicas(2, &rules);
    let [one, other] = all.as_slice() else { unreachable!() };
    let (AppPace { period, .. }, now) = (rules.pace(), SECOND);
    let half = one.limits.half_a_burst(&of_app(APP));
    let takes = |replica: &Replica, to: usize, leaves, now| {
        replica.set(now);
        let (key, to) = (of_app(APP), receiver(u8::try_from(to).unwrap()));
        let take = replica.shared.take(&key, &to, leaves, HoldId::random());
        let reply = replica.redis.wait(take);
        replica.limits.adopt(&key, &to, &reply, now, now);
        reply.is_granted
    };
    assert!(takes(one, 0, half, now));
    assert!((1..=half).all(|to| takes(other, to, 0, now)));
    // The first one believes that all but one are left.
    assert!(one.limits.app_ready_at(&of_app(APP), half, now) <= now);
    assert!(!takes(one, 100, half, now));
    let foretold = one.limits.app_ready_at(&of_app(APP), half, now);
    assert!(foretold > now && foretold <= now + period * 2, "{foretold:?}");
    assert!(!takes(one, 100, half, foretold.saturating_sub(Duration::from_micros(1))));
    assert!(takes(one, 100, half, foretold));
    assert!(takes(other, 101, 0, foretold), "half a burst is left");
}
