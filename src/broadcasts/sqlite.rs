//! Broadcasts in the SQLite file of a single process.

mod accept;
mod delivery;
mod ending;
mod rows;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use rusqlite::{Connection, params};

use self::rows::{BroadcastRow, changed_at, not_before_the_last, receiver_record};
use super::broadcast::{Broadcast, NewBroadcast, ReceiverRecord, ReceiverState, State};
use super::store::{
    Acceptance, Announcement, Answer, Claimed, MOST_AT_ONCE, Settled, Store, StoreError,
};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;
use crate::random::generator;
use crate::sqlite::Database;

/// The store of a single process. It holds at most 50 000 broadcasts and 2 000 000 receivers.
///
/// Nobody else has the file, so the claims of an earlier process are free at once, and those of this one hold for as long
/// as it lives.
#[derive(Debug)]
pub struct SqliteStore {
    database: Arc<Database>,
    /// Marks the claims of this process. Never 0.
    holder: i64,
}

impl SqliteStore {
    /// A store in this file.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, holder: generator().random_range(1..=i64::MAX) }
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        let done = self.database.run(job);
        Box::pin(async { done.await.map_err(|it| StoreError(it.to_string())) })
    }
}

impl Store for SqliteStore {
    fn accept(&self, new: NewBroadcast) -> Answer<'_, Acceptance> {
        let accepted = self.run(move |it| accept::accept(it, &new));
        Box::pin(async { accepted.await? })
    }

    fn find<'a>(&'a self, id: &'a BroadcastId) -> Answer<'a, Option<Broadcast>> {
        let id = id.clone();
        self.run(move |it| Ok(BroadcastRow::find(it, &id)?.map(|it| it.broadcast)))
    }

    fn list<'a>(
        &'a self,
        caller: &'a str,
        before: Option<&'a BroadcastId>,
        most: u32,
    ) -> Answer<'a, Vec<Broadcast>> {
        let (caller, before) = (caller.to_owned(), before.cloned());
        self.run(move |it| {
            // Every id is before a tilde.
            let select = it.prepare_cached(
                "SELECT * FROM broadcasts WHERE caller = ?1 AND id < coalesce(?2, '~') ORDER BY id DESC LIMIT ?3",
            )?;
            BroadcastRow::all(select, params![caller, before, most.min(MOST_AT_ONCE)]).map(broadcasts)
        })
    }

    fn receivers<'a>(
        &'a self,
        id: &'a BroadcastId,
        states: &'a [ReceiverState],
        from: u32,
        most: u32,
    ) -> Answer<'a, Vec<ReceiverRecord>> {
        let id = id.clone();
        let states = states.iter().fold(0, |bits, state| bits | 1 << *state as u8);
        self.run(move |it| {
            let mut select = it.prepare_cached(
                "SELECT * FROM receivers WHERE broadcast = (SELECT number FROM broadcasts WHERE id = ?1) \
                 AND place >= ?2 AND ?3 >> state & 1 ORDER BY place LIMIT ?4",
            )?;
            let most = most.min(MOST_AT_ONCE);
            select.query_map(params![id, from, states, most], receiver_record)?.collect()
        })
    }

    fn cancel<'a>(&'a self, id: &'a BroadcastId, at: Timestamp) -> Answer<'a, Option<Broadcast>> {
        let id = id.clone();
        self.run(move |it| ending::cancel(it, &id, at))
    }

    fn active<'a>(&'a self, app: &'a str) -> Answer<'a, Vec<Broadcast>> {
        let app = app.to_owned();
        self.run(move |it| {
            let select = it.prepare_cached(
                "SELECT * FROM broadcasts WHERE app = ?1 AND finished_at IS NULL AND state < 2 ORDER BY id LIMIT ?2",
            )?;
            BroadcastRow::all(select, params![app, MOST_AT_ONCE]).map(broadcasts)
        })
    }

    fn active_apps<'a>(&'a self, after: &'a str) -> Answer<'a, Vec<Arc<str>>> {
        let after = after.to_owned();
        self.run(move |it| {
            let mut select = it.prepare_cached(
                "SELECT DISTINCT app FROM broadcasts WHERE app > ?1 AND finished_at IS NULL AND state < 2 ORDER BY app LIMIT ?2",
            )?;
            select.query_map(params![after, MOST_AT_ONCE], |row| row.get(0))?.collect()
        })
    }

    fn claim<'a>(
        &'a self,
        id: &'a BroadcastId,
        most: u32,
        now: Timestamp,
    ) -> Answer<'a, Vec<Claimed>> {
        let (id, holder) = (id.clone(), self.holder);
        self.run(move |it| delivery::claim(it, &id, holder, most, now))
    }

    fn settle<'a>(
        &'a self,
        id: &'a BroadcastId,
        settled: Vec<Settled>,
        at: Timestamp,
    ) -> Answer<'a, ()> {
        let id = id.clone();
        self.run(move |it| delivery::settle(it, &id, &settled, at))
    }

    fn pause<'a>(&'a self, id: &'a BroadcastId, by: Option<ProblemKind>) -> Answer<'a, ()> {
        let id = id.clone();
        self.run(move |it| {
            let row = BroadcastRow::find(it, &id)?.filter(|it| it.broadcast.state.is_active());
            let Some(mut row) = row else { return Ok(()) };
            row.broadcast.state = if by.is_some() { State::Paused } else { State::Running };
            row.broadcast.paused_by = by;
            row.save(it)
        })
    }

    fn beat(&self, _now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn tidy(
        &self,
        now: Timestamp,
        doubtful_before: Timestamp,
        finished_before: Timestamp,
    ) -> Answer<'_, ()> {
        let holder = self.holder;
        self.run(move |it| {
            ending::end(it, holder, now, doubtful_before)?;
            ending::forget(it, finished_before)
        })
    }

    fn announcements(
        &self,
        most: u32,
        now: Timestamp,
        pause: Duration,
    ) -> Answer<'_, Vec<Announcement>> {
        self.run(move |it| {
            let now = not_before_the_last(it, now)?;
            let mut select = it.prepare_cached(
                "SELECT * FROM broadcasts WHERE announce_at <= ?1 ORDER BY announce_at, id LIMIT ?2",
            )?;
            let announcement = |row: &rusqlite::Row<'_>| {
                let BroadcastRow { number, broadcast, .. } = BroadcastRow::read(row)?;
                Ok((number, Announcement { broadcast, attempts: row.get("announcements")? }))
            };
            let taken = select.query_map(params![now, most.min(MOST_AT_ONCE)], announcement)?;
            let taken: Vec<_> = taken.collect::<rusqlite::Result<_>>()?;
            let mut update = it.prepare_cached(
                "UPDATE broadcasts SET announce_at = ?2, announcements = announcements + 1 WHERE number = ?1",
            )?;
            for (number, _) in &taken {
                update.execute(params![number, now.after(pause)])?;
                changed_at(it, now)?;
            }
            Ok(taken.into_iter().map(|(_, announcement)| announcement).collect())
        })
    }

    fn announced<'a>(
        &'a self,
        id: &'a BroadcastId,
        pause: Option<Duration>,
        at: Timestamp,
    ) -> Answer<'a, ()> {
        let id = id.clone();
        self.run(move |it| {
            let at = not_before_the_last(it, at)?;
            it.prepare_cached(
                "UPDATE broadcasts SET announce_at = ?2 WHERE id = ?1 AND finished_at IS NOT NULL",
            )?
            .execute(params![id, pause.map(|it| at.after(it))])
            .map(drop)
        })
    }
}

fn broadcasts(rows: Vec<BroadcastRow>) -> Vec<Broadcast> {
    rows.into_iter().map(|it| it.broadcast).collect()
}
