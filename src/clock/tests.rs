//! The monotonic clock and the wall clock when they diverge.

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[test]
fn an_age_is_by_the_clock_that_shows_more() {
    let (clock, time) = Clock::manual();
    let stamp = clock.stamp();
    time.advance(10 * MINUTE);
    assert_eq!(clock.age(stamp), 10 * MINUTE);
    // The machine was suspended.
    time.move_calendar(minutes(120));
    assert_eq!(clock.age(stamp), 130 * MINUTE);
    // The wall clock was set back.
    time.move_calendar(minutes(-500));
    assert_eq!(clock.age(stamp), 10 * MINUTE);
}

#[test]
fn the_end_of_a_span_is_not_later_after_a_clock_was_set() {
    let (clock, time) = Clock::manual();
    let (stamp, start) = (clock.stamp(), clock.wall());
    let end = || clock.wall_after(stamp, 55 * MINUTE);
    assert_eq!(end(), start + 55 * MINUTE);
    time.move_calendar(minutes(120));
    assert_eq!(end(), start + 55 * MINUTE);
    time.move_calendar(minutes(-180));
    assert_eq!(end(), clock.wall() + 55 * MINUTE);
}

#[test]
fn an_earlier_stamp_is_equally_old_by_both_clocks() {
    let (clock, time) = Clock::manual();
    time.advance(10 * MINUTE);
    assert_eq!(clock.age(clock.stamp().earlier_by(4 * MINUTE)), 4 * MINUTE);
    // The stamp is earlier than the creation of the clock.
    assert_eq!(clock.age(clock.stamp().earlier_by(40 * MINUTE)), 40 * MINUTE);
    let longest_ago = clock.stamp().earlier_by(Duration::MAX);
    assert_eq!(clock.wall_after(longest_ago, MINUTE), Timestamp::MIN + MINUTE);
}
