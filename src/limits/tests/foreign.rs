//! What the script cannot have written, and a clock that was stepped.

use super::subject::Replica;
use super::*;
use crate::redis::testing::{FOREIGN, TestRedis};

const APPS: [&str; 2] = [APP, "other"];
/// How long nothing goes when Redis has begun anew: those with shares stop, and what they sent is past.
const BEGINS: Duration = Duration::from_secs(2);

fn replica() -> Replica {
    Replica::born(TestRedis::new(), &receiver_only(), APPS)
}

/// The times at which foreign values are found: far enough apart that nothing counts any longer.
fn times() -> impl Iterator<Item = Moment> {
    (1..).map(|n| SECOND * 10 * n)
}

#[test]
fn what_is_not_ours_in_a_receivers_or_an_apps_place_is_as_if_absent() {
    let replica = replica();
    let mut times = times();
    for key in ["receiver:chat_id:oc_1", "app:cli_main"] {
        for (foreign, now) in FOREIGN.iter().zip(&mut times) {
            let plant = || replica.redis.plant(key, foreign);
            replica.set(now);
            plant();
            assert_eq!(replica.take(APP, &receiver(1), now), Ok(PASS), "{key} {foreign}");
            for note in [
                Feedback::Arrived(None),
                Feedback::Accepted,
                Feedback::Refused { is_probe: false },
                Feedback::Accepted,
            ] {
                plant();
                let slots = replica.redis.wait(replica.shared.report(&receiver(1), note));
                assert!(slots.len() <= 5, "{key} {foreign}");
            }
            plant();
            replica.redis.wait(replica.shared.block(
                &of_app(APP),
                AppBlock::RateLimit,
                Duration::ZERO,
            ));
            plant();
            let beat = replica.redis.wait(replica.shared.beat(&APPS.map(of_app), false));
            assert_eq!(beat.quotas, [Duration::ZERO; 2], "{key} {foreign}");
            replica.redis.plant(key, "");
        }
    }
}

#[test]
fn what_is_not_ours_in_the_place_of_the_birth_costs_what_a_redis_costs_that_begins_anew() {
    let replica = replica();
    let mut times = times();
    for key in ["born", "seen"] {
        for (foreign, now) in FOREIGN.iter().zip(&mut times) {
            replica.redis.plant(key, foreign);
            let _ = replica.take(APP, &receiver(1), now);
            let later = now + BEGINS;
            assert_eq!(replica.take(APP, &receiver(1), later), Ok(PASS), "{key} {foreign}");
            let beat = replica.redis.wait(replica.shared.beat(&[], false));
            assert!(!beat.server_time.is_back, "{key} {foreign}");
        }
    }
}

#[test]
fn a_clock_that_goes_back_costs_the_pause_of_a_redis_that_begins_anew_and_no_more() {
    let replica = replica();
    let (now, to) = (MINUTE * 30, receiver(1));
    for _ in 0..5 {
        assert_eq!(replica.take(APP, &to, now), Ok(PASS));
    }
    replica.redis.wait(replica.shared.report(&to, Feedback::Refused { is_probe: false }));
    replica.redis.wait(replica.shared.block(&of_app(APP), AppBlock::RateLimit, MINUTE));
    let back = now.checked_sub(MINUTE * 10).unwrap();
    replica.set(back);
    let beat = replica.redis.wait(replica.shared.beat(&[], false));
    assert!(beat.server_time.is_back);
    // Another process, which knows nothing of that.
    let other = Replica::joins(replica.redis.for_another(), &receiver_only(), APPS);
    let refused = other.take(APP, &to, back).unwrap_err();
    assert_eq!(refused.moment, back + BEGINS);
    assert_eq!(other.take(APP, &to, back + BEGINS), Ok(PASS));
    // Whoever hears of it first may also be a forward.
    let further = back.checked_sub(MINUTE * 10).unwrap();
    assert_eq!(other.take(APP, &to, further).unwrap_err().moment, further + BEGINS);
}

#[test]
fn a_cell_that_was_taken_here_is_taken_for_a_window_of_this_process_whatever_redis_says() {
    let limits = Limiter::new(&receiver_only());
    assert!(limits.enter_shared(true, Moment::ZERO));
    let (to, ms) = (receiver(1), Duration::from_millis);
    let granted = TakeReply { is_granted: true, ..TakeReply::read(&[]) };
    for n in 0..5 {
        assert!(limits.adopt(&of_app(APP), &to, &granted, ms(n), ms(n + 1)));
    }
    assert_eq!(limits.receiver_ready_at(&to, 0, ms(5)), SECOND);
    // One has arrived only now.
    limits.arrived(&to, ms(1), ms(1), ms(500));
    limits.adopt_slots(&to, Vec::new(), ms(501));
    assert_eq!(limits.receiver_ready_at(&to, 4, ms(501)), ms(1500));
    assert_eq!(limits.standing(&to, ms(1500)).remaining, 5);
    // What others took counts beside it, once.
    let reply = TakeReply { is_granted: true, slots: vec![SECOND; 3], ..TakeReply::read(&[]) };
    assert!(limits.adopt(&of_app(APP), &to, &reply, ms(2000), ms(2000)));
    assert_eq!(limits.standing(&to, ms(2000)).remaining, 2);
}

#[test]
fn a_receiver_of_whom_too_much_is_written_down_is_told_of_as_much_as_counts() {
    let replica = replica();
    let many = "local cells = {} for n = 1, 5000 do cells[n] = 3600500000 + n end \
                redis.call('SET', KEYS[1], cmsgpack.pack({ cells = cells }))";
    replica.redis.plant("receiver:chat_id:oc_1", many);
    let now = Duration::from_millis(100);
    let refused = replica.take(APP, &receiver(1), now).unwrap_err();
    assert_eq!(refused.moment, Duration::from_micros(504_996));
    assert_eq!(
        replica.redis.wait(replica.shared.report(&receiver(1), Feedback::Accepted)).len(),
        5
    );
}
