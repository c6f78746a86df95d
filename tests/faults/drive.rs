//! Lets time pass while a forward is under way, and no more of it than the gateway waits for.

use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use tokio::task::{JoinHandle, yield_now};

use crate::run::attempts;
use crate::table::{Staging, hangs};
use gateway_harness::{Answer, Gateway, guarded};

/// The time-out of a call, as by default.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Longer than any pause that a forward waits for, and shorter than the time-out of a call.
const LONGEST_PAUSE: Duration = Duration::from_millis(4100);

/// The sweep of the limits and the renewal of the token, each of which waits for one moment at a time.
const BACKGROUND_TASKS: usize = 2;

/// A forward's patience, as by default but for a millisecond: so its end is no time-out of a call.
pub(crate) const MAX_WAIT: &str = "4999ms";

/// Where nothing goes on unless time passes.
enum Standstill {
    /// The gateway pauses until then.
    Pause(Moment),
    /// Feishu does not answer, or too slowly, and the call is given up then.
    Hang(Moment),
}

/// The sweep of the limits each ten seconds, for which no forward waits.
fn is_housekeeping(moment: Moment) -> bool {
    moment.as_nanos().is_multiple_of(Duration::from_secs(10).as_nanos())
}

/// Drives one forward to its answer.
pub(crate) struct Driver<'a> {
    gateway: &'a Gateway,
    /// How many calls could hang at first.
    could_hang: u32,
    /// How many hanging calls time has passed for.
    given_up: u32,
    /// How many attempts find no connection.
    refused: u32,
    /// Whether no attempt finds one from the next standstill on.
    refused_later: bool,
    /// How far the clock jumps at the next standstill.
    jump: Option<Duration>,
    /// The moments that there were: a call can have begun at these and at no others.
    moments: Vec<Moment>,
}

impl<'a> Driver<'a> {
    /// With everything in its place that goes wrong.
    pub(crate) fn new(gateway: &'a Gateway, staging: &Staging) -> Self {
        let Staging { refused, refused_later, jump, .. } = *staging;
        let moments = vec![gateway.clock.now()];
        Self {
            gateway,
            could_hang: staging.hangs(),
            given_up: 0,
            refused,
            refused_later,
            jump,
            moments,
        }
    }

    /// With nothing that goes wrong.
    pub(crate) fn undisturbed(gateway: &'a Gateway) -> Self {
        Self::new(gateway, &Staging::default())
    }

    /// The answer, once enough time has passed for it.
    pub(crate) async fn answer(mut self, mut forward: JoinHandle<Answer>) -> Answer {
        loop {
            let standstill = tokio::select! {
                biased;
                answer = &mut forward => return answer.expect("a request does not panic"),
                standstill = guarded(self.standstill()) => standstill,
            };
            let (pauses, calls) = (self.gateway.hand.pauses(), self.calls());
            self.go_on(standstill).await;
            self.moments.push(self.gateway.clock.now());
            // The task that was woken acts before more time passes.
            while !(forward.is_finished()
                || self.calls() > calls
                || self.begins_a_call().await
                || self.pauses_anew(&pauses)
                || self.joins_a_call(&pauses))
            {
                yield_now().await;
            }
        }
    }

    /// How many calls have reached Feishu.
    fn calls(&self) -> usize {
        self.gateway.simulator.ledger().attempts.len()
    }

    /// Whether a call has begun at this moment, also one that never reaches Feishu.
    async fn begins_a_call(&self) -> bool {
        let ends_at = self.gateway.clock.now() + ATTEMPT;
        self.gateway.sleepers().await.contains(&ends_at)
    }

    /// Whether a pause has begun. A new deadline alone does not show one: it may belong to a pause that has not
    /// begun.
    fn pauses_anew(&self, before: &[Moment]) -> bool {
        let pauses = self.gateway.hand.pauses();
        pauses.iter().any(|moment| !before.contains(moment) && !is_housekeeping(*moment))
    }

    /// Whether a pause has ended while a call hangs. The call is one for a token, and the forward that paused waits
    /// for it too, which nothing else shows.
    fn joins_a_call(&self, before: &[Moment]) -> bool {
        let pauses = self.gateway.hand.pauses();
        self.hangs() && before.iter().any(|moment| !pauses.contains(moment))
    }

    async fn go_on(&mut self, standstill: Standstill) {
        if self.refused > 0 && attempts(self.gateway).await >= self.refused.into() {
            self.refused = 0;
            self.gateway.simulator.accept_connections().await;
        }
        if std::mem::take(&mut self.refused_later) {
            self.gateway.simulator.refuse_connections().await;
        }
        let (Standstill::Pause(until) | Standstill::Hang(until)) = standstill;
        match self.jump.take() {
            Some(jump) => self.gateway.advance(jump),
            None => self.gateway.advance_to(until),
        }
        if matches!(standstill, Standstill::Hang(_)) {
            self.given_up += 1;
        }
    }

    async fn standstill(&self) -> Standstill {
        loop {
            let now = self.gateway.clock.now();
            let mut to_come = self.gateway.sleepers().await;
            to_come.retain(|moment| *moment > now);
            // As long as only those tasks wait, the forward goes on by itself.
            if to_come.len() <= BACKGROUND_TASKS {
                yield_now().await;
                continue;
            }
            to_come.retain(|moment| !is_housekeeping(*moment));
            to_come.sort_unstable();
            let ends_a_call =
                |end: &&Moment| self.moments.iter().any(|began| *began + ATTEMPT == **end);
            let next = to_come.first().filter(|next| **next <= now + LONGEST_PAUSE);
            // A pause may happen to end when a call of an earlier moment would have.
            let pauses = self.gateway.hand.pauses();
            // Without a call that hangs, a deadline alone is that of a pause which just begins anew.
            let is_due =
                |next: &&Moment| pauses.contains(next) || self.hangs() && !ends_a_call(next);
            if let Some(next) = next.filter(is_due) {
                return Standstill::Pause(*next);
            }
            // A call that does not hang ends by itself.
            if let Some(end) = to_come.iter().find(ends_a_call).filter(|_| self.hangs()) {
                return Standstill::Hang(*end);
            }
            yield_now().await;
        }
    }

    /// Whether a call hangs that time has not yet passed for.
    fn hangs(&self) -> bool {
        let can_hang = hangs(&self.gateway.simulator.faults());
        self.could_hang - can_hang > self.given_up
    }
}
