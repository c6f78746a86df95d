//! Forwards that take time: for their turns, and for the pauses between attempts.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Answer, Forward, Gateway, eventually};

/// Longer than any pause between two attempts, and shorter than any attempt may take.
const NEAR: Duration = Duration::from_millis(2100);

impl Gateway {
    /// Sends a forward and lets time pass as long as the gateway waits for moments that are near: the
    /// pauses between attempts, and turns.
    pub(crate) async fn see_through(&self, forward: Forward) -> Answer {
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
            // Whoever woke has done something, before time goes on. A deadline that is new says
            // nothing: it may be that of a pause that is not.
            eventually(|| {
                answer.is_finished()
                    || self.simulator.ledger().attempts.len() > attempts
                    || self.hand.pauses().iter().any(|moment| !pauses.contains(moment))
            })
            .await;
        }
    }

    /// Sends so many forwards, which will have to wait; the answers come later.
    ///
    /// Each one waits in its line before the next one is sent: so their order is certain.
    pub(crate) async fn queue_up(&self, count: usize, receive_id: &str) -> Vec<JoinHandle<Answer>> {
        let mut answers = Vec::new();
        let waiting = self.waiting().await;
        for number in 0..count {
            answers.push(self.forward(receive_id).message(&format!("om_{number}")).spawn());
            self.so_many_wait(waiting + number + 1).await;
        }
        answers
    }

    /// Returns once exactly so many wait who came at this very moment.
    pub(crate) async fn so_many_wait(&self, count: usize) {
        let patience_ends = self.clock.now() + self.patience;
        self.sleep(|all| all.iter().filter(|moment| **moment == patience_ends).count() == count)
            .await;
    }

    async fn waiting(&self) -> usize {
        let patience_ends = self.clock.now() + self.patience;
        self.sleepers().await.into_iter().filter(|moment| *moment == patience_ends).count()
    }
}
