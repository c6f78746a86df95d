//! A circuit breaker: it stops the calls when Feishu fails, and probes now and then whether it still does.
//!
//! Libraries for circuit breakers read a clock of their own or pause for a fixed time. This one gets the time as
//! an argument, its pauses grow, and a single forward that always fails neither opens it nor keeps it open.

use std::collections::VecDeque;
use std::time::Duration;

use super::request::ForwardId;
use crate::clock::Moment;

/// Opens after 20 different forwards in a row have failed, and closes with the first success.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    /// The last 20 forwards that failed since the last success, each once.
    failed: VecDeque<ForwardId>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// When the next probe may go.
    until: Moment,
    pause: Duration,
    /// When a forward may go that has failed before. Its failing again says nothing new.
    until_for_failed: Moment,
}

const FAILURES_IN_A_ROW: usize = 20;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Permission to make one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CircuitPermit {
    /// The circuit is closed.
    Normal,
    /// The circuit is open, and the call probes whether Feishu works again.
    Probe,
}

impl Circuit {
    /// Whether it lets all calls through.
    pub(super) fn is_closed(&self) -> bool {
        self.open.is_none()
    }

    /// When the next probe may go. None if the circuit is closed, or if a probe may go now.
    pub(super) fn open_until(&self, now: Moment) -> Option<Moment> {
        self.open.as_ref().map(|open| open.until).filter(|until| *until > now)
    }

    /// When this forward may go. None if it may go now.
    pub(super) fn blocked_until(&self, forward: ForwardId, now: Moment) -> Option<Moment> {
        let open = self.open.as_ref()?;
        let has_failed = self.failed.contains(&forward);
        let until = if has_failed { open.until_for_failed } else { open.until };
        (until > now).then_some(until)
    }

    /// Lets a call through, or returns when it may go. An open circuit lets one call through in each pause.
    pub(super) fn enter(
        &mut self,
        forward: ForwardId,
        now: Moment,
    ) -> Result<CircuitPermit, Moment> {
        if let Some(until) = self.blocked_until(forward, now) {
            return Err(until);
        }
        let has_failed = self.failed.contains(&forward);
        let Some(open) = &mut self.open else {
            return Ok(CircuitPermit::Normal);
        };
        // At once and not when the probe is answered: if it never is, another one goes a pause later. A
        // forward that has failed before does not delay the probes of others.
        if !has_failed {
            open.until = now + open.pause;
        }
        open.until_for_failed = now + open.pause * 2;
        Ok(CircuitPermit::Probe)
    }

    /// A call was answered.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed. `is_stale`: perhaps only its connection was dead, which other calls share.
    pub(super) fn failed(
        &mut self,
        forward: ForwardId,
        permit: CircuitPermit,
        is_stale: bool,
        now: Moment,
    ) {
        if let (true, CircuitPermit::Probe, Some(open)) = (is_stale, permit, &mut self.open) {
            // The probe has found nothing out.
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
        match (&mut self.open, permit) {
            // The call left before the circuit opened, or its failure is no news.
            (Some(_), CircuitPermit::Normal) => {}
            (Some(_), CircuitPermit::Probe) if is_known => {}
            (Some(open), CircuitPermit::Probe) => {
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
            circuit.failed(forward, CircuitPermit::Normal, false, Moment::ZERO);
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
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(CircuitPermit::Normal));
        circuit.succeeded();
        fail(&mut circuit, 1..FORWARDS);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(CircuitPermit::Normal));
        fail(&mut circuit, [0]);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Err(SECOND));
    }

    #[test]
    fn attempts_and_repetitions_of_one_forward_count_once() {
        let mut circuit = Circuit::default();
        fail(&mut circuit, [7; 100]);
        fail(&mut circuit, 0..FORWARDS - 1);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(CircuitPermit::Normal));
        fail(&mut circuit, [FORWARDS]);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Err(SECOND));
    }

    #[test]
    fn dead_connections_alone_do_not_open_it() {
        let mut circuit = Circuit::default();
        for forward in 0..100 {
            circuit.failed(forward, CircuitPermit::Normal, true, Moment::ZERO);
        }
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Ok(CircuitPermit::Normal));
        fail(&mut circuit, [OTHER]);
        assert_eq!(circuit.enter(OTHER, Moment::ZERO), Err(SECOND * 2));
    }

    #[test]
    fn an_open_one_lets_one_call_through_each_pause() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(CircuitPermit::Probe));
        assert_eq!(circuit.enter(OTHER + 1, SECOND), Err(SECOND * 2));
        assert_eq!(circuit.enter(OTHER + 1, SECOND * 2), Ok(CircuitPermit::Probe));
    }

    #[test]
    fn pauses_grow_with_each_probe_that_fails_up_to_ten_seconds() {
        let mut circuit = broken();
        let mut now = Moment::ZERO;
        let mut pauses = Vec::new();
        for forward in OTHER..OTHER + 6 {
            let until = circuit.open_until(now).expect("it is open");
            pauses.push(until.saturating_sub(now).as_secs());
            now = until;
            assert_eq!(circuit.enter(forward, now), Ok(CircuitPermit::Probe));
            circuit.failed(forward, CircuitPermit::Probe, false, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn the_first_success_closes_it_for_all() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(CircuitPermit::Probe));
        circuit.succeeded();
        assert_eq!(circuit.open_until(SECOND), None);
        assert_eq!(circuit.enter(0, SECOND), Ok(CircuitPermit::Normal));
    }

    #[test]
    fn a_probe_over_a_dead_connection_is_made_again_at_once() {
        let mut circuit = broken();
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(CircuitPermit::Probe));
        circuit.failed(OTHER, CircuitPermit::Probe, true, SECOND);
        assert_eq!(circuit.enter(OTHER, SECOND), Ok(CircuitPermit::Probe));
    }

    #[test]
    fn those_who_left_before_it_opened_do_not_make_the_pause_longer() {
        let mut circuit = broken();
        circuit.failed(OTHER, CircuitPermit::Normal, false, SECOND / 2);
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
            assert_eq!(
                circuit.enter(poison, now),
                Ok(CircuitPermit::Probe),
                "alone, it may try too"
            );
            circuit.failed(poison, CircuitPermit::Probe, false, now);
            assert_eq!(circuit.blocked_until(OTHER, now), None);
            now = circuit.blocked_until(poison, now).expect("and not at once again");
        }
        assert_eq!(circuit.enter(OTHER, now), Ok(CircuitPermit::Probe));
        circuit.succeeded();
        assert_eq!(circuit.blocked_until(poison, now), None);
    }

    #[test]
    fn what_it_remembers_has_a_bound() {
        let mut circuit = Circuit::default();
        fail(&mut circuit, 0..100_000);
        assert_eq!(circuit.failed.len(), FAILURES_IN_A_ROW);
    }
}
