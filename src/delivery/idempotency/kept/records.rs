//! The records of keys in the file. Every time is in milliseconds since 1970.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Result, Row, named_params};

use super::super::remembered::REMEMBERED;
use crate::clock::millis;
use crate::delivery::in_doubt;
use crate::model::fingerprint::Fingerprint;
use crate::model::idempotency_key::IdempotentForward;

/// How old a forward in doubt is made whose age is not known, or whose `uuid` is another one now. It is too late to
/// repeat it, and it is remembered for the rest of a day.
const TOO_OLD: Duration = Duration::from_hours(2);
/// By how much the clocks of one machine may differ before one was set back, in milliseconds.
const TOLERANCE: i64 = 1000;
/// How many records are deleted at most in one transaction.
const MOST_AT_ONCE: u32 = 1000;

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    /// The number of this process.
    pub(super) process: i64,
    pub(super) now: i64,
}

/// What the file knows of a key.
#[derive(Debug)]
pub(super) enum Record {
    /// Nothing that counts.
    None,
    /// The key is in use for another forward.
    Reused,
    /// The forward has ended, with this sealed conclusion.
    Ended(Vec<u8>),
    /// An attempt may have been delivered. The first one was made then.
    InDoubt(i64, Vec<u8>),
}

/// A record, as it is stored.
struct Stored {
    fingerprint: Fingerprint,
    used_at: i64,
    process: i64,
    first_attempt: Option<i64>,
    sealed: Vec<u8>,
}

/// The end of a forward.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing that this process has sent can have been delivered, and the forward may yet be.
    NotSent,
    /// A message may have been delivered. The first attempt was made then. With a mark of the app's secret.
    InDoubt(i64, Vec<u8>),
    /// It has this final conclusion, which is sealed.
    Concluded(Vec<u8>),
}

/// Makes the file that of this process. A wall clock that was set back meanwhile leaves the age of no doubt known.
pub(super) fn open(file: &Connection, writer: Writer, known_since: i64) -> Result<()> {
    let Writer { process, now } = writer;
    let latest: i64 = file.query_row(
        "SELECT max(latest_time, coalesce((SELECT max(used_at) FROM idempotency_keys), 0)) FROM idempotency_totals",
        [],
        |row| row.get(0),
    )?;
    file.execute(
        "UPDATE idempotency_totals SET known_since = coalesce(known_since, ?1)",
        [known_since],
    )?;
    if latest > now + TOLERANCE {
        file.execute(
            "UPDATE idempotency_keys SET first_attempt = min(coalesce(first_attempt, used_at), ?1)
             WHERE first_attempt IS NOT NULL OR process NOT IN (0, ?2)",
            [too_old(now), process],
        )?;
        file.execute("UPDATE idempotency_keys SET used_at = ?1 WHERE used_at > ?1", [now])?;
        file.execute(
            "UPDATE idempotency_totals SET latest_time = ?1, known_since = min(known_since, ?1)",
            [now],
        )?;
    }
    Ok(())
}

/// What the file knows of a forward.
pub(super) fn find(
    file: &Connection,
    forward: &IdempotentForward,
    writer: Writer,
) -> Result<Record> {
    let mut select = file.prepare_cached(
        "SELECT fingerprint, used_at, process, first_attempt, sealed FROM idempotency_keys WHERE key = ?1",
    )?;
    let stored = select.query_row([forward.key], Stored::read).optional()?;
    Ok(stored.map_or(Record::None, |it| it.judge(forward, writer)))
}

/// Writes that a leader begins. `doubt` is when the first attempt was made, if an earlier one may have been delivered.
pub(super) fn claim(
    file: &Connection,
    forward: &IdempotentForward,
    writer: Writer,
    doubt: Option<i64>,
    mark: &[u8],
) -> Result<()> {
    put(file, forward, writer.now, writer.process, doubt, mark)
}

/// Writes how the forward of a leader ended that began at `used_at`.
pub(super) fn end(
    file: &Connection,
    forward: &IdempotentForward,
    process: i64,
    used_at: i64,
    end: &End,
) -> Result<()> {
    match end {
        End::Concluded(sealed) => put(file, forward, used_at, 0, None, sealed),
        End::InDoubt(first_attempt, mark) => {
            put(file, forward, used_at, 0, Some(*first_attempt), mark)
        }
        End::NotSent => {
            let mut delete = file.prepare_cached(
                "DELETE FROM idempotency_keys WHERE key = ?1 AND process = ?2 AND first_attempt IS NULL",
            )?;
            // An attempt of an earlier process stays in doubt.
            let mut release = file.prepare_cached(
                "UPDATE idempotency_keys SET process = 0 WHERE key = ?1 AND process = ?2",
            )?;
            delete.execute((forward.key, process))?;
            release.execute((forward.key, process)).map(drop)
        }
    }
}

