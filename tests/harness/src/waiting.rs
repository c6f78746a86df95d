//! Forwards that take time: in queues, and between attempts.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{Answer, Forward, Gateway, eventually};

/// Longer than any pause between two attempts, and shorter than the longest attempt.
const NEAR: Duration = Duration::from_millis(2100);

/// How long a worker of broadcasts sleeps at most.
const LOOK: Duration = Duration::from_secs(1);

impl Gateway {
    /// Sends a forward, and lets time pass while the gateway sleeps until moments that are near: the ends of
    /// pauses between attempts, and of waits in queues.
    pub async fn see_through(&self, forward: Forward) -> Answer {
        let mut answer = forward.spawn();
        loop {
            let mut next = None;
            let near = self.sleep(|all| {
                let now = self.clock.now();
                next = all.iter().copied().filter(|it| *it > now && *it <= now + NEAR).min();
                next.is_some()
            });
            tokio::select! {
                answer = &mut answer => return answer.expect("a request does not panic"),
                () = near => {}
            }
            let (pauses, attempts) = (self.hand.pauses(), self.simulator.ledger().attempts.len());
            self.advance_to(next.expect("a moment that is near"));
            // The task that woke has to act before time goes on. A new deadline does not show that it has: it
            // may belong to a pause that has not begun.
            eventually(|| {
                answer.is_finished()
                    || self.simulator.ledger().attempts.len() > attempts
                    || self.hand.pauses().iter().any(|moment| !pauses.contains(moment))
            })
            .await;
        }
    }

    /// Lets time pass in a gateway that keeps broadcasts, and no more than a millisecond while it is at work: a call over
    /// a real socket must not time out because the machine is busy. To be called again and again.
    pub async fn step(&self, by: Duration) {
        let now = self.clock.now();
        let mut deadlines = self.sleepers().await;
        let has_woken = deadlines.iter().any(|it| *it <= now);
        let pauses = self.hand.pauses();
        // A worker that has nothing to do looks again within a second.
        let has_idle_worker = pauses.iter().any(|it| *it > now && *it <= now + LOOK);
        for pause in pauses {
            if let Some(index) = deadlines.iter().position(|it| *it == pause) {
                deadlines.swap_remove(index);
            }
        }
        let calls_until = now + self.config.feishu.attempt_timeout;
        let may_call = deadlines.iter().any(|it| *it <= calls_until);
        let is_at_work = has_woken || !has_idle_worker || may_call;
        self.advance(if is_at_work { by.min(Duration::from_millis(1)) } else { by });
    }

    /// Sends so many forwards that have to wait.
    ///
    /// Each one waits in its queue before the next one is sent, so that their order is certain.
    pub async fn queue_up(&self, count: usize, receive_id: &str) -> Vec<JoinHandle<Answer>> {
        let mut answers = Vec::new();
        let waiting = self.waiting().await;
        for number in 0..count {
            answers.push(self.forward(receive_id).message(&format!("om_{number}")).spawn());
            self.so_many_wait(waiting + number + 1).await;
        }
        answers
    }

    /// Returns once exactly so many forwards wait that came at this moment.
    pub async fn so_many_wait(&self, count: usize) {
        let patience_ends = self.clock.now() + self.patience;
        self.sleep(|all| all.iter().filter(|moment| **moment == patience_ends).count() == count)
            .await;
    }

    async fn waiting(&self) -> usize {
        let patience_ends = self.clock.now() + self.patience;
        self.sleepers().await.into_iter().filter(|moment| *moment == patience_ends).count()
    }
}
