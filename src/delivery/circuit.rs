//! Stops calling what is broken, and tries now and then whether it still is.
//!
//! The circuit breakers of others read a clock of their own or pause for a fixed time; this one is
//! handed the time, and its pauses grow.

use std::time::Duration;

use crate::clock::Moment;

/// Opens after so many failures in a row, and closes with the first success.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    /// Failures since the last success.
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// When the next call may try.
    until: Moment,
    pause: Duration,
}

const FAILURES_IN_A_ROW: u32 = 20;
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
    /// When a call may be made, if none may now.
    pub(super) fn open_until(&self, now: Moment) -> Option<Moment> {
        self.open.as_ref().map(|open| open.until).filter(|until| *until > now)
    }

    /// Lets a call through, or says when one may go. While it is open one goes each pause.
    pub(super) fn enter(&mut self, now: Moment) -> Result<Pass, Moment> {
        let Some(open) = &mut self.open else {
            return Ok(Pass::Normal);
        };
        if open.until > now {
            return Err(open.until);
        }
        // Closed behind it: should it never tell how it went, another one goes a pause later.
        open.until = now + open.pause;
        Ok(Pass::Trial)
    }

    /// A call was answered.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed.
    pub(super) fn failed(&mut self, pass: Pass, now: Moment) {
        match (&mut self.open, pass) {
            // It left before the circuit opened and tells nothing new.
            (Some(_), Pass::Normal) => {}
            (Some(open), Pass::Trial) => {
                open.pause = (open.pause * 2).min(LONGEST_PAUSE);
                open.until = now + open.pause;
            }
            (None, _) => {
                self.failures += 1;
                if self.failures >= FAILURES_IN_A_ROW {
                    self.open = Some(Open { until: now + FIRST_PAUSE, pause: FIRST_PAUSE });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn broken() -> Circuit {
        let mut circuit = Circuit::default();
        (0..FAILURES_IN_A_ROW).for_each(|_| circuit.failed(Pass::Normal, Moment::ZERO));
        circuit
    }

    #[test]
    fn it_opens_with_the_twentieth_failure_in_a_row() {
        let mut circuit = Circuit::default();
        (1..FAILURES_IN_A_ROW).for_each(|_| circuit.failed(Pass::Normal, Moment::ZERO));
        assert_eq!(circuit.enter(Moment::ZERO), Ok(Pass::Normal));
        circuit.succeeded();
        (1..FAILURES_IN_A_ROW).for_each(|_| circuit.failed(Pass::Normal, Moment::ZERO));
        assert_eq!(circuit.enter(Moment::ZERO), Ok(Pass::Normal));
        circuit.failed(Pass::Normal, Moment::ZERO);
        assert_eq!(circuit.enter(Moment::ZERO), Err(SECOND));
    }

    #[test]
    fn an_open_one_lets_one_call_through_each_pause() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(SECOND), Ok(Pass::Trial));
        assert_eq!(circuit.enter(SECOND), Err(SECOND * 2));
        assert_eq!(circuit.enter(SECOND * 2), Ok(Pass::Trial));
    }

    #[test]
    fn pauses_grow_with_each_trial_that_fails_up_to_ten_seconds() {
        let mut circuit = broken();
        let mut now = Moment::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let until = circuit.open_until(now).expect("it is open");
            pauses.push(until.saturating_sub(now).as_secs());
            now = until;
            assert_eq!(circuit.enter(now), Ok(Pass::Trial));
            circuit.failed(Pass::Trial, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn the_first_success_closes_it_for_all() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(SECOND), Ok(Pass::Trial));
        circuit.succeeded();
        assert_eq!(circuit.open_until(SECOND), None);
        assert_eq!(circuit.enter(SECOND), Ok(Pass::Normal));
    }

    #[test]
    fn those_who_left_before_it_opened_do_not_make_the_pause_longer() {
        let mut circuit = broken();
        circuit.failed(Pass::Normal, SECOND / 2);
        assert_eq!(circuit.open_until(SECOND / 2), Some(SECOND));
    }
}
