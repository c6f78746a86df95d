//! Ends and forgets broadcasts in Redis, in steps that take bounded time.

use std::time::Duration;

use jiff::Timestamp;
use redis::ScriptInvocation;

use super::scripts::{Scripts, wall};
use crate::broadcasts::store::{CLAIM_OUTLIVES, MOST_AT_ONCE, StoreError};
use crate::clock::millis;
use crate::model::broadcast_id::BroadcastId;

/// The most broadcasts that are kept, finished ones included.
pub(super) const MOST_BROADCASTS: u32 = 20_000;
/// The most receivers that are kept, of all broadcasts together.
pub(super) const MOST_RECEIVERS: u32 = 500_000;
/// How full the store may be before the oldest finished broadcasts are forgotten, in percent.
pub(super) const FULL: u32 = 80;
/// How many broadcasts are forgotten at once.
const FORGOTTEN_AT_ONCE: u32 = 100;

/// Ends what time has ended in each broadcast that has not finished. Redis keeps those that finish for `kept` at most.
pub(super) async fn end(
    scripts: &Scripts,
    kept: Duration,
    now: Timestamp,
    doubtful_before: Timestamp,
) -> Result<(), StoreError> {
    for from in (0..MOST_BROADCASTS).step_by(MOST_AT_ONCE as usize) {
        let mut call = scripts.shared("unfinished");
        call.arg(from);
        let ids = scripts.run(&call).await?.ids();
        for id in &ids {
            let mut call = scripts.of(id, "tidy");
            call.arg(wall(now)).arg(millis(kept)).arg(millis(CLAIM_OUTLIVES));
            call.arg(wall(doubtful_before));
            end_one(scripts, id, &call).await?;
        }
        if ids.len() < MOST_AT_ONCE as usize {
            break;
        }
    }
    Ok(())
}

async fn end_one(
    scripts: &Scripts,
    id: &BroadcastId,
    step: &ScriptInvocation<'_>,
) -> Result<(), StoreError> {
    for _ in 0..MOST_RECEIVERS / MOST_AT_ONCE {
        match &*scripts.ask(step).await?.0 {
            "more" => {}
            // It would count as active for ever.
            what @ ("foreign" | "gone") => {
                forget(scripts, id).await?;
                tracing::error!(broadcast = %id, what, "Redis has lost a broadcast");
                break;
            }
            _ => break,
        }
    }
    Ok(())
}

/// Forgets some of the broadcasts that finished before then, and of the oldest finished ones if the store is almost full.
pub(super) async fn forget_outdated(
    scripts: &Scripts,
    finished_before: Timestamp,
) -> Result<(), StoreError> {
    let room = |most: u32| most / 100 * FULL;
    let mut call = scripts.shared("outdated");
    call.arg(wall(finished_before)).arg(room(MOST_BROADCASTS)).arg(room(MOST_RECEIVERS));
    call.arg(FORGOTTEN_AT_ONCE);
    for id in scripts.run(&call).await?.ids() {
        forget(scripts, &id).await?;
    }
    Ok(())
}

/// Forgets a broadcast, also one that cannot be read.
pub(super) async fn forget(scripts: &Scripts, id: &BroadcastId) -> Result<(), StoreError> {
    let mut call = scripts.of(id, "forget");
    call.arg(id.as_str());
    scripts.run(&call).await.map(drop)
}
