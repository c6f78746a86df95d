//! Redis' clock, compared with the clock of this process, which never goes back and never jumps.
//!
//! Redis' clock is not trusted. Each answer carries the time that it shows, so a step is noticed before a
//! grant is used that only the step made possible. Then this replica acts as if it had lost Redis, and has a
//! new epoch begin. A process that has just started knows no earlier time; it relies on the script, which
//! keeps the time that it saw last.

use std::time::Duration;

use crate::clock::Moment;

/// A clock that is adjusted without a step runs faster or slower by this part at most (chrony's: a twelfth).
const DRIFT: i64 = 10;
/// The largest difference that is no step, in microseconds.
const TOLERANCE: i64 = 10_000;

/// What is known of Redis' clock.
#[derive(Debug, Default)]
pub struct ServerClock {
    known: Option<Offset>,
    /// Answers to earlier questions say nothing: they may be from before a step.
    since: Moment,
}

/// How far Redis' clock is ahead of this process' clock, in microseconds: Redis read it at some moment between
/// the question and the answer, so the offset is between the two bounds.
#[derive(Clone, Copy, Debug)]
struct Offset {
    least: i64,
    most: i64,
    heard_at: Moment,
}

/// Redis' clock was stepped, by so many milliseconds; the number is negative for a step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep(pub i64);

impl ServerClock {
    /// Learns the time that Redis' clock showed between two moments. Fails if it was stepped before.
    pub fn observe(
        &mut self,
        time: Duration,
        asked_at: Moment,
        heard_at: Moment,
    ) -> Result<(), ClockStep> {
        if asked_at < self.since {
            return Ok(());
        }
        let time = micros(time);
        let (least, most) =
            (time.saturating_sub(micros(heard_at)), time.saturating_sub(micros(asked_at)));
        let now = Offset { least, most, heard_at };
        let Some(known) = self.known.replace(now) else { return Ok(()) };
        let drift = micros(heard_at.saturating_sub(known.heard_at)) / DRIFT;
        let (lowest, highest) =
            (known.least.saturating_sub(drift), known.most.saturating_add(drift));
        let ahead = least.saturating_sub(highest);
        let back = lowest.saturating_sub(most);
        if ahead.max(back) > TOLERANCE {
            self.since = heard_at;
            return Err(ClockStep(if ahead > back { ahead } else { back.saturating_neg() } / 1000));
        }
        // The offset is within both pairs of bounds, so it is known better than from either.
        let (least, most) = (least.max(lowest), most.min(highest));
        if least <= most {
            self.known = Some(Offset { least, most, heard_at });
        }
        Ok(())
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000_000;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// What is told of questions at these moments, each answered in the middle of so many milliseconds, by a
    /// clock that shows so many more than this process'.
    fn told(questions: &[(u64, u64, i64)]) -> Vec<Option<ClockStep>> {
        let mut clock = ServerClock::default();
        let ask = |(asked_at, takes, ahead): &(u64, u64, i64)| {
            let shown = (START + asked_at + takes / 2).saturating_add_signed(*ahead);
            clock.observe(ms(shown), ms(*asked_at), ms(asked_at + takes)).err()
        };
        questions.iter().map(ask).collect()
    }

    #[test]
    fn a_step_to_either_side_is_told_once_by_its_size() {
        let ahead = told(&[(0, 2, 0), (1000, 2, 2000), (2000, 2, 2000)]);
        let [None, Some(ClockStep(1850..=2000)), None] = ahead[..] else { panic!("{ahead:?}") };
        let back = told(&[(0, 2, 0), (500, 2, 0), (600, 2, -600_000), (700, 2, -600_000)]);
        let [None, None, Some(ClockStep(-600_000..-599_900)), None] = back[..] else {
            panic!("{back:?}")
        };
    }

    #[test]
    fn the_shorter_ago_it_was_looked_at_the_smaller_a_step_is_seen() {
        assert_eq!(told(&[(0, 2, 0), (1000, 2, 90)]), [None, None]);
        assert!(told(&[(0, 2, 0), (100, 2, 90)])[1].is_some());
    }

    #[test]
    fn answers_that_take_long_and_clocks_that_run_fast_are_no_step() {
        assert!(told(&[(0, 240, 0), (250, 2, 110), (300, 240, 0)]).iter().all(Option::is_none));
        let fast: Vec<_> =
            (0..100).map(|n| (n * 1000, 2, 80 * i64::try_from(n).unwrap())).collect();
        assert!(told(&fast).iter().all(Option::is_none));
    }

    #[test]
    fn what_was_asked_before_a_step_was_found_and_is_heard_after_it_is_no_second_one() {
        assert_eq!(told(&[(0, 2, 0), (90, 10, 5000), (95, 8, 0), (110, 2, 5000)])[2..], [None; 2]);
    }

    #[test]
    fn any_time_at_all_can_be_said() {
        let mut clock = ServerClock::default();
        for time in [Duration::ZERO, Duration::MAX, Duration::ZERO, ms(START)] {
            let _ = clock.observe(time, Moment::ZERO, Moment::MAX);
        }
    }
}
