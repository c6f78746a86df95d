//! The limits that replicas share, in Redis: it has the last word on what the limits in memory allow.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::caution::{FIRST_PAUSE, KEPT, LONGEST_PAUSE};
use super::hold::{Asker, Cell};
use super::{AppPace, LONGEST_RESET, Rules};
#[cfg(test)]
use crate::clock::Moment;
use crate::model::receiver::Receiver;
use crate::store::{Gone, Store};

/// How long a replica believes that Redis is gone without asking it again, and so for how long others may
/// still keep to their shares when one of them has found it.
pub(crate) const OVERLAP: Duration = Duration::from_secs(1);

/// The limits of all replicas with one prefix.
#[derive(Debug)]
pub struct Shared {
    store: Arc<Store>,
    script: Script,
    /// `{prefix}`: in a cluster, all keys of one prefix are in one slot, as one step needs several.
    prefix: String,
    birth_key: String,
    rules: Rules,
    pace: AppPace,
    /// Feishu's ids of the apps, by their names here.
    app_ids: HashMap<Arc<str>, String>,
    /// How many replicas there are at most.
    replicas: NonZeroU32,
    /// Longest time that a message is under way.
    pub(super) longest_call: Duration,
    /// Instead of the server's time, for tests.
    #[cfg(test)]
    pub(super) now: std::sync::Mutex<Option<Moment>>,
}

/// The longest that any time is which Redis may say is left.
const LONGEST_LEFT: Duration = Duration::from_hours(1);

/// What Redis' clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The time, as long after the epoch.
    pub time: Duration,
    /// Whether it has gone back since somebody looked at it last: then Redis has begun anew.
    pub is_back: bool,
}

/// What Redis says of itself and the apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Its clock.
    pub shown: Shown,
    /// For how long the quota of each app is used up.
    pub quotas: Vec<Duration>,
}

/// What Redis says of a receiver and an app. Times are those that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its clock.
    pub shown: Shown,
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

/// What Feishu said, or that it said something.
#[derive(Clone, Copy, Debug)]
pub enum Note {
    /// A message to the receiver may have arrived only now; who asked Redis for its cell, and which that is.
    Arrived(Option<(Asker, Cell)>),
    /// The message of this one was not sent.
    NotSent(Asker),
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

/// Where Redis says since when it knows all that was allowed, in microseconds of its clock.
pub(crate) fn birth_key(prefix: &str) -> String {
    format!("{{{prefix}}}:born")
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
        longest_call: Duration,
    ) -> Self {
        Self {
            store,
            app_ids,
            script: Script::new(include_str!("shared.lua")),
            prefix: format!("{{{prefix}}}"),
            birth_key: birth_key(prefix),
            pace: rules.pace(),
            rules,
            replicas,
            longest_call,
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
    pub async fn take(&self, app: &str, receiver: &Receiver, asker: Asker) -> Result<Seen, Gone> {
        let mut call = self.call(Some(receiver), [app], "take");
        let reply: Vec<u64> = self.store.run("take", call.arg(asker.0)).await?;
        let mut seen = Seen::read(&reply);
        seen.cells.truncate(self.rules.receiver_per_second.get() as usize);
        Ok(seen)
    }

    /// Tells what became of a message, and hears how long each of the receiver's cells is still taken.
    pub async fn note(&self, receiver: &Receiver, note: Note) -> Result<Vec<Duration>, Gone> {
        let operation = match note {
            Note::Arrived(_) => "arrived",
            Note::NotSent(_) => "not_sent",
            Note::Refused(_) => "refused",
            Note::Accepted => "accepted",
        };
        let mut call = self.call(Some(receiver), [], operation);
        match note {
            Note::Arrived(own) => {
                let (asker, taken) = own.map_or((0, 0), |(asker, cell)| (asker.0, cell.0));
                call.arg(taken).arg(asker);
            }
            Note::NotSent(asker) => {
                call.arg(asker.0);
            }
            Note::Refused(trial) => {
                call.arg(u8::from(trial)).arg(micros(FIRST_PAUSE));
            }
            Note::Accepted => {}
        }
        let cells: Vec<u64> = self.store.run("note", &call).await?;
        let most = self.rules.receiver_per_second.get() as usize;
        Ok(cells.into_iter().take(most).map(left).collect())
    }

    /// Feishu lets none of the app's calls through for so long.
    pub async fn close(&self, app: &str, gate: Gate, closed_for: Duration) -> Result<(), Gone> {
        let (member, longest) = match gate {
            Gate::Limit => ("closed_until", LONGEST_RESET),
            Gate::Quota => ("quota_until", LONGEST_LEFT),
        };
        let mut call = self.call(None, [app], "close");
        self.store.run("note", call.arg(micros(closed_for.min(longest))).arg(member)).await
    }

    /// Whether Redis is there and writes, and for how long the quota of each app is used up. With a
    /// `rebirth` nothing is allowed until others have stopped to keep to their shares and what they sent
    /// is out of every window.
    pub async fn beat(&self, apps: &[&str], rebirth: bool) -> Result<Beat, Gone> {
        let mut call = self.call(None, apps.iter().copied(), "beat");
        let reply: Vec<u64> = self.store.run("beat", call.arg(u8::from(rebirth))).await?;
        let quotas = reply.iter().skip(2).take(apps.len()).copied().map(left).collect();
        Ok(Beat { shown: Shown::read(&reply), quotas })
    }

    fn call<'a>(
        &self,
        receiver: Option<&Receiver>,
        apps: impl IntoIterator<Item = &'a str>,
        operation: &str,
    ) -> ScriptInvocation<'_> {
        let prefix = &self.prefix;
        let mut call = self.script.key(&self.birth_key);
        call.key(format!("{prefix}:seen"));
        match receiver {
            Some(to) => call.key(format!("{prefix}:receiver:{}:{}", to.kind().as_str(), to.id())),
            None => call.key(format!("{prefix}:none")),
        };
        for app in apps {
            call.key(format!("{prefix}:app:{}", self.app_ids[app]));
        }
        let AppPace { burst, period } = self.pace;
        call.arg(operation)
            .arg(self.now())
            .arg(self.rules.receiver_per_second.get())
            .arg(micros(self.rules.window()))
            .arg(micros(LONGEST_PAUSE))
            .arg(micros(KEPT))
            .arg(burst.get())
            .arg(micros(period))
            .arg(micros(LONGEST_RESET))
            .arg(micros(LONGEST_LEFT))
            .arg(micros(OVERLAP))
            .arg(micros(self.longest_call));
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
        let at = |place: usize| reply.get(place).copied().unwrap_or(0);
        Self {
            shown: Shown::read(reply),
            granted: at(2) == 1,
            trial: at(3) == 1,
            cell: Cell(at(4)),
            opens_in: left(at(5)),
            pause: Some(left(at(6))).filter(|pause| !pause.is_zero()),
            closed_for: left(at(7)),
            spent_for: left(at(8)),
            app_closed_for: left(at(9)),
            cells: reply.iter().skip(10).copied().map(left).collect(),
        }
    }
}

impl Shown {
    fn read(reply: &[u64]) -> Self {
        let time = Duration::from_micros(reply.first().copied().unwrap_or(0));
        Self { time, is_back: reply.get(1) == Some(&1) }
    }
}

/// A time that is left, of so many microseconds.
fn left(micros: u64) -> Duration {
    Duration::from_micros(micros).min(LONGEST_LEFT)
}

/// Whole microseconds, rounded up.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}
