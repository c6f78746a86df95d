//! The receivers of a broadcast, and what became of each: a page as JSON, or all of them as CSV.

use actix_web::HttpRequest;

use crate::api::broadcasting::csv;
use crate::api::broadcasting::query::ReceiversQuery;
use crate::api::broadcasting::schema::{ReceiverBody, ReceiverPageBody};
use crate::api::http::streamed::Chunks;
use crate::api::language::Language;
use crate::api::public_url::PublicUrl;
use crate::broadcasts::{BroadcastError, Broadcasts, MOST_AT_ONCE, ReceiverRecord};
use crate::model::api_key::Caller;
use crate::model::broadcast_id::BroadcastId;

/// Whose words a receiver's problem is told in.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) language: Language,
    public_url: PublicUrl,
}

/// What a list of all receivers needs.
pub(crate) struct CsvStream {
    pub(crate) broadcasts: Broadcasts,
    pub(crate) caller: Caller,
    pub(crate) id: BroadcastId,
    pub(crate) query: ReceiversQuery,
    pub(crate) reader: Reader,
}

impl Reader {
    /// Who sent this request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self { language: Language::preferred_by(request), public_url: PublicUrl::of(request) }
    }

    /// A page of at most `limit` receivers.
    pub(crate) fn page<'a>(&self, page: &'a [ReceiverRecord], limit: u32) -> ReceiverPageBody<'a> {
        let last = page.last().filter(|_| page.len() >= limit as usize);
        ReceiverPageBody {
            receivers: page.iter().map(|it| self.receiver(it)).collect(),
            next_cursor: last.map(|it| (it.place + 1).to_string()),
        }
    }

    fn receiver<'a>(&self, record: &'a ReceiverRecord) -> ReceiverBody<'a> {
        ReceiverBody::of(record, self.language, &self.public_url)
    }
}

impl CsvStream {
    /// The receivers from place `from` on, as many as are read at once.
    pub(crate) async fn read(&self, from: u32) -> Result<Vec<ReceiverRecord>, BroadcastError> {
        let Self { broadcasts, caller, id, query, .. } = self;
        broadcasts.receivers(caller, id, &query.states, from, MOST_AT_ONCE).await
    }

    /// Writes all receivers, of which `page` are the first.
    pub(crate) async fn write(
        self,
        mut page: Vec<ReceiverRecord>,
        out: Chunks,
    ) -> Result<(), BroadcastError> {
        let mut rows = csv::HEADER.to_owned();
        loop {
            for record in &page {
                csv::add_row(&mut rows, &self.reader.receiver(record));
            }
            out.send(std::mem::take(&mut rows)).await;
            let Some(last) = page.last() else { return Ok(()) };
            page = self.read(last.place + 1).await?;
            if page.is_empty() {
                return Ok(());
            }
        }
    }
}
