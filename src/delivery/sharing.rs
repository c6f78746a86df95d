//! Sharing the limits with other replicas: Redis has the last word on a turn, hears what Feishu says, and
//! is looked after. Without it each replica keeps to its share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Delivery;
use super::lines::Wish;
use super::turn::{Turn, Turns, Waited};
use crate::limits::{Gate, Note, Pass, Shared};
use crate::model::receiver::Receiver;
use crate::store::{self, Gone};

/// How often Redis is asked whether it is there, while it is.
const BEAT: Duration = Duration::from_secs(1);
/// The same while it is not.
const RETRY: Duration = Duration::from_millis(250);

const LOST: &str = "Redis is lost: this replica keeps to its share of the limits";

/// What replicas share; clones are the same.
#[derive(Clone, Debug)]
pub struct Sharing {
    shared: Arc<Shared>,
    /// Rung when Redis failed, for whoever looks after it.
    bell: Arc<Notify>,
}

impl Sharing {
    /// Replicas share this.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared), bell: Arc::default() }
    }
}

impl Turns {
    /// The same where another process may have sent with the same apps until now, and has written it down
    /// nowhere.
    #[must_use]
    pub fn after_another_process(self) -> Self {
        self.limits.follow_another(self.clock.now());
        self
    }

    /// The same, shared with other replicas.
    #[must_use]
    pub fn shared_by(mut self, sharing: Sharing) -> Self {
        // Until Redis is found.
        self.limits.keep_to_share(sharing.shared.replicas(), self.clock.now());
        self.sharing = Some(sharing);
        self
    }

    /// Has Redis confirm what was taken here, where it has the last word. None: not now, and the limits
    /// here know until when.
    pub(super) async fn confirm(&self, wish: &Wish<'_>, pass: Pass) -> Option<Turn> {
        let waited = Waited::default();
        let sharing = match &self.sharing {
            Some(sharing) if !pass.is_final => sharing,
            _ => return Some(Turn { waited, trial: pass.trial, cell: None }),
        };
        let asked_at = self.clock.now();
        match Box::pin(sharing.shared.take(wish.app, wish.receiver)).await {
            Ok(seen) => {
                // No gate is closed in the middle of somebody's look.
                let lines = self.lines();
                let was_cautious = self.limits.is_under_caution(wish.receiver);
                let now = self.clock.now();
                let is_redis_word = self.limits.learn(wish.app, wish.receiver, &seen, now);
                if was_cautious && !self.limits.is_under_caution(wish.receiver) {
                    // Another replica's trial was accepted: those who wait need wait no longer for that.
                    lines.wake_first(wish.receiver);
                }
                // Who heard of it late, as the process stood still, does not know what came after it.
                let is_fresh = now.saturating_sub(asked_at) <= store::TIMEOUT;
                let is_granted = seen.granted && is_redis_word && is_fresh;
                is_granted.then_some(Turn { waited, trial: seen.trial, cell: Some(seen.cell) })
            }
            Err(gone) => {
                self.lose(sharing, &gone);
                None
            }
        }
    }

    /// Tells the other replicas; nobody waits for it.
    pub(super) fn note(&self, receiver: &Receiver, note: Note) {
        let Some(sharing) = self.sharing.clone() else { return };
        let (limits, clock, receiver) = (self.limits.clone(), self.clock.clone(), receiver.clone());
        tokio::spawn(async move {
            match sharing.shared.note(&receiver, note).await {
                Ok(cells) => limits.learn_cells(&receiver, cells, clock.now()),
                Err(_) => sharing.bell.notify_one(),
            }
        });
    }

    /// The same of an app.
    pub(super) fn note_closed(&self, app: &str, gate: Gate, closed_for: Duration) {
        let Some(sharing) = self.sharing.clone() else { return };
        let app = app.to_owned();
        tokio::spawn(async move {
            if sharing.shared.close(&app, gate, closed_for).await.is_err() {
                sharing.bell.notify_one();
            }
        });
    }

    /// From now on this replica is by itself, unless it is already.
    fn lose(&self, sharing: &Sharing, gone: &Gone) {
        // No gate is closed in the middle of somebody's look.
        let _nobody_looks = self.lines();
        if self.limits.defers() {
            tracing::warn!(%gone, "{LOST}");
            self.limits.keep_to_share(sharing.shared.replicas(), self.clock.now());
            sharing.bell.notify_one();
        }
    }
}

impl Delivery {
    /// Looks after what replicas share, for ever; returns at once where they share nothing.
    pub async fn look_after_shared(&self) {
        let Some(sharing) = &self.turns.sharing else { return };
        self.metrics.begin_state();
        let mut care =
            Care { delivery: self, sharing, was_found: false, is_told: false, owes: false };
        loop {
            care.ask().await;
            let defers = self.turns.limits.defers();
            self.metrics.state_is_up(defers);
            let pause = if defers { BEAT } else { RETRY };
            tokio::select! {
                () = self.clock.sleep_until(self.clock.now() + pause) => {}
                () = sharing.bell.notified() => {}
            }
        }
    }
}

/// Looks after Redis.
struct Care<'a> {
    delivery: &'a Delivery,
    sharing: &'a Sharing,
    /// Whether there was a connection before.
    was_found: bool,
    /// Whether Redis was there once, or it was said that it is lost from the start.
    is_told: bool,
    /// Whether what was allowed may not be written down in Redis: by another server, before.
    owes: bool,
}

impl Care<'_> {
    /// Asks Redis if it is there, and draws the conclusions.
    async fn ask(&mut self) {
        let Delivery { turns, clock, .. } = self.delivery;
        let asked_at = clock.now();
        match self.beat().await {
            Ok(()) => {}
            Err(gone) if !self.is_told => tracing::warn!(%gone, "{LOST}"),
            Err(gone) => turns.lose(self.sharing, &gone),
        }
        self.is_told = true;
        turns.limits.asked_in_vain(asked_at);
    }

    async fn beat(&mut self) -> Result<(), Gone> {
        let (Delivery { turns, clock, apps, .. }, shared) = (self.delivery, &self.sharing.shared);
        if !shared.store().is_connected() {
            // Before anybody can ask another server, which may know less.
            turns.lose(self.sharing, &Gone::NotConnected);
            self.owes |= self.was_found;
            shared.store().connect().await?;
            self.was_found = true;
        }
        let names: Vec<&str> = apps.keys().map(|name| &**name).collect();
        let rebirth = self.owes || turns.limits.uses_share(clock.now());
        let quotas = shared.beat(&names, rebirth).await?;
        self.owes &= !rebirth;
        for (app, used_up_for) in names.iter().zip(quotas) {
            apps[*app].quota_is_used_up_for(used_up_for);
        }
        if turns.limits.defers() {
            return Ok(());
        }
        if turns.limits.defer(rebirth, clock.now()) {
            tracing::info!("Redis is there: the limits are shared");
            turns.lines().wake_all();
        } else {
            // Something may have been sent while Redis was asked: it has to be told.
            self.sharing.bell.notify_one();
        }
        Ok(())
    }
}
