//! Tells callers by their webhooks that their broadcasts have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use serde::Serialize;
use tokio::task::JoinSet;

use super::body::BroadcastBody;
use super::broadcast::{Broadcast, State};
use super::service::Broadcasts;
use super::shared::Shared;
use super::store::Announcement;
use super::webhook_client::{PostError, WebhookClient};
use crate::model::webhook::Webhook;
use crate::random::generator;
use crate::telemetry::metrics::Metrics;

#[cfg(test)]
mod tests;

/// How often the store is asked for ends.
const LOOK: Duration = Duration::from_secs(1);
/// The most ends that are taken at once.
const MOST_TAKEN: u32 = 5;
/// For how long they are taken: one caller's are posted one after the other, and each post may take ten seconds.
const TAKEN_FOR: Duration = Duration::from_mins(1);
/// The most tasks that post at the same time.
const MOST_POSTING: usize = 32;
/// The pauses between attempts, one after the other, as Standard Webhooks recommends them.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// The largest part of a pause that is added to it by chance, so that what failed together is not repeated together.
const JITTER: f64 = 0.1;

/// What an announcement says.
#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: BroadcastBody<'a>,
}

/// Announces ends.
struct Announcer<F> {
    shared: Arc<Shared>,
    client: WebhookClient,
    metrics: Metrics,
    webhook_of: F,
}

/// Announces the ends of broadcasts until the process begins to end. `webhook_of` knows the webhook of each caller by its
/// name; the end of a broadcast whose caller has none is not announced.
pub async fn announce_ends<F>(
    broadcasts: Broadcasts,
    client: WebhookClient,
    metrics: Metrics,
    webhook_of: F,
) where
    F: Fn(&str) -> Option<Webhook> + Send + Sync + 'static,
{
    let shared = Arc::clone(broadcasts.shared());
    let announcer = Arc::new(Announcer { shared, client, metrics, webhook_of });
    let Shared { clock, stopping, .. } = &*announcer.shared;
    let (mut posting, mut look_at) = (JoinSet::new(), clock.now());
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            Some(_) = posting.join_next() => continue,
            () = clock.sleep_until(look_at), if posting.len() < MOST_POSTING => {}
        }
        let taken = announcer.take().await;
        let are_all = taken.len() < MOST_TAKEN as usize;
        look_at = if are_all { clock.now() + LOOK } else { clock.now() };
        let mut by_caller: BTreeMap<Arc<str>, Vec<Announcement>> = BTreeMap::new();
        for announcement in taken {
            let caller = Arc::clone(&announcement.broadcast.caller);
            by_caller.entry(caller).or_default().push(announcement);
        }
        for announcements in by_caller.into_values() {
            posting.spawn(Arc::clone(&announcer).announce_all(announcements));
        }
    }
    while posting.join_next().await.is_some() {}
}

impl<F: Fn(&str) -> Option<Webhook>> Announcer<F> {
    /// Takes ends that are to be announced now.
    async fn take(&self) -> Vec<Announcement> {
        let Shared { store, clock, .. } = &*self.shared;
        let taken = store.announcements(MOST_TAKEN, clock.wall(), TAKEN_FOR).await;
        taken
            .inspect_err(|error| tracing::warn!(%error, "cannot read which broadcasts to announce"))
            .unwrap_or_default()
    }

    /// Announces ends of one caller's broadcasts, one after the other. Once the receiver cannot be reached, the others fail
    /// without a post, so that a receiver that hangs does not hold up those of other callers.
    async fn announce_all(self: Arc<Self>, announcements: Vec<Announcement>) {
        let mut unreachable = None;
        for announcement in announcements {
            if self.shared.stopping.is_cancelled() {
                // Another process takes it, or the next one does.
                return;
            }
            let broadcast = &announcement.broadcast;
            let Some(webhook) = (self.webhook_of)(&broadcast.caller) else {
                self.note(broadcast, None).await;
                continue;
            };
            let result = match &unreachable {
                Some(error) => Err(PostError::clone(error)),
                None => self.post(&webhook, broadcast).await,
            };
            if let Err(error @ (PostError::TimedOut | PostError::Unreachable(_))) = &result {
                unreachable = Some(error.clone());
            }
            let pause = self.pause(&announcement, result);
            self.note(broadcast, pause).await;
        }
    }

    async fn post(&self, webhook: &Webhook, broadcast: &Broadcast) -> Result<(), PostError> {
        let (event, id) = match broadcast.state {
            State::Canceled => ("broadcast.canceled", format!("{}_canceled", broadcast.id)),
            _ => ("broadcast.completed", format!("{}_completed", broadcast.id)),
        };
        let payload = Payload {
            r#type: event,
            // The store announces what has finished.
            timestamp: broadcast.finished_at.unwrap_or(broadcast.created_at),
            data: BroadcastBody::new(broadcast, None),
        };
        let body = serde_json::to_vec(&payload).expect("a struct of texts and numbers is JSON");
        self.client.post(webhook, &id, body).await
    }

    /// After which pause an end is to be announced again after this result. None: never. Logs and counts the result.
    fn pause(
        &self,
        announcement: &Announcement,
        result: Result<(), PostError>,
    ) -> Option<Duration> {
        let Announcement { broadcast, attempts } = announcement;
        let (caller, broadcast) = (&*broadcast.caller, broadcast.id.as_str());
        let Err(error) = result else {
            self.metrics.broadcast_webhook("delivered");
            return None;
        };
        let pause = PAUSES.get(*attempts as usize).filter(|_| error != PostError::Gone);
        if let Some(pause) = pause {
            self.metrics.broadcast_webhook("failed");
            tracing::warn!(caller, broadcast, attempts, %error, "a webhook failed; the gateway will retry it");
            let jitter = pause.mul_f64(JITTER * generator().random::<f64>());
            return Some(*pause + jitter);
        }
        self.metrics.broadcast_webhook("gave_up");
        tracing::error!(caller, broadcast, attempts, %error, "a webhook failed; the gateway no longer retries it");
        None
    }

    /// Has the store note that an end was announced or given up, or after which pause it is to be announced again.
    async fn note(&self, broadcast: &Broadcast, pause: Option<Duration>) {
        let Shared { store, clock, .. } = &*self.shared;
        if let Err(error) = store.announced(&broadcast.id, pause, clock.wall()).await {
            let (caller, broadcast) = (&*broadcast.caller, broadcast.id.as_str());
            tracing::warn!(caller, broadcast, %error, "the gateway will send a webhook again");
        }
    }
}
