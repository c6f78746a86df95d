//! Redis' clock, held against this process' own, which never goes back and never jumps.

use std::time::Duration;

use crate::clock::Moment;

/// A clock that is set right without a step runs this part faster or slower at most (chrony's, a twelfth).
const DRIFT: i64 = 10;
/// What is no step however soon it is seen, in microseconds.
const TOLERANCE: i64 = 10_000;

/// What is known of Redis' clock.
#[derive(Debug, Default)]
pub struct ServerClock {
    known: Option<Ahead>,
    /// What was asked before says nothing: it may be from before a step.
    since: Moment,
}

/// How far it is ahead of this process' own, between these two, in microseconds: it was read at some moment
/// between the question and the answer.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    least: i64,
    most: i64,
    heard_at: Moment,
}

/// Redis' clock was stepped: by so much, in milliseconds, back where that is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped(pub i64);

impl ServerClock {
    /// Learns what time it showed between two moments, and tells whether it was stepped before.
    pub fn shows(
        &mut self,
        time: Duration,
        asked_at: Moment,
        heard_at: Moment,
    ) -> Result<(), Stepped> {
        if asked_at < self.since {
            return Ok(());
        }
        let time = micros(time);
        let (least, most) =
            (time.saturating_sub(micros(heard_at)), time.saturating_sub(micros(asked_at)));
        let now = Ahead { least, most, heard_at };
        let Some(known) = self.known.replace(now) else { return Ok(()) };
        let drift = micros(heard_at.saturating_sub(known.heard_at)) / DRIFT;
        let (lowest, highest) =
            (known.least.saturating_sub(drift), known.most.saturating_add(drift));
        let ahead = least.saturating_sub(highest);
        let back = lowest.saturating_sub(most);
        if ahead.max(back) > TOLERANCE {
            self.since = heard_at;
            return Err(Stepped(if ahead > back { ahead } else { back.saturating_neg() } / 1000));
        }
        // Both hold, so it is known better than from either.
        let (least, most) = (least.max(lowest), most.min(highest));
        if least <= most {
            self.known = Some(Ahead { least, most, heard_at });
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
    fn told(questions: &[(u64, u64, i64)]) -> Vec<Option<Stepped>> {
        let mut clock = ServerClock::default();
        let ask = |(asked_at, takes, ahead): &(u64, u64, i64)| {
            let shown = (START + asked_at + takes / 2).saturating_add_signed(*ahead);
            clock.shows(ms(shown), ms(*asked_at), ms(asked_at + takes)).err()
        };
        questions.iter().map(ask).collect()
    }

    #[test]
    fn a_step_to_either_side_is_told_once_by_its_size() {
        let ahead = told(&[(0, 2, 0), (1000, 2, 2000), (2000, 2, 2000)]);
        let [None, Some(Stepped(1850..=2000)), None] = ahead[..] else { panic!("{ahead:?}") };
        let back = told(&[(0, 2, 0), (500, 2, 0), (600, 2, -600_000), (700, 2, -600_000)]);
        let [None, None, Some(Stepped(-600_000..-599_900)), None] = back[..] else {
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
            let _ = clock.shows(time, Moment::ZERO, Moment::MAX);
        }
    }
}
