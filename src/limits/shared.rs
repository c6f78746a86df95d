//! The limits that replicas share, in Redis: it has the last word on what the limits in memory allow.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::caution::{FIRST_PAUSE, KEPT, LONGEST_PAUSE};
use super::{AppPace, LONGEST_RESET, Rules};
#[cfg(test)]
use crate::clock::Moment;
use crate::model::receiver::Receiver;
use crate::store::{Gone, Store};

/// How long a replica believes that Redis is gone without asking it again, and so for how long others may
/// still keep to their shares when one of them has found it.
pub(super) const OVERLAP: Duration = Duration::from_secs(1);

/// The limits of all replicas with one prefix.
#[derive(Debug)]
pub struct Shared {
    store: Arc<Store>,
    script: Script,
    /// `{prefix}`: in a cluster, all keys of one prefix are in one slot, as one step needs several.
    prefix: String,
    rules: Rules,
    pace: AppPace,
    /// Feishu's ids of the apps, by their names here.
    app_ids: HashMap<Arc<str>, String>,
    /// How many replicas there are at most.
    replicas: NonZeroU32,
    /// Instead of the server's time, for tests.
    #[cfg(test)]
    pub(super) now: std::sync::Mutex<Option<Moment>>,
}

/// What Redis says of a receiver and an app. Times are those that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether the turns were taken.
    pub granted: bool,
    /// Whether this is the one attempt a pause that a receiver under caution may get.
    pub trial: bool,
    /// The cell that was taken.
    pub cell: Cell,
    /// Until anything is allowed at all.
    pub(super) opens_in: Duration,
    /// The pause of the receiver's caution, if there is one.
    pub(super) pause: Option<Duration>,
    pub(super) closed_for: Duration,
    pub(super) spent_for: Duration,
    pub(super) app_closed_for: Duration,
    /// Until each of the receiver's taken cells is free.
    pub(super) cells: Vec<Duration>,
}

/// One of a receiver's cells, by the moment on Redis' clock until which it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell(pub(super) u64);

/// What Feishu said, or that it said something.
#[derive(Clone, Copy, Debug)]
pub enum Note {
    /// A message to the receiver may have arrived only now; its cell, if Redis was asked for it.
    Arrived(Option<Cell>),
    /// The receiver gets too many; whether the message was a trial.
    Refused(bool),
    /// A trial was accepted.
    Accepted,
}

/// Which gate of an app Feishu closed.
#[derive(Clone, Copy, Debug)]
pub enum Gate {
    /// It makes too many calls.
    Limit,
    /// Its monthly quota is used up.
    Quota,
}

impl Shared {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        prefix: &str,
        rules: Rules,
        app_ids: HashMap<Arc<str>, String>,
        replicas: NonZeroU32,
    ) -> Self {
        Self {
            store,
            app_ids,
            script: Script::new(include_str!("shared.lua")),
            prefix: format!("{{{prefix}}}"),
            pace: rules.pace(),
            rules,
            replicas,
            #[cfg(test)]
            now: std::sync::Mutex::default(),
        }
    }

    /// Which Redis it is.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many replicas there are at most.
    #[must_use]
    pub fn replicas(&self) -> NonZeroU32 {
        self.replicas
    }

    /// Takes the receiver's turn and the app's together, or neither.
    pub async fn take(&self, app: &str, receiver: &Receiver) -> Result<Seen, Gone> {
        let mut call = self.call(Some(receiver), [app], "take");
        call.arg(self.rules.receiver_per_second.get())
            .arg(micros(self.rules.window()))
            .arg(self.pace.burst.get())
            .arg(micros(self.pace.period))
            .arg(micros(OVERLAP))
            .arg(micros(KEPT));
        let reply: Vec<u64> = self.store.run("take", &call).await?;
        Ok(Seen::read(&reply))
    }

    /// Tells what became of a message, and hears how long each of the receiver's cells is still taken.
    pub async fn note(&self, receiver: &Receiver, note: Note) -> Result<Vec<Duration>, Gone> {
        let operation = match note {
            Note::Arrived(_) => "arrived",
            Note::Refused(_) => "refused",
            Note::Accepted => "accepted",
        };
        let mut call = self.call(Some(receiver), [], operation);
        match note {
            Note::Arrived(own) => {
                call.arg(own.map_or(0, |cell| cell.0))
                    .arg(self.rules.receiver_per_second.get())
                    .arg(micros(self.rules.window()));
            }
            Note::Refused(trial) => {
                call.arg(u8::from(trial)).arg(micros(FIRST_PAUSE)).arg(micros(LONGEST_PAUSE));
            }
            Note::Accepted => {}
        }
        let cells: Vec<u64> = self.store.run("note", call.arg(micros(KEPT))).await?;
        Ok(cells.into_iter().map(Duration::from_micros).collect())
    }

    /// Feishu lets none of the app's calls through for so long.
    pub async fn close(&self, app: &str, gate: Gate, closed_for: Duration) -> Result<(), Gone> {
        let (member, longest) = match gate {
            Gate::Limit => ("closed_until", LONGEST_RESET),
            Gate::Quota => ("quota_until", Duration::MAX),
        };
        let mut call = self.call(None, [app], "close");
        self.store.run("note", call.arg(micros(closed_for.min(longest))).arg(member)).await
    }

    /// Whether Redis is there and writes, and for how long the quota of each app is used up. With a
    /// `rebirth` nothing is allowed until others have stopped to keep to their shares and what they sent
    /// is out of every window.
    pub async fn beat(&self, apps: &[&str], rebirth: bool) -> Result<Vec<Duration>, Gone> {
        let mut call = self.call(None, apps.iter().copied(), "beat");
        let quotas: Vec<u64> = self.store.run("beat", call.arg(u8::from(rebirth))).await?;
        Ok(quotas.into_iter().map(Duration::from_micros).collect())
    }

    fn call<'a>(
        &self,
        receiver: Option<&Receiver>,
        apps: impl IntoIterator<Item = &'a str>,
        operation: &str,
    ) -> ScriptInvocation<'_> {
        let prefix = &self.prefix;
        let mut call = self.script.key(format!("{prefix}:born"));
        match receiver {
            Some(to) => call.key(format!("{prefix}:receiver:{}:{}", to.kind().as_str(), to.id())),
            None => call.key(format!("{prefix}:none")),
        };
        for app in apps {
            call.key(format!("{prefix}:app:{}", self.app_ids[app]));
        }
        call.arg(operation).arg(self.now());
        call
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests have a time of their own")]
    fn now(&self) -> &'static str {
        ""
    }

    #[cfg(test)]
    fn now(&self) -> String {
        let now = *self.now.lock().unwrap();
        now.map_or_else(String::new, |now| micros(now).to_string())
    }
}

impl Seen {
    pub(super) fn read(reply: &[u64]) -> Self {
        let left = |place: usize| Duration::from_micros(reply.get(place).copied().unwrap_or(0));
        Self {
            granted: reply.first() == Some(&1),
            trial: reply.get(1) == Some(&1),
            cell: Cell(reply.get(2).copied().unwrap_or(0)),
            opens_in: left(3),
            pause: Some(left(4)).filter(|pause| !pause.is_zero()),
            closed_for: left(5),
            spent_for: left(6),
            app_closed_for: left(7),
            cells: reply.iter().skip(8).map(|left| Duration::from_micros(*left)).collect(),
        }
    }
}

/// Whole microseconds, rounded up.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}
