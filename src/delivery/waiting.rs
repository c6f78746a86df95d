//! Waiting in line for one's turn.

use std::sync::Arc;

use tokio::sync::Notify;

use super::lines::Wish;
use super::turn::{NoTurn, Turn, Turns, Waited};
use crate::clock::Moment;
use crate::limits::{NotUntil, Pass, Scope};

/// Somebody in a receiver's line; it is left by dropping this.
pub(super) struct InLine<'a> {
    pub(super) turns: &'a Turns,
    pub(super) wish: Wish<'a>,
    /// Told when there is something new to see.
    pub(super) wake: Arc<Notify>,
}

/// What is in the way of a turn, and until when at least.
enum Obstacle {
    /// Others come first, and wake the next one.
    Others(NotUntil),
    /// A limit; it takes time, unless Feishu opens a gate before.
    Limit(NotUntil),
}

impl InLine<'_> {
    /// Waits for the turn as long as the wish allows, and leaves the line.
    pub(super) async fn turn(self) -> Result<Turn, NoTurn> {
        let Self { turns, wish, .. } = self;
        let turn = turns.clock.timeout_at(wish.until, self.wait()).await;
        drop(self);
        turn.unwrap_or_else(|_elapsed| Err(turns.too_late(&wish)))
    }

    async fn wait(&self) -> Result<Turn, NoTurn> {
        let clock = &self.turns.clock;
        let mut waited = Waited::default();
        loop {
            let since = clock.now();
            let obstacle = match self.look() {
                Ok((pass, now)) => match self.turns.confirm(&self.wish, pass, now).await {
                    Some(turn) => {
                        let mut lines = self.turns.lines();
                        // The next one of this receiver goes behind the other receivers.
                        lines.leave_app(self.wish.receiver);
                        // Who came back meanwhile stands before this one, and has lost that place too.
                        lines.wake_first(self.wish.receiver);
                        return Ok(Turn { waited, ..turn });
                    }
                    // Another replica was faster.
                    None => continue,
                },
                Err(obstacle) => obstacle,
            };
            let (Obstacle::Others(not_until) | Obstacle::Limit(not_until)) = obstacle;
            if not_until.moment > self.wish.until.max(since) {
                return Err(NoTurn::late(not_until, since));
            }
            let time_tells = matches!(obstacle, Obstacle::Limit(_));
            let look_at = self.turns.limits.look_at(self.wish.receiver, not_until.moment, since);
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = clock.sleep_until(look_at), if time_tells => {}
            }
            match not_until.scope {
                Scope::Receiver => waited.receiver += clock.since(since),
                Scope::App => waited.app += clock.since(since),
            }
        }
    }

    /// Takes the turn if it has come, and says when it is.
    fn look(&self) -> Result<(Pass, Moment), Obstacle> {
        let Self { turns, wish: wish @ Wish { app, receiver, .. }, .. } = self;
        let mut lines = turns.lines();
        let now = turns.clock.now();
        if !lines.is_first(wish) {
            // How long it takes was looked at when the line was joined.
            return Err(Obstacle::Others(NotUntil {
                scope: Scope::Receiver,
                moment: Moment::ZERO,
            }));
        }
        if let Some(pass) = turns.limits.is_to_be_asked(receiver, now) {
            return Ok((pass, now));
        }
        let ready_at = turns.limits.receiver_ready_at(receiver, 0, now);
        if ready_at > now {
            // Its gate was closed meanwhile: others can use the app.
            lines.leave_app(receiver);
            return Err(Obstacle::Limit(NotUntil { scope: Scope::Receiver, moment: ready_at }));
        }
        let ahead = lines.join_app(wish);
        if ahead > 0 {
            let moment = turns.limits.app_ready_at(app, ahead, now);
            return Err(Obstacle::Others(NotUntil { scope: Scope::App, moment }));
        }
        let pass = turns.limits.take(app, receiver, now).map_err(|not_until| {
            if not_until.scope == Scope::Receiver {
                // Redis has told of others' messages just now.
                lines.leave_app(receiver);
            }
            Obstacle::Limit(not_until)
        })?;
        Ok((pass, now))
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.turns.lines().leave(&self.wish);
    }
}
