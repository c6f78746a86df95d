//! Stops calling what is broken, and tries now and then whether it still is.
//!
//! The circuit breakers of others read a clock of their own or pause for a fixed time; this one is
//! handed the time, its pauses grow, and a single forward that always fails neither opens it nor keeps it
//! open.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;

/// By which a forward and its repetitions are known as one.
pub(super) type ForwardId = u64;

/// Opens after so many forwards in a row that failed, and closes with the first success.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    /// The last forwards that failed since the last success, each once.
    failed: VecDeque<ForwardId>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// When the next call may try.
    until: Moment,
    pause: Duration,
    /// When one of those that failed may try. That it fails again says nothing new.
    until_for_failed: Moment,
}

const FAILURES_IN_A_ROW: usize = 20;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Leave to make one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// As usual.
    Normal,
    /// To try whether what was broken is mended.
    Trial,
}

impl Circuit {
    /// When the next call may try, if none may now.
    pub(super) fn open_until(&self, now: Moment) -> Option<Moment> {
        self.open.as_ref().map(|open| open.until).filter(|until| *until > now)
    }

    /// When this forward may be called, if not now.
    pub(super) fn closed_to(&self, forward: ForwardId, now: Moment) -> Option<Moment> {
        let open = self.open.as_ref()?;
        let has_failed = self.failed.contains(&forward);
        let until = if has_failed { open.until_for_failed } else { open.until };
        (until > now).then_some(until)
    }

    /// Lets a call through, or says when it may go. While it is open one goes each pause.
    pub(super) fn enter(&mut self, forward: ForwardId, now: Moment) -> Result<Pass, Moment> {
        if let Some(until) = self.closed_to(forward, now) {
            return Err(until);
        }
        let has_failed = self.failed.contains(&forward);
        let Some(open) = &mut self.open else {
            return Ok(Pass::Normal);
        };
        // Closed behind it: should it never tell how it went, another one goes a pause later. One that has
        // failed before stands in nobody else's way.
        if !has_failed {
            open.until = now + open.pause;
        }
        open.until_for_failed = now + open.pause * 2;
        Ok(Pass::Trial)
    }

