//! The keys of all callers, in the file of a single process, so that a restart forgets neither an answer nor a doubt.
//! Conclusions are sealed there.
//!
//! A leader's claim is on the disk before its forward is queued, and its conclusion before its caller gets the answer. A
//! process that dies in between leaves the claim: the forward is in doubt, and is sent again with the same `uuid`.
//!
//! Where the file fails, forwards go on without it. Then not every key is known, and failures say so.

mod file_clock;
mod horizon;
mod records;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rand::RngExt;
use rusqlite::Connection;
use secrecy::SecretString;
use tokio::sync::oneshot;

use self::file_clock::FileClock;
use self::horizon::{FileHorizon, Told};
use self::records::{End, Record, Writer, length};
use super::remembered::RemoteClaim;
use super::sealed::ConclusionSeals;
use crate::clock::{Clock, Stamp};
use crate::delivery::conclusion::{Conclusion, Known};
use crate::model::idempotency_key::IdempotentForward;
use crate::random::generator;
use crate::sqlite::{Database, DatabaseError};

/// How much the records may take in the file, in bytes: as much as in memory. Beyond it the oldest are deleted.
const MOST_BYTES: i64 = 64 << 20;
/// How long a forward waits for the file before it goes on without it.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often records are deleted that count no longer, and the time is noted.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);
/// What the file of this process knows of the callers' keys.
#[derive(Debug)]
pub struct KeptIdempotency {
    database: Arc<Database>,
    keys: Arc<Keys>,
}

/// What the jobs for the file use. It holds no database, which a job must not be the last to drop.
#[derive(Debug)]
struct Keys {
    clock: FileClock,
    seals: ConclusionSeals,
    /// The number of this process.
    process: i64,
    most_bytes: i64,
    /// How long a forward may take.
    longest_forward: Duration,
    /// Since when every key is known in a file that is new. None: nothing was ever sent.
    started_at: Option<i64>,
    horizon: FileHorizon,
}

/// A leader's claim of a key, in the file.
#[derive(Debug)]
pub(super) struct KeptLead {
    kept: Arc<KeptIdempotency>,
    forward: IdempotentForward,
    app: Arc<str>,
    began: Stamp,
    began_at: i64,
    /// Whether the key is this leader's, or may be.
    is_held: AtomicBool,
}

/// What the file says to a request with a key.
#[derive(Debug)]
enum Found {
    Lead { doubt: Option<i64> },
    Done(Conclusion),
    Reused,
}

