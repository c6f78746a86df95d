//! Two clocks that move apart.

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[test]
fn an_age_is_what_the_clock_says_that_says_more() {
    let (clock, hand) = Clock::manual();
    let stamp = clock.stamp();
    hand.advance(10 * MINUTE);
    assert_eq!(clock.age(stamp), 10 * MINUTE);
    // A suspended machine.
    hand.move_calendar(minutes(120));
    assert_eq!(clock.age(stamp), 130 * MINUTE);
    // A calendar that was set back.
    hand.move_calendar(minutes(-500));
    assert_eq!(clock.age(stamp), 10 * MINUTE);
}

#[test]
fn the_end_of_a_span_does_not_move_away_when_a_clock_is_set() {
    let (clock, hand) = Clock::manual();
    let (stamp, start) = (clock.stamp(), clock.wall());
    let end = || clock.wall_after(stamp, 55 * MINUTE);
    assert_eq!(end(), start + 55 * MINUTE);
    hand.move_calendar(minutes(120));
    assert_eq!(end(), start + 55 * MINUTE);
    hand.move_calendar(minutes(-180));
    assert_eq!(end(), clock.wall() + 55 * MINUTE);
}

#[test]
fn a_stamp_of_long_ago_is_as_old_by_either_clock() {
    let (clock, hand) = Clock::manual();
    hand.advance(10 * MINUTE);
    assert_eq!(clock.age(clock.stamp().earlier_by(4 * MINUTE)), 4 * MINUTE);
    // Longer ago than the clock was made.
    assert_eq!(clock.age(clock.stamp().earlier_by(40 * MINUTE)), 40 * MINUTE);
    let longest_ago = clock.stamp().earlier_by(Duration::MAX);
    assert_eq!(clock.wall_after(longest_ago, MINUTE), Timestamp::MIN + MINUTE);
}
