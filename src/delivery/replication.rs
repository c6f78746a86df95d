//! Writes again to Redis what this replica has sent, if Redis has lost it: it was emptied, a server took over that
//! knows less, or a write failed. Otherwise another replica would deny a delivery of this one.

use std::time::Duration;

use tokio::task::JoinSet;

use super::context::Context;
use super::sent::{ChangedSince, Sent};
use crate::clock::Moment;
use crate::redis::{Checkpoint, Unavailable};

/// How often the checkpoint is advanced.
const BEAT: Duration = Duration::from_secs(1);
/// How many writes are made at a time: enough to be quick, and few enough that forwards do not wait behind them.
const BATCH: usize = 64;

/// Keeps Redis informed, for ever.
pub(super) async fn keep_redis_informed(context: &Context, checkpoint: &Checkpoint) {
    let mut until = None;
    loop {
        let began = context.clock.now();
        match inform(context, checkpoint, until, began).await {
            Ok(informed) => until = informed,
            Err(_unavailable) => checkpoint.missed(),
        }
        context.clock.sleep_until(context.clock.now() + BEAT).await;
    }
}

/// Writes what Redis has lost since `until`. Returns the moment up to which Redis knows everything at least.
async fn inform(
    context: &Context,
    checkpoint: &Checkpoint,
    until: Option<Moment>,
    now: Moment,
) -> Result<Option<Moment>, Unavailable> {
    let has_missed = checkpoint.take_missed();
    let known = if has_missed {
        checkpoint.position().await?
    } else {
        checkpoint.advance(until, now).await?
    };
    if known == until && !has_missed {
        return Ok(Some(now));
    }
    repeat_since(context, known.min(until).unwrap_or_default()).await?;
    let is_advanced = checkpoint.advance(known, now).await? == known;
    if !is_advanced {
        checkpoint.missed();
    }
    Ok(if is_advanced { Some(now) } else { until })
}

async fn repeat_since(context: &Context, since: Moment) -> Result<(), Unavailable> {
    let shared = (&context.register.shared, &context.idempotency.shared);
    let (Some(uuids), Some(keys)) = shared else { return Ok(()) };
    // A write may belong to a forward that began a whole deadline earlier.
    let since = since.saturating_sub(context.settings.deadline + BEAT);
    let ChangedSince { by_uuid, mut by_key } = context.register.changed_since(since);
    by_key.extend(context.idempotency.delivered_since(since));
    if !by_uuid.is_empty() || !by_key.is_empty() {
        let (uuids, keys) = (by_uuid.len(), by_key.len());
        tracing::info!(uuids, keys, "this replica reports again to Redis what it sent");
    }
    in_batches(by_uuid, |known| {
        let uuids = uuids.clone();
        async move { uuids.repeat(&known).await }
    })
    .await?;
    in_batches(by_key, |known| {
        let keys = keys.clone();
        async move { keys.repeat(&known).await }
    })
    .await
}

/// Makes all writes, a batch at a time.
async fn in_batches<N: Ord, F>(
    mut all: Vec<Sent<N>>,
    write: impl Fn(Sent<N>) -> F,
) -> Result<(), Unavailable>
where
    F: Future<Output = Result<(), Unavailable>> + Send + 'static,
{
    // In one order, so that a simulated history replays.
    all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let mut left = all.into_iter();
    loop {
        let writes: JoinSet<_> = left.by_ref().take(BATCH).map(&write).collect();
        if writes.is_empty() {
            return Ok(());
        }
        writes.join_all().await.into_iter().collect::<Result<(), Unavailable>>()?;
    }
}