impl KeptIdempotency {
    /// The keys of apps with these secrets, in this file. Nothing was sent before with a file that is new. A forward takes at
    /// most `longest_forward`.
    #[must_use]
    pub fn new<'a>(
        database: Arc<Database>,
        secrets: impl IntoIterator<Item = (&'a String, &'a SecretString)>,
        longest_forward: Duration,
        clock: Clock,
    ) -> Self {
        let keys = Keys {
            clock: FileClock::new(clock),
            seals: ConclusionSeals::new(secrets),
            process: i64::from(generator().random::<u32>()) + 1,
            most_bytes: MOST_BYTES,
            longest_forward,
            started_at: None,
            horizon: FileHorizon::default(),
        };
        Self { database, keys: Arc::new(keys) }
    }

    /// The same after another process that may have sent anything until now, unless the file knows it.
    #[must_use]
    pub fn after_predecessor(mut self) -> Self {
        if let Some(keys) = Arc::get_mut(&mut self.keys) {
            keys.started_at = Some(keys.clock.now());
        }
        self
    }

    /// A leader's claim, which [`KeptLead::claim`] writes. It has to be ended even if the answer was not heard.
    pub(super) fn lead(self: &Arc<Self>, forward: IdempotentForward, app: &Arc<str>) -> KeptLead {
        KeptLead {
            kept: Arc::clone(self),
            forward,
            app: Arc::clone(app),
            began: self.keys.clock.clock.stamp(),
            began_at: self.keys.clock.now(),
            is_held: AtomicBool::new(true),
        }
    }

    /// What in the file keeps a request from leading the key. None if nothing does. Claims nothing.
    pub(super) async fn look(&self, forward: IdempotentForward, app: &str) -> Option<RemoteClaim> {
        let (keys, app) = (Arc::clone(&self.keys), app.to_owned());
        let found = self.run(move |file| keys.find(file, &forward, &app)).await;
        match found? {
            Found::Done(conclusion) => Some(RemoteClaim::Done(conclusion)),
            Found::Reused => Some(RemoteClaim::Reused),
            Found::Lead { .. } => None,
        }
    }

    /// How much is known of the attempts that were made under a key.
    pub(in crate::delivery) fn known(&self) -> Known {
        self.keys.horizon.known(self.keys.clock.now())
    }

    /// Deletes what counts no longer, for ever.
    pub(in crate::delivery) async fn sweep(&self) {
        let clock = &self.keys.clock.clock;
        loop {
            let keys = Arc::clone(&self.keys);
            let swept = self.run(move |file| {
                let (now, told) = (keys.clock.now(), keys.prepare(file)?);
                records::note_time(file, now)?;
                Ok((records::sweep(file, now)?, told))
            });
            let has_more = swept.await.is_some_and(|(has_more, told)| {
                self.keys.horizon.heard(told);
                has_more
            });
            if !has_more {
                clock.sleep_until(clock.now() + SWEEP_INTERVAL).await;
            }
        }
    }

    /// Waits until a conclusion is written.
    pub(in crate::delivery) async fn wait_until(&self, written: oneshot::Receiver<()>) {
        let clock = &self.keys.clock.clock;
        if clock.timeout_at(clock.now() + PATIENCE, written).await.is_err() {
            self.keys.failed("the file does not answer");
        }
    }

    /// Runs a job. None if the file fails, which is noted.
    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<T> {
        let clock = &self.keys.clock.clock;
        match clock.timeout_at(clock.now() + PATIENCE, self.database.run(job)).await {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(failure)) => self.keys.failed(&failure),
            Err(_elapsed) => self.keys.failed("the file does not answer"),
        }
        None
    }
}

impl Drop for KeptIdempotency {
    fn drop(&mut self) {
        let now = self.keys.clock.now();
        // Nobody is left to hear whether it failed.
        self.database.begin(move |file| records::note_time(file, now), drop::<Result<(), _>>);
    }
}

impl KeptLead {
    /// Claims the key in the file.
    pub(super) async fn claim(&self) -> RemoteClaim {
        let Self { kept, forward, app, is_held, .. } = self;
        let (stamp, now) = (kept.keys.clock.clock.stamp(), kept.keys.clock.now());
        let (keys, forward, app) = (Arc::clone(&kept.keys), *forward, Arc::clone(app));
        let claim = kept.run(move |file| {
            let told = keys.prepare(file)?;
            let found = keys.find(file, &forward, &app)?;
            if let Found::Lead { doubt } = found {
                let mark = keys.seals.mark(&app, &place(&forward));
                records::claim(file, &forward, keys.writer(), doubt, &mark)?;
            }
            let forgotten = records::make_room(file, &forward.key, keys.most_bytes)?;
            let known_since = told.known_since.max(forgotten.unwrap_or(i64::MIN));
            Ok((found, Told { known_since, ..told }))
        });
        let Some((found, told)) = claim.await else {
            // The forward goes on, and may send until then.
            kept.keys.horizon.fails_until(now.saturating_add(length(kept.keys.longest_forward)));
            return RemoteClaim::Lead { first_attempt: None, is_whole: false };
        };
        kept.keys.horizon.heard(told);
        let age =
            |time: i64| Duration::from_millis(now.saturating_sub(time).try_into().unwrap_or(0));
        match found {
            Found::Lead { doubt } => RemoteClaim::Lead {
                first_attempt: doubt.map(|time| stamp.earlier_by(age(time))),
                is_whole: false,
            },
            Found::Done(conclusion) => {
                is_held.store(false, Relaxed);
                RemoteClaim::Done(conclusion)
            }
            Found::Reused => {
                is_held.store(false, Relaxed);
                RemoteClaim::Reused
            }
        }
    }