    /// A call was answered.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed; `is_stale` where it may have been its connection alone, which others share.
    pub(super) fn failed(&mut self, forward: ForwardId, pass: Pass, is_stale: bool, now: Moment) {
        if let (true, Pass::Trial, Some(open)) = (is_stale, pass, &mut self.open) {
            // It did not find out.
            (open.until, open.until_for_failed) = (now, now);
            return;
        }
        let is_known = self.failed.contains(&forward);
        if !is_known {
            if self.failed.len() == FAILURES_IN_A_ROW {
                self.failed.pop_front();
            }
            self.failed.push_back(forward);
        }
        match (&mut self.open, pass) {
            // It left before the circuit opened, or was no news.
            (Some(_), Pass::Normal) => {}
            (Some(_), Pass::Trial) if is_known => {}
            (Some(open), Pass::Trial) => {
                open.pause = (open.pause * 2).min(LONGEST_PAUSE);
                open.until = now + open.pause;
                open.until_for_failed = now + open.pause * 2;
            }
            (None, _) => {
                if self.failed.len() == FAILURES_IN_A_ROW && !is_stale {
                    self.open = Some(Open {
                        until: now + FIRST_PAUSE,
                        pause: FIRST_PAUSE,
                        until_for_failed: now + FIRST_PAUSE * 2,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FORWARDS: ForwardId = FAILURES_IN_A_ROW as ForwardId;
    const OTHER: ForwardId = 1000;

    fn fail(circuit: &mut Circuit, forwards: impl IntoIterator<Item = ForwardId>) {
        for forward in forwards {
            circuit.failed(forward, Pass::Normal, false, Moment::ZERO);
        }
    }

    fn broken() -> Circuit {
        let mut circuit = Circuit::default();
        fail(&mut circuit, 0..FORWARDS);
        circuit
    }

    #[test]
    fn it_opens_with_the_twentieth_forward_in_a_row_that_fails() {
        let mut circuit = Circuit::default();
        fail(&mut circuit, 1..FORWARDS);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(Pass::Normal));
        circuit.succeeded();
        fail(&mut circuit, 1..FORWARDS);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(Pass::Normal));
        fail(&mut circuit, [0]);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Err(SECOND));
    }

    #[test]
    fn attempts_and_repetitions_of_one_forward_count_once() {
        let mut circuit = Circuit::default();
        fail(&mut circuit, [7; 100]);
        fail(&mut circuit, 0..FORWARDS - 1);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(Pass::Normal));
        fail(&mut circuit, [FORWARDS]);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Err(SECOND));
    }

    #[test]
    fn dead_connections_alone_do_not_open_it() {
        let mut circuit = Circuit::default();
        for forward in 0..100 {
            circuit.failed(forward, Pass::Normal, true, Moment::ZERO);
        }
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(Pass::Normal));
        fail(&mut circuit, [OTHER]);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Err(SECOND * 2));
    }

    #[test]
    fn an_open_one_lets_one_call_through_each_pause() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(Pass::Trial));
        assert_eq!(circuit.enter(OTHER + 1, SECOND), Err(SECOND * 2));
        assert_eq!(circuit.enter(OTHER + 1, SECOND * 2), Ok(Pass::Trial));
    }

    #[test]
    fn pauses_grow_with_each_trial_that_fails_up_to_ten_seconds() {
        let mut circuit = broken();
        let mut now = Moment::ZERO;
        let mut pauses = Vec::new();
        for forward in OTHER..OTHER + 6 {
            let until = circuit.open_until(now).expect("it is open");
            pauses.push(until.saturating_sub(now).as_secs());
            now = until;
            assert_eq!(circuit.enter(forward, now), Ok(Pass::Trial));
            circuit.failed(forward, Pass::Trial, false, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn the_first_success_closes_it_for_all() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(Pass::Trial));
        circuit.succeeded();
        assert_eq!(circuit.open_until(SECOND), None);
        assert_eq!(circuit.enter(0, SECOND), Ok(Pass::Normal));
    }

    #[test]
    fn a_trial_over_a_dead_connection_is_made_again_at_once() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(Pass::Trial));
        circuit.failed(OTHER, Pass::Trial, true, SECOND);
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(Pass::Trial));
    }

    #[test]
    fn those_who_left_before_it_opened_do_not_make_the_pause_longer() {
        let mut circuit = broken();
        circuit.failed(OTHER, Pass::Normal, false, SECOND / 2);
        assert_eq!(circuit.open_until(SECOND / 2), Some(SECOND));
    }

    #[test]
    fn a_forward_that_fails_again_and_again_keeps_it_open_for_nobody_else() {
        let mut circuit = broken();
        let poison = 3;
        // Others go first.
        assert_eq!(circuit.enter(poison, SECOND), Err(SECOND * 2));
        let mut now = SECOND * 2;
        for _ in 0..10 {
            assert_eq!(circuit.enter(poison, now), Ok(Pass::Trial), "alone, it may try too");
            circuit.failed(poison, Pass::Trial, false, now);
            assert_eq!(circuit.closed_to(OTHER, now), None);
            now = circuit.closed_to(poison, now).expect("and not at once again");
        }
        assert_eq!(circuit.enter(OTHER, now), Ok(Pass::Trial));
        circuit.succeeded();
        assert_eq!(circuit.closed_to(poison, now), None);
    }

    #[test]
    fn what_it_remembers_has_a_bound() {
        let mut circuit = Circuit::default();
        fail(&mut circuit, 0..100_000);
        assert_eq!(circuit.failed.len(), FAILURES_IN_A_ROW);
    }
}
