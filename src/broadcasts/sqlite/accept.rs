//! Accepting a broadcast.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{BroadcastRow, changed_at, not_before_the_last};
use crate::broadcasts::broadcast::NewBroadcast;
use crate::broadcasts::store::{Acceptance, StoreError};
use crate::model::fingerprint::Fingerprint;

/// The most broadcasts that are stored.
pub(super) const MOST_BROADCASTS: u32 = 50_000;
/// The most receivers that are stored: some hundred bytes each.
pub(super) const MOST_RECEIVERS: u32 = 2_000_000;

/// Accepts a broadcast. The inner error: the store is full.
pub(super) fn accept(
    connection: &Connection,
    new: &NewBroadcast,
) -> rusqlite::Result<Result<Acceptance, StoreError>> {
    let known = connection
        .prepare_cached("SELECT * FROM broadcasts WHERE key = ?1")?
        .query_row([new.key], |row| {
            Ok((BroadcastRow::read(row)?, row.get::<_, Fingerprint>("content")?))
        })
        .optional()?;
    if let Some((known, content)) = known {
        let is_same = content == new.content;
        return Ok(Ok(if is_same {
            Acceptance::Known(known.broadcast)
        } else {
            Acceptance::KeyReused
        }));
    }
    let active: u32 = connection
        .prepare_cached("SELECT count(*) FROM broadcasts WHERE caller = ?1 AND state < 2")?
        .query_row([&new.caller], |row| row.get(0))?;
    if active >= new.most_active {
        return Ok(Ok(Acceptance::TooMany));
    }
    let added = new.receivers.len();
    let has_room: bool = connection
        .prepare_cached("SELECT broadcasts < ?1 AND receivers + ?2 <= ?3 FROM totals")?
        .query_row(params![MOST_BROADCASTS, added, MOST_RECEIVERS], |row| row.get(0))?;
    if !has_room {
        return Ok(Err(StoreError(format!(
            "it is full: it has {MOST_RECEIVERS} receivers or {MOST_BROADCASTS} broadcasts"
        ))));
    }
    insert(connection, new)?;
    // As it is read from now on.
    let accepted = BroadcastRow::find(connection, &new.id)?;
    let accepted = accepted.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Ok(Acceptance::Accepted(accepted.broadcast)))
}

fn insert(connection: &Connection, new: &NewBroadcast) -> rusqlite::Result<()> {
    let now = not_before_the_last(connection, new.created_at)?;
    changed_at(connection, now)?;
    let total = new.receivers.len();
    connection
        .prepare_cached(
            "UPDATE totals SET broadcasts = broadcasts + 1, receivers = receivers + ?1",
        )?
        .execute([total])?;
    connection
        .prepare_cached(
            "INSERT INTO broadcasts (id, caller, app, message, key, content, state, total, pending, created_at, \
             expires_at, retry_of, tenant) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            new.id,
            new.caller,
            new.app,
            new.message.as_str(),
            new.key,
            new.content,
            total,
            now,
            now.after(new.expires_in),
            new.retry_of,
            new.tenant,
        ])?;
    let number = connection.last_insert_rowid();
    let mut insert = connection.prepare_cached(
        "INSERT INTO receivers (broadcast, place, kind, id) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (place, receiver) in new.receivers.iter().enumerate() {
        insert.execute(params![number, place, receiver.kind(), receiver.id()])?;
    }
    Ok(())
}
