//! Ending what the caller or time has ended, and forgetting what has ended long ago.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::accept::{MOST_BROADCASTS, MOST_RECEIVERS};
use super::rows::{BroadcastRow, changed_at, not_before_the_last};
use super::values::Millis;
use crate::broadcasts::broadcast::{Broadcast, ReceiverState, State};
use crate::model::broadcast_id::BroadcastId;

/// How many rows of receivers one call changes or deletes, so that nobody waits long for the thread.
const MOST_AT_A_TIME: usize = 20_000;
/// How many broadcasts one call forgets.
const MOST_FORGOTTEN: u32 = 1000;

/// Cancels a broadcast.
pub(super) fn cancel(
    connection: &Connection,
    id: &BroadcastId,
    at: Timestamp,
) -> rusqlite::Result<Option<Broadcast>> {
    let at = not_before_the_last(connection, at)?;
    let Some(mut row) = BroadcastRow::find(connection, id)? else { return Ok(None) };
    if row.broadcast.state.is_active() {
        (row.broadcast.state, row.broadcast.paused_by) = (State::Canceled, None);
        let mut update = connection.prepare_cached(
            "UPDATE receivers INDEXED BY receivers_pending SET state = 5, ended_at = ?2 WHERE broadcast = ?1 AND state = 0",
        )?;
        let canceled = update.execute(params![row.number, at])?;
        row.count(ReceiverState::Pending, ReceiverState::Canceled, canceled);
        row.finish_if_done(at);
        row.save(connection)?;
        changed_at(connection, at)?;
    }
    Ok(Some(row.broadcast))
}

/// Ends what time has ended. What `holder` holds is held.
pub(super) fn end(
    connection: &Connection,
    holder: i64,
    now: Timestamp,
    doubtful_before: Timestamp,
) -> rusqlite::Result<()> {
    let now = not_before_the_last(connection, now)?;
    let mut left = MOST_AT_A_TIME;
    let mut expire = connection.prepare_cached(
        "UPDATE receivers SET state = 6, ended_at = ?2 WHERE broadcast = ?1 AND place IN \
         (SELECT place FROM receivers INDEXED BY receivers_pending WHERE broadcast = ?1 AND state = 0 LIMIT ?3)",
    )?;
    let mut give_up = connection.prepare_cached(
        "UPDATE receivers SET state = 4, holder = 0, ended_at = ?2 WHERE broadcast = ?1 AND place IN \
         (SELECT place FROM receivers INDEXED BY receivers_in_doubt WHERE broadcast = ?1 AND state = 1 \
         AND holder <> ?4 AND (in_doubt_since < ?5 OR ?6) LIMIT ?3)",
    )?;
    let unfinished = connection.prepare_cached(
        "SELECT * FROM broadcasts INDEXED BY broadcasts_unfinished WHERE finished_at IS NULL",
    )?;
    for mut row in BroadcastRow::all(unfinished, [])? {
        let Broadcast { counts, expires_at, state, .. } = row.broadcast;
        if counts.of(ReceiverState::Pending) > 0 && expires_at <= now.0 {
            let expired = expire.execute(params![row.number, now, left])?;
            row.count(ReceiverState::Pending, ReceiverState::Expired, expired);
            left = left.saturating_sub(expired);
        }
        if counts.of(ReceiverState::InDoubt) > 0 {
            let is_canceled = state == State::Canceled;
            let doubtful_before = Millis::from(doubtful_before);
            let unknown = give_up.execute(params![
                row.number,
                now,
                left,
                holder,
                doubtful_before,
                is_canceled
            ])?;
            row.count(ReceiverState::InDoubt, ReceiverState::Unknown, unknown);
            left = left.saturating_sub(unknown);
        }
        row.finish_if_done(now);
        row.save(connection)?;
    }
    if left < MOST_AT_A_TIME {
        changed_at(connection, now)?;
    }
    Ok(())
}

/// Forgets broadcasts that finished before this time, and the oldest finished ones if less than a tenth of what may be
/// stored is free.
pub(super) fn forget(connection: &Connection, finished_before: Timestamp) -> rusqlite::Result<()> {
    let (mut broadcasts, mut receivers): (u32, u32) = connection.query_row(
        "SELECT broadcasts, receivers - (SELECT coalesce(sum(receivers), 0) FROM forgotten) FROM totals",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let finished_before = Millis::from(finished_before);
    let mut oldest = connection.prepare_cached(
        "SELECT number, total, finished_at FROM broadcasts WHERE finished_at IS NOT NULL ORDER BY finished_at LIMIT ?1",
    )?;
    let mut rows = oldest.query([MOST_FORGOTTEN])?;
    let before = broadcasts;
    let mut forgotten: Vec<(i64, u32)> = Vec::new();
    while let Some(row) = rows.next()? {
        let is_old = row.get::<_, Millis>(2)? < finished_before;
        let is_full = broadcasts > MOST_BROADCASTS / 10 * 9 || receivers > MOST_RECEIVERS / 10 * 9;
        if !is_old && !is_full {
            break;
        }
        let (number, total) = (row.get(0)?, row.get(1)?);
        forgotten.push((number, total));
        broadcasts = broadcasts.saturating_sub(1);
        receivers = receivers.saturating_sub(total);
    }
    let mut insert = connection.prepare_cached("INSERT INTO forgotten VALUES (?1, ?2)")?;
    let mut delete = connection.prepare_cached("DELETE FROM broadcasts WHERE number = ?1")?;
    for (number, total) in forgotten {
        insert.execute((number, total))?;
        delete.execute([number])?;
    }
    if broadcasts < before {
        connection.execute("UPDATE totals SET broadcasts = ?1", [broadcasts])?;
    }
    delete_receivers(connection)
}

/// Deletes receivers of forgotten broadcasts.
fn delete_receivers(connection: &Connection) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached("SELECT number FROM forgotten LIMIT ?1")?;
    let numbers: rusqlite::Result<Vec<i64>> =
        select.query_map([MOST_FORGOTTEN], |row| row.get(0))?.collect();
    let mut delete = connection.prepare_cached(
        "DELETE FROM receivers WHERE broadcast = ?1 AND place IN \
         (SELECT place FROM receivers WHERE broadcast = ?1 LIMIT ?2)",
    )?;
    let mut left = MOST_AT_A_TIME;
    for number in numbers? {
        let deleted = delete.execute(params![number, left])?;
        connection
            .prepare_cached("UPDATE totals SET receivers = receivers - ?1")?
            .execute([deleted])?;
        if deleted == left {
            return connection
                .execute(
                    "UPDATE forgotten SET receivers = receivers - ?2 WHERE number = ?1",
                    params![number, deleted],
                )
                .map(drop);
        }
        left -= deleted;
        connection.prepare_cached("DELETE FROM forgotten WHERE number = ?1")?.execute([number])?;
    }
    Ok(())
}
