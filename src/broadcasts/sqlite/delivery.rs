//! Claiming receivers, and writing down what became of them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::rows::{BroadcastRow, changed_at, not_before_the_last, receiver};
use super::values::Millis;
use crate::broadcasts::broadcast::{ReceiverProblem, ReceiverState, State};
use crate::broadcasts::store::{Claimed, MOST_AT_ONCE, Settled, Settlement};
use crate::model::broadcast_id::BroadcastId;

/// The longest `log_id` that is kept, in bytes.
const LONGEST_LOG_ID: usize = 128;

const PENDING: &str = "SELECT * FROM receivers INDEXED BY receivers_pending \
    WHERE broadcast = ?1 AND state = 0 AND due <= ?2 AND ?3 <> 0 ORDER BY place LIMIT ?4";
const UNHELD: &str = "SELECT * FROM receivers INDEXED BY receivers_in_doubt \
    WHERE broadcast = ?1 AND state = 1 AND due <= ?2 AND holder <> ?3 ORDER BY place LIMIT ?4";

/// Claims receivers for this holder.
pub(super) fn claim(
    connection: &Connection,
    id: &BroadcastId,
    holder: i64,
    most: u32,
    now: Timestamp,
) -> rusqlite::Result<Vec<Claimed>> {
    let now = not_before_the_last(connection, now)?;
    let most = most.min(MOST_AT_ONCE);
    let Some(mut row) = BroadcastRow::find(connection, id)? else { return Ok(Vec::new()) };
    if !row.broadcast.state.is_active() {
        return Ok(Vec::new());
    }
    let due = |sql| -> rusqlite::Result<Vec<Claimed>> {
        let mut select = connection.prepare_cached(sql)?;
        select.query_map(params![row.number, now, holder, most], claimed)?.collect()
    };
    let mut due_now = due(UNHELD)?;
    if now.0 < row.broadcast.expires_at {
        due_now.extend(due(PENDING)?);
    }
    due_now.sort_unstable_by_key(|it| it.place);
    due_now.truncate(most as usize);
    if due_now.is_empty() {
        return Ok(due_now);
    }
    let mut update = connection.prepare_cached(
        "UPDATE receivers SET state = 1, claim = ?3, holder = ?4, in_doubt_since = coalesce(in_doubt_since, ?5) \
         WHERE broadcast = ?1 AND place = ?2",
    )?;
    for it in &due_now {
        update.execute(params![row.number, it.place, it.claim, holder, now])?;
    }
    let pending = due_now.iter().filter(|it| it.in_doubt_since.is_none()).count();
    row.count(ReceiverState::Pending, ReceiverState::InDoubt, pending);
    row.save(connection)?;
    changed_at(connection, now)?;
    Ok(due_now)
}

/// The next claim of a receiver.
fn claimed(row: &Row<'_>) -> rusqlite::Result<Claimed> {
    Ok(Claimed {
        place: row.get("place")?,
        receiver: receiver(row)?,
        claim: row.get::<_, u32>("claim")?.saturating_add(1),
        in_doubt_since: row.get::<_, Option<Millis>>("in_doubt_since")?.map(|it| it.0),
    })
}

/// Writes down what became of claimed receivers.
pub(super) fn settle(
    connection: &Connection,
    id: &BroadcastId,
    settled: &[Settled],
    at: Timestamp,
) -> rusqlite::Result<()> {
    let at = not_before_the_last(connection, at)?;
    let Some(mut row) = BroadcastRow::find(connection, id)? else { return Ok(()) };
    let mut select = connection
        .prepare_cached("SELECT state, claim FROM receivers WHERE broadcast = ?1 AND place = ?2")?;
    let mut has_changed = false;
    for it in settled {
        let found = select
            .query_row((row.number, it.place), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((state, claim)) = found else { continue };
        if takes_effect(it, state, claim) {
            let to = write(connection, &row, it, at)?;
            row.count(state, to, 1);
            has_changed = true;
        }
    }
    if has_changed {
        row.finish_if_done(at);
        row.save(connection)?;
        changed_at(connection, at)?;
    }
    Ok(())
}

/// Whether a settlement takes effect on a receiver in this state, whose last claim is this one.
fn takes_effect(settled: &Settled, state: ReceiverState, last_claim: u32) -> bool {
    match settled.result {
        Settlement::Delivered(_) => !state.is_final(),
        _ => state == ReceiverState::InDoubt && settled.claim == last_claim,
    }
}

/// Writes down what became of a receiver. Returns its state.
fn write(
    connection: &Connection,
    row: &BroadcastRow,
    settled: &Settled,
    at: Millis,
) -> rusqlite::Result<ReceiverState> {
    let is_canceled = row.broadcast.state == State::Canceled;
    let (state, message, problem, pause) = match &settled.result {
        Settlement::Delivered(message) => (ReceiverState::Delivered, Some(message), None, None),
        Settlement::NotDelivered(problem) => {
            (ReceiverState::NotDelivered, None, Some(problem), None)
        }
        Settlement::Unknown(problem) => (ReceiverState::Unknown, None, Some(problem), None),
        Settlement::NotSent(problem, _) if is_canceled => {
            (ReceiverState::Canceled, None, Some(problem), None)
        }
        Settlement::NotSent(problem, pause) => {
            (ReceiverState::Pending, None, Some(problem), Some(pause))
        }
        Settlement::InDoubt(problem, pause) => {
            (ReceiverState::InDoubt, None, Some(problem), Some(pause))
        }
    };
    let was_sent = !matches!(settled.result, Settlement::NotSent(..));
    let log_id = problem.and_then(log_id);
    let mut update = connection.prepare_cached(
        "UPDATE receivers SET state = ?3, holder = 0, due = coalesce(?4, due), message_id = ?5, problem = ?6, \
         feishu_code = ?7, log_id = ?8, ended_at = ?9, in_doubt_since = iif(?10, in_doubt_since, NULL) \
         WHERE broadcast = ?1 AND place = ?2",
    )?;
    update.execute(params![
        row.number,
        settled.place,
        state,
        pause.map(|it| at.after(*it)),
        message.map(AsRef::<str>::as_ref),
        problem.map(|it| it.kind),
        problem.and_then(|it| it.feishu_code),
        log_id,
        state.is_final().then_some(at),
        was_sent,
    ])?;
    Ok(state)
}

fn log_id(problem: &ReceiverProblem) -> Option<&str> {
    let log_id = problem.log_id.as_deref()?;
    Some(&log_id[..log_id.floor_char_boundary(LONGEST_LOG_ID)])
}
