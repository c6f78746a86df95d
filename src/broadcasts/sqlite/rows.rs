//! The rows of broadcasts and receivers.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{CachedStatement, Connection, Error, OptionalExtension as _, Params, Row, params};

use super::values::Millis;
use crate::broadcasts::broadcast::{
    Broadcast, Counts, ReceiverProblem, ReceiverRecord, ReceiverState, State,
};
use crate::model::broadcast_id::BroadcastId;
use crate::model::receiver::Receiver;

/// By how much the clock may be set back before nobody knows how old a doubt is.
const TOLERANCE: Duration = Duration::from_mins(5);
/// The age of such a doubt: Feishu may not recognise its `uuid` any more.
const TOO_OLD: Duration = Duration::from_hours(2);

/// The time of a change that is made at `time`: never one before a change that was made earlier, even if the clock was
/// set back a little. If it was set back by more, its time counts from now on.
pub(super) fn not_before_the_last(
    connection: &Connection,
    time: Timestamp,
) -> rusqlite::Result<Millis> {
    let mut select = connection.prepare_cached("SELECT latest_time FROM totals")?;
    let latest: Millis = select.query_row([], |row| row.get(0))?;
    let time = Millis::from(time);
    if latest > time.after(TOLERANCE) {
        was_set_back(connection, time)?;
        return Ok(time);
    }
    Ok(latest.max(time))
}

/// The clock was set back to this time. No doubt is repeated, and what was to be done later is to be done now.
fn was_set_back(connection: &Connection, time: Millis) -> rusqlite::Result<()> {
    let age = "UPDATE receivers SET in_doubt_since = ?1 WHERE state = 1";
    connection.execute(age, [time.before(TOO_OLD)])?;
    for later in [
        "UPDATE receivers SET due = ?1 WHERE state = 0 AND due > ?1",
        "UPDATE receivers SET due = ?1 WHERE state = 1 AND due > ?1",
        "UPDATE broadcasts SET announce_at = ?1 WHERE announce_at > ?1",
        "UPDATE totals SET latest_time = ?1",
    ] {
        connection.execute(later, [time])?;
    }
    Ok(())
}

/// A change was made at this time.
pub(super) fn changed_at(connection: &Connection, time: Millis) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE totals SET latest_time = ?1 WHERE latest_time < ?1")?
        .execute([time])
        .map(drop)
}

/// A broadcast, as it is in the file and as it is to be.
#[derive(Debug)]
pub(super) struct BroadcastRow {
    pub(super) number: i64,
    pub(super) broadcast: Broadcast,
    stored: Broadcast,
}

impl BroadcastRow {
    /// The broadcast with this id.
    pub(super) fn find(
        connection: &Connection,
        id: &BroadcastId,
    ) -> rusqlite::Result<Option<Self>> {
        let mut select = connection.prepare_cached("SELECT * FROM broadcasts WHERE id = ?1")?;
        select.query_row([id], Self::read).optional()
    }

    /// All that a statement selects.
    pub(super) fn all(
        mut select: CachedStatement<'_>,
        values: impl Params,
    ) -> rusqlite::Result<Vec<Self>> {
        select.query_map(values, Self::read)?.collect()
    }

    /// Reads a row with all columns.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut counts = Counts::default();
        for state in ReceiverState::ALL {
            *counts.of_mut(state) = row.get(state.as_str())?;
        }
        let time = |column| row.get::<_, Millis>(column).map(|it| it.0);
        let broadcast = Broadcast {
            id: row.get("id")?,
            caller: row.get("caller")?,
            app: row.get("app")?,
            tenant: row.get("tenant")?,
            message: row.get("message")?,
            state: row.get("state")?,
            paused_by: row.get("paused_by")?,
            total: row.get("total")?,
            counts,
            created_at: time("created_at")?,
            expires_at: time("expires_at")?,
            finished_at: row.get::<_, Option<Millis>>("finished_at")?.map(|it| it.0),
            retry_of: row.get("retry_of")?,
            revision: row.get("revision")?,
        };
        Ok(Self { number: row.get("number")?, stored: broadcast.clone(), broadcast })
    }

    /// So many receivers went from one state to another.
    pub(super) fn count(&mut self, from: ReceiverState, to: ReceiverState, receivers: usize) {
        let receivers = u32::try_from(receivers).unwrap_or(u32::MAX);
        let counts = &mut self.broadcast.counts;
        *counts.of_mut(from) = counts.of(from).saturating_sub(receivers);
        *counts.of_mut(to) = counts.of(to).saturating_add(receivers);
    }

    /// It finishes at this time, if no receiver is open any more.
    pub(super) fn finish_if_done(&mut self, at: Millis) {
        let it = &mut self.broadcast;
        if it.counts.open() == 0 && it.finished_at.is_none() {
            it.finished_at = Some(at.0);
            if it.state.is_active() {
                (it.state, it.paused_by) = (State::Completed, None);
            }
        }
    }

    /// Writes it down, if it has changed.
    pub(super) fn save(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let it = &mut self.broadcast;
        if *it == self.stored {
            return Ok(());
        }
        it.revision = it.revision.saturating_add(1);
        let [pending, in_doubt, delivered, not_delivered, unknown, canceled, expired] =
            ReceiverState::ALL.map(|state| it.counts.of(state));
        let mut update = connection.prepare_cached(
            "UPDATE broadcasts SET state = ?2, paused_by = ?3, pending = ?4, in_doubt = ?5, delivered = ?6, \
             not_delivered = ?7, unknown = ?8, canceled = ?9, expired = ?10, finished_at = ?11, revision = ?12, \
             announce_at = iif(?13, ?11, announce_at) WHERE number = ?1",
        )?;
        update.execute(params![
            self.number,
            it.state,
            it.paused_by,
            pending,
            in_doubt,
            delivered,
            not_delivered,
            unknown,
            canceled,
            expired,
            it.finished_at.map(Millis),
            it.revision,
            it.finished_at != self.stored.finished_at,
        ])?;
        self.stored = it.clone();
        Ok(())
    }
}

/// The receiver in a row.
pub(super) fn receiver(row: &Row<'_>) -> rusqlite::Result<Receiver> {
    let id: Arc<str> = row.get("id")?;
    let invalid =
        |_| Error::FromSqlConversionFailure(0, Type::Text, Box::new(FromSqlError::InvalidType));
    Receiver::parse(&id, Some(row.get("kind")?)).map_err(invalid)
}

/// Reads a row of a receiver with all columns.
pub(super) fn receiver_record(row: &Row<'_>) -> rusqlite::Result<ReceiverRecord> {
    let problem = match row.get("problem")? {
        Some(kind) => Some(ReceiverProblem {
            kind,
            feishu_code: row.get("feishu_code")?,
            log_id: row.get("log_id")?,
        }),
        None => None,
    };
    Ok(ReceiverRecord {
        place: row.get("place")?,
        receiver: receiver(row)?,
        state: row.get("state")?,
        message_id: row.get("message_id")?,
        problem,
        attempts: row.get("claim")?,
        ended_at: row.get::<_, Option<Millis>>("ended_at")?.map(|it| it.0),
    })
}