    /// Ends the claim, with the conclusion if there is one. Returns at once; what it returns ends when that is on the
    /// disk. None if nothing is to be written.
    pub(super) fn end(
        &self,
        conclusion: Option<&Conclusion>,
        in_doubt: bool,
    ) -> Option<oneshot::Receiver<()>> {
        let Self { kept, forward, app, began, began_at, is_held } = self;
        if !is_held.load(Relaxed) {
            return None;
        }
        let (keys, place) = (Arc::clone(&kept.keys), place(forward));
        let sealed = conclusion.and_then(|it| keys.seals.seal(app, &place, it));
        // A delivery whose answer is too long to be kept counts as a doubt: Feishu is asked for the answer again.
        let in_doubt = in_doubt || conclusion.is_some_and(|it| it.result.is_ok());
        let end = match sealed {
            Some(sealed) => End::Concluded(sealed),
            None if in_doubt => {
                let since = conclusion.and_then(|it| it.in_doubt_since).unwrap_or(*began);
                End::InDoubt(keys.clock.time_of(since), keys.seals.mark(app, &place))
            }
            None => End::NotSent,
        };
        let (forward, process, began_at) = (*forward, keys.process, *began_at);
        let (written, ended) = oneshot::channel();
        let write = move |file: &Connection| records::end(file, &forward, process, began_at, &end);
        kept.database.begin(write, move |result: Result<(), DatabaseError>| {
            if let Err(failure) = result {
                keys.failed(&failure);
            }
            // Nobody may wait for it.
            let _ = written.send(());
        });
        Some(ended)
    }
}

impl Keys {
    fn writer(&self) -> Writer {
        Writer { process: self.process, now: self.clock.now() }
    }

    /// Opens the file unless that is done, and writes that it has failed if it does not know.
    fn prepare(&self, file: &Connection) -> rusqlite::Result<Told> {
        let (is_open, failed_at) = self.horizon.to_tell();
        if !is_open {
            records::open(file, self.writer(), self.started_at.unwrap_or(0))?;
        }
        if let Some(failed_at) = failed_at {
            records::forgot(file, failed_at)?;
        }
        Ok(Told { known_since: records::known_since(file)?, failed_at })
    }

    fn failed(&self, why: impl fmt::Display) {
        self.horizon.failed(self.clock.now(), self.clock.clock.now(), why);
    }

    /// What the file says to a request. A forward is too old to be repeated if its `uuid` was made with another secret,
    /// because Feishu does not recognise it by the new one.
    fn find(
        &self,
        file: &Connection,
        forward: &IdempotentForward,
        app: &str,
    ) -> rusqlite::Result<Found> {
        let (writer, place) = (self.writer(), place(forward));
        let too_old = records::too_old(writer.now);
        Ok(match records::find(file, forward, writer)? {
            Record::None => Found::Lead { doubt: None },
            Record::Reused => Found::Reused,
            Record::Ended(sealed) => match self.seals.open(app, &place, &sealed) {
                Some(conclusion) => {
                    Found::Done(Conclusion { known: self.horizon.known(writer.now), ..conclusion })
                }
                None => Found::Lead { doubt: Some(too_old) },
            },
            Record::InDoubt(since, mark) => {
                let is_own = self.seals.is_own(app, &place, &mark);
                Found::Lead { doubt: Some(if is_own { since } else { since.min(too_old) }) }
            }
        })
    }
}

/// The place of a key's conclusion in the file.
fn place(forward: &IdempotentForward) -> String {
    format!("file:key:{}", hex::encode(forward.key))
}