fn put(
    file: &Connection,
    forward: &IdempotentForward,
    used_at: i64,
    process: i64,
    first_attempt: Option<i64>,
    sealed: &[u8],
) -> Result<()> {
    let mut put = file.prepare_cached(
        "INSERT INTO idempotency_keys (key, fingerprint, used_at, process, first_attempt, sealed)
         VALUES (:key, :fingerprint, :used_at, :process, :first_attempt, :sealed)
         ON CONFLICT (key) DO UPDATE SET
             fingerprint = excluded.fingerprint, used_at = excluded.used_at, process = excluded.process,
             first_attempt = excluded.first_attempt, sealed = excluded.sealed",
    )?;
    let done = put.execute(named_params! {
        ":key": forward.key,
        ":fingerprint": forward.fingerprint,
        ":used_at": used_at,
        ":process": process,
        ":first_attempt": first_attempt,
        ":sealed": sealed,
    });
    done.map(drop)
}

/// Deletes the oldest records but that of `key`, until what is left takes no more than `most` bytes. Returns when the
/// newest of them was used.
pub(super) fn make_room(file: &Connection, key: &Fingerprint, most: i64) -> Result<Option<i64>> {
    let mut bytes = file.prepare_cached("SELECT bytes FROM idempotency_totals")?;
    let mut delete = file.prepare_cached(
        "DELETE FROM idempotency_keys WHERE key =
             (SELECT key FROM idempotency_keys WHERE key <> ?1 ORDER BY used_at LIMIT 1) RETURNING used_at",
    )?;
    let mut forgotten = None;
    for _ in 0..MOST_AT_ONCE {
        let bytes: i64 = bytes.query_row([], |row| row.get(0))?;
        if bytes <= most {
            break;
        }
        let used_at = delete.query_row([key], |row| row.get::<_, i64>(0)).optional()?;
        if used_at.is_none() {
            break;
        }
        forgotten = forgotten.max(used_at);
    }
    if let Some(used_at) = forgotten {
        forgot(file, used_at)?;
    }
    Ok(forgotten)
}

/// Since when every key is known.
pub(super) fn known_since(file: &Connection) -> Result<i64> {
    let mut select = file.prepare_cached("SELECT known_since FROM idempotency_totals")?;
    select.query_row([], |row| row.get(0))
}

/// Notes that a key is not known that was used then.
pub(super) fn forgot(file: &Connection, used_at: i64) -> Result<()> {
    let mut update = file.prepare_cached(
        "UPDATE idempotency_totals SET known_since = max(coalesce(known_since, ?1), ?1)",
    )?;
    update.execute([used_at]).map(drop)
}

/// Notes the time, by which the next process recognises a wall clock that was set back.
pub(super) fn note_time(file: &Connection, now: i64) -> Result<()> {
    let note = "UPDATE idempotency_totals SET latest_time = max(latest_time, ?1)
                WHERE EXISTS (SELECT 1 FROM idempotency_keys)";
    file.execute(note, [now]).map(drop)
}

/// Deletes records that count no longer. Returns whether there may be more.
pub(super) fn sweep(file: &Connection, now: i64) -> Result<bool> {
    let ended = "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys
                 WHERE process = 0 AND first_attempt IS NULL AND used_at <= ?1 ORDER BY used_at LIMIT ?2)";
    let in_doubt = "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys
                    WHERE used_at <= ?1 ORDER BY used_at LIMIT ?2)";
    let mut deleted = 0;
    for (delete, remembered) in [(ended, REMEMBERED), (in_doubt, in_doubt::REMEMBERED)] {
        let limits = (now - length(remembered), MOST_AT_ONCE);
        deleted = deleted.max(file.prepare_cached(delete)?.execute(limits)?);
    }
    Ok(deleted >= MOST_AT_ONCE as usize)
}

/// When a forward in doubt was first attempted whose `uuid` Feishu does not recognise any more.
pub(super) fn too_old(now: i64) -> i64 {
    now - length(TOO_OLD)
}

/// A duration as the difference of two times.
pub(super) fn length(time: Duration) -> i64 {
    i64::try_from(millis(time)).unwrap_or(i64::MAX)
}

impl Stored {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            fingerprint: row.get(0)?,
            used_at: row.get(1)?,
            process: row.get(2)?,
            first_attempt: row.get(3)?,
            sealed: row.get(4)?,
        })
    }

    fn judge(self, forward: &IdempotentForward, Writer { process, now }: Writer) -> Record {
        let Self { fingerprint, used_at, process: holder, first_attempt, sealed } = self;
        // A process that is gone may have sent at any time since it began.
        let is_abandoned = holder != 0 && holder != process;
        let doubt = first_attempt.or(is_abandoned.then_some(used_at));
        let (since, remembered) = match doubt {
            Some(first_attempt) => (first_attempt, in_doubt::REMEMBERED),
            None => (used_at, REMEMBERED),
        };
        if now.saturating_sub(since) >= length(remembered) {
            return Record::None;
        }
        match doubt {
            _ if fingerprint != forward.fingerprint => Record::Reused,
            Some(first_attempt) => Record::InDoubt(first_attempt, sealed),
            None if holder == 0 => Record::Ended(sealed),
            // The end of the leader before was not written. What it has sent is in this process' register.
            None => Record::None,
        }
    }
}
