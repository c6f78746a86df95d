//! What goes on beside the deliveries: claims are kept, workers are woken, and what time has ended is ended.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::store::{BEAT, MOST_AT_ONCE, StoreError};
use crate::clock::Moment;
use crate::delivery::SAFE_TO_REPEAT;
use crate::telemetry::metrics::Metrics;

/// How often what time has ended is ended.
const TIDY: Duration = Duration::from_secs(10);

/// Keeps the claims of this process, wakes the workers of apps that have broadcasts, and tidies the store, for ever.
pub(super) async fn keep_up(shared: Arc<Shared>, metrics: Metrics) {
    let mut tidy_at = Moment::ZERO;
    loop {
        let now = shared.clock.now();
        if let Err(error) = upkeep(&shared, &mut tidy_at, now).await {
            metrics.broadcast_store_failed();
            tracing::warn!(%error, "cannot clean up the broadcast store for now");
        }
        shared.clock.sleep_until(now + BEAT).await;
    }
}

async fn upkeep(shared: &Shared, tidy_at: &mut Moment, now: Moment) -> Result<(), StoreError> {
    let Shared { store, clock, settings, changed, .. } = shared;
    let wall = clock.wall();
    store.beat(wall).await?;
    wake_workers(shared).await?;
    if now < *tidy_at {
        return Ok(());
    }
    let before = |span: Duration| wall.saturating_sub(span).unwrap_or(wall);
    store.tidy(wall, before(SAFE_TO_REPEAT), before(settings.keep)).await?;
    *tidy_at = now + TIDY;
    changed.notify_waiters();
    Ok(())
}

/// Wakes the worker of each app that has active broadcasts: another replica may have accepted one.
async fn wake_workers(shared: &Shared) -> Result<(), StoreError> {
    let mut after = Arc::from("");
    loop {
        let apps = shared.store.active_apps(&after).await?;
        for app in &apps {
            shared.wake(app);
        }
        match apps.last().filter(|_| apps.len() >= MOST_AT_ONCE as usize) {
            Some(last) => after = Arc::clone(last),
            None => return Ok(()),
        }
    }
}
