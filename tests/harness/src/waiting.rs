//! Forwards that take time: in queues, and between attempts.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{Answer, Forward, Gateway, eventually};

/// Longer than any pause between two attempts, and shorter than the longest attempt.
const NEAR: Duration = Duration::from_millis(2100);

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

    /// Lets time pass, unless a call is under way: its answer comes over a real socket and takes no time on this clock, so
    /// a busy machine must not have it time out. To be called again and again.
    pub async fn step(&self, by: Duration) {
        let mut deadlines = self.sleepers().await;
        for pause in self.hand.pauses() {
            if let Some(index) = deadlines.iter().position(|it| *it == pause) {
                deadlines.swap_remove(index);
            }
        }
        // A forward that waits for its turn has a deadline as well, which is further away.
        let latest = self.clock.now() + self.config.feishu.attempt_timeout;
        if deadlines.iter().all(|it| *it > latest) {
            self.advance(by);
        }
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
