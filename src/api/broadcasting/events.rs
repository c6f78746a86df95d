//! The progress of a broadcast as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::web;
use secrecy::{ExposeSecret, SecretString};

use crate::api::auth::keyring::Keyring;
use crate::api::http::streamed::Chunks;
use crate::broadcasts::{Broadcast, BroadcastBody, Broadcasts};
use crate::clock::{Clock, Moment};
use crate::model::api_key::Caller;

/// What a stream of events needs.
pub(crate) struct EventStream {
    pub(crate) broadcasts: Broadcasts,
    pub(crate) clock: Clock,
    pub(crate) keyring: web::Data<Keyring>,
    /// The key that the reader has shown. Where it ends, so does the stream.
    pub(crate) key: SecretString,
    pub(crate) caller: Caller,
    /// The broadcast as it is at the start.
    pub(crate) broadcast: Broadcast,
    /// The revision that the reader has already.
    pub(crate) known: Option<u64>,
}

/// Longest time of a stream. The reader connects again.
const LONGEST: Duration = Duration::from_hours(1);
/// Time between two events at least.
const PACE: Duration = Duration::from_secs(1);
/// Time after which a comment shows the reader, and every proxy on the way, that the stream is alive.
const QUIET: Duration = Duration::from_secs(15);
/// A comment.
const ALIVE: &str = ":\n\n";

/// The revision in the header `Last-Event-ID`. One that is not a number is none.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

impl EventStream {
    /// Writes events until the broadcast, the reader's key, the longest time or the process ends.
    pub(crate) async fn write(self, out: Chunks) -> Result<(), Infallible> {
        let ends_at = self.clock.now() + LONGEST;
        let mut broadcast = self.broadcast.clone();
        // A revision that is still to come was never told.
        let mut told = self.known.filter(|it| *it <= broadcast.revision);
        loop {
            let has_ended = broadcast.finished_at.is_some();
            if has_ended || told != Some(broadcast.revision) {
                out.send(self.event(&broadcast, has_ended)).await;
                told = Some(broadcast.revision);
            }
            if has_ended {
                return Ok(());
            }
            match self.next(&broadcast, ends_at, &out).await {
                Some(changed) => broadcast = changed,
                None => return Ok(()),
            }
        }
    }

    /// The broadcast after its next change. None where the stream is to end.
    async fn next(&self, known: &Broadcast, ends_at: Moment, out: &Chunks) -> Option<Broadcast> {
        let paced = self.clock.sleep_until(self.clock.now() + PACE);
        tokio::select! {
            biased;
            () = self.broadcasts.stopping() => return None,
            () = paced => {}
        }
        loop {
            let until = ends_at.min(self.clock.now() + QUIET);
            let changed = self.broadcasts.changed(&self.caller, &known.id, known.revision, until);
            let broadcast = tokio::select! {
                biased;
                () = self.broadcasts.stopping() => return None,
                // A store that fails ends the stream: the reader asks again, and gets the problem.
                changed = changed => changed.ok()?,
            };
            if !self.key_is_good() {
                return None;
            }
            if broadcast.revision > known.revision {
                return Some(broadcast);
            }
            if self.clock.now() >= ends_at {
                return None;
            }
            out.send(ALIVE).await;
        }
    }

    fn key_is_good(&self) -> bool {
        let caller = self.keyring.authenticate(self.key.expose_secret(), self.clock.wall());
        caller.is_ok_and(|it| it.caller.name == self.caller.name)
    }

    fn event(&self, broadcast: &Broadcast, has_ended: bool) -> String {
        let name = if has_ended { "completed" } else { "progress" };
        let body = BroadcastBody::new(broadcast, self.broadcasts.estimated_finish_at(broadcast));
        // JSON without line breaks, as a line of data has to be.
        let data = serde_json::to_string(&body).expect("a struct of strings and numbers is JSON");
        format!("event: {name}\nid: {}\ndata: {data}\n\n", broadcast.revision)
    }
}
