//! The newest app ticket of a store app in the file of a single process, so that a restart needs no push.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};

use super::app_ticket::{AppTicket, KEPT};
use super::error::TicketNotKept;
use crate::clock::Clock;
use crate::model::seal::Seal;
use crate::sqlite::Database;

/// How long the file may take. Feishu waits three seconds for the answer to its push.
const PATIENCE: Duration = Duration::from_secs(2);

/// The ticket of one app in the file.
#[derive(Debug)]
pub struct FileTicket {
    database: Arc<Database>,
    app_id: String,
    /// What the ticket is sealed for.
    place: String,
    clock: Clock,
}

impl FileTicket {
    /// The ticket of the app with this id.
    #[must_use]
    pub fn new(database: Arc<Database>, app_id: &str, clock: Clock) -> Self {
        let place = format!("app_ticket:{app_id}");
        Self { database, app_id: app_id.to_owned(), place, clock }
    }

    pub(super) async fn load(&self, seal: &Seal) -> Result<Option<AppTicket>, TicketNotKept> {
        let oldest = self.clock.wall().saturating_sub(KEPT).unwrap_or_default().as_millisecond();
        let app_id = self.app_id.clone();
        let found: Option<(i64, Vec<u8>)> = self
            .run(move |file| {
                file.query_row(
                    "SELECT sent_at, sealed FROM app_tickets WHERE app_id = ?1 AND sent_at > ?2",
                    (app_id, oldest),
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()
            })
            .await?;
        Ok(found.and_then(|(sent_at, sealed)| AppTicket::open(seal, &self.place, &sealed, sent_at)))
    }

    pub(super) async fn keep(&self, seal: &Seal, ticket: &AppTicket) -> Result<(), TicketNotKept> {
        let row = (
            self.app_id.clone(),
            ticket.sent_at.as_millisecond(),
            ticket.sealed(seal, &self.place),
        );
        self.run(move |file| {
            file.execute(
                "INSERT INTO app_tickets (app_id, sent_at, sealed) VALUES (?1, ?2, ?3)
                 ON CONFLICT (app_id) DO UPDATE SET sent_at = excluded.sent_at, sealed = excluded.sealed
                 WHERE app_tickets.sent_at <= excluded.sent_at",
                row,
            )
            .map(drop)
        })
        .await
    }

    pub(super) async fn forget(&self, ticket: &AppTicket) -> Result<(), TicketNotKept> {
        let row = (self.app_id.clone(), ticket.sent_at.as_millisecond());
        // A newer one is not the one that Feishu has refused.
        let delete = "DELETE FROM app_tickets WHERE app_id = ?1 AND sent_at <= ?2";
        self.run(move |file| file.execute(delete, row).map(drop)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, TicketNotKept> {
        let until = self.clock.now() + PATIENCE;
        match self.clock.timeout_at(until, self.database.run(job)).await {
            Ok(done) => done.map_err(|it| TicketNotKept(it.to_string())),
            Err(_elapsed) => Err(TicketNotKept("the file does not answer".to_owned())),
        }
    }
}
