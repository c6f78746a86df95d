//! Sharing the limits with other replicas: Redis has the last word on a turn, hears what Feishu says, and
//! is looked after. Without it each replica keeps to its share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Delivery;
use super::repeating::Mark;
use super::turn::Turns;
use crate::clock::Moment;
use crate::limits::{Gate, Note, ServerClock, Shared, Shown, Stepped};
use crate::model::receiver::Receiver;
use crate::store::Gone;

/// How often Redis is asked whether it is there, while it is.
const BEAT: Duration = Duration::from_secs(1);
/// The same while it is not.
const RETRY: Duration = Duration::from_millis(250);

/// How many reasons are told of one outage, each once.
const MOST_REASONS: usize = 10;

/// What replicas share; clones are the same.
#[derive(Clone, Debug)]
pub struct Sharing {
    pub(super) shared: Arc<Shared>,
    /// Rung when Redis failed, for whoever looks after it.
    bell: Arc<Notify>,
    /// What is known of Redis' clock.
    clock: Arc<Mutex<ServerClock>>,
    /// Whether what was allowed may not be written down in Redis, or by a clock that was stepped since.
    owes: Arc<AtomicBool>,
    /// Why Redis is lost, each reason once.
    told: Arc<Mutex<BTreeSet<String>>>,
    mark: Arc<Mark>,
}

impl Sharing {
    /// Replicas share this.
    #[must_use]
    pub fn new(shared: Shared, mark: Arc<Mark>) -> Self {
        Self {
            shared: Arc::new(shared),
            bell: Arc::default(),
            clock: Arc::default(),
            owes: Arc::default(),
            told: Arc::default(),
            mark,
        }
    }

    /// Holds what Redis' clock has shown against one that is never stepped.
    pub(super) fn check_clock(
        &self,
        shown: Shown,
        asked_at: Moment,
        now: Moment,
    ) -> Result<(), Gone> {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.shows(shown.time, asked_at, now).map_err(|Stepped(by)| {
            self.owes.store(true, Relaxed);
            Gone::Stepped(by)
        })
    }

    /// Says why Redis is lost, unless that was said since it was there.
    fn tell(&self, gone: &Gone) {
        let reason = gone.to_string();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = told.is_empty();
        if told.len() >= MOST_REASONS || !told.insert(reason) {
            return;
        }
        match gone {
            Gone::Stepped(_) => {
                tracing::warn!(%gone, "Redis has to begin anew: nothing is sent for a moment");
            }
            _ if is_first => {
                tracing::warn!(%gone, "Redis is lost: this replica keeps to its share of the limits");
            }
            _ => tracing::warn!(%gone, "Redis is still lost"),
        }
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

    /// Whether Redis has the last word, which it has not until it was found again.
    pub(super) fn follow_redis(&self) -> bool {
        self.limits.defers()
    }

    /// From now on this replica is by itself, unless it is already.
    pub(super) fn lose(&self, sharing: &Sharing, gone: &Gone) {
        // No gate is closed in the middle of somebody's look.
        let _nobody_looks = self.lines();
        if self.limits.defers() {
            sharing.tell(gone);
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
        tokio::join!(self.look_after_limits(sharing), self.keep_redis_informed(&sharing.mark));
    }

    async fn look_after_limits(&self, sharing: &Sharing) {
        let mut care = Care { delivery: self, sharing, was_found: false };
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
}

impl Care<'_> {
    /// Asks Redis if it is there, and draws the conclusions.
    async fn ask(&mut self) {
        let Delivery { turns, clock, .. } = self.delivery;
        let asked_at = clock.now();
        if let Err(gone) = self.beat().await {
            turns.lose(self.sharing, &gone);
            self.sharing.tell(&gone);
        }
        turns.limits.asked_in_vain(asked_at);
    }

    async fn beat(&mut self) -> Result<(), Gone> {
        let (Delivery { turns, clock, apps, .. }, shared) = (self.delivery, &self.sharing.shared);
        if !shared.store().is_connected() {
            // Before anybody can ask another server, which may know less.
            turns.lose(self.sharing, &shared.store().why_not_connected());
            self.sharing.owes.fetch_or(self.was_found, Relaxed);
            shared.store().connect().await?;
            // A server that comes back, or in its place, may have lost what this replica wrote last.
            self.sharing.mark.missed();
            self.was_found = true;
        }
        let names: Vec<&str> = apps.keys().map(|name| &**name).collect();
        let asked_at = clock.now();
        let owed = self.sharing.owes.swap(false, Relaxed);
        let rebirth = owed || turns.limits.uses_share(asked_at);
        let answer = shared.beat(&names, rebirth).await;
        let beat = answer.inspect_err(|_| {
            self.sharing.owes.fetch_or(owed, Relaxed);
        })?;
        match self.sharing.check_clock(beat.shown, asked_at, clock.now()) {
            // It has begun anew by the clock that it has now.
            Err(_) if rebirth => self.sharing.owes.store(false, Relaxed),
            checked => checked?,
        }
        if beat.shown.is_back {
            tracing::warn!(
                "Redis' clock has gone back: it begins anew, and nothing is sent for a moment"
            );
        }
        for (app, used_up_for) in names.iter().zip(beat.quotas) {
            apps[*app].quota_is_used_up_for(used_up_for);
        }
        if turns.limits.defers() {
            return Ok(());
        }
        let is_owed = self.sharing.owes.load(Relaxed);
        if !is_owed && turns.limits.defer(rebirth, clock.now()) {
            self.sharing.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
            tracing::info!("Redis is there: the limits are shared");
            turns.lines().wake_all();
        } else {
            // Something may have been sent while Redis was asked, or its clock was stepped: it has to be told.
            self.sharing.bell.notify_one();
        }
        Ok(())
    }
}
