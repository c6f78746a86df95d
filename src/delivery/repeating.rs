//! Has Redis know what this replica knows, where Redis has lost it or could not be told: it was emptied, a server
//! came that knows less, or a write failed. Else another replica would deny what was sent from here.
//!
//! A mark in Redis says until when this replica has written all down. Writes arrive in their order, so who finds
//! an older mark, or none, knows what to write again.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use redis::Script;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Delivery;
use super::identity::Digest;
use crate::clock::{Moment, Stamp};
use crate::model::idempotency_key::NamedForward;
use crate::store::{Gone, Store, millis};

/// How often the mark is moved on.
const BEAT: Duration = Duration::from_secs(1);
/// How much is written at a time: enough to be quick, and little enough that forwards do not wait behind it.
const BATCH: usize = 64;
/// How long a mark is kept of which nothing is heard: longer than what is written before it.
const KEPT: Duration = Duration::from_hours(25);

/// Moves the mark if it is where it should be, and says where it was. What is no mark is as if it were absent.
const MOVE: &str = "
local known = redis.call('MGET', KEYS[1])[1] or ''
if #known > 16 or not known:find('^[1-9]%d*$') then known = '' end
if known == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return known
";

/// What went out, or may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<N> {
    /// What others know it by.
    pub(super) name: N,
    /// No attempt was made before.
    pub(super) first_attempt: Stamp,
    pub(super) fate: Fate,
}

/// What went out or may have since some time, by what others know it.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// By the caller's `uuid`, and what that stands for.
    pub(super) by_uuid: Vec<Sent<(Digest, Digest)>>,
    /// By the caller's key.
    pub(super) by_key: Vec<Sent<NamedForward>>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It went out.
    Out,
    /// Nobody knows.
    Unknown,
    /// It is under way, so what Redis knows of it is as good.
    UnderWay,
}

impl Fate {
    /// What the scripts call it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Unknown => "unknown",
            Self::UnderWay => "under_way",
        }
    }
}

/// Until when Redis knows what this replica does.
#[derive(Debug)]
pub struct Mark {
    store: Arc<Store>,
    script: Script,
    key: String,
    /// Whether something was not written since it was looked at last.
    has_missed: AtomicBool,
}

impl Mark {
    /// In Redis under a name that begins with `prefix` and that no other process has.
    #[must_use]
    pub fn new(store: Arc<Store>, prefix: &str) -> Self {
        let key = format!("{{{prefix}}}:known:{}", Uuid::now_v7());
        Self { store, script: Script::new(MOVE), key, has_missed: AtomicBool::new(false) }
    }

    /// Something was not written.
    pub(super) fn missed(&self) {
        self.has_missed.store(true, Relaxed);
    }

    /// Moves it if it is at `from`, and says where it was.
    async fn move_on(&self, from: Option<Moment>, to: Moment) -> Result<Option<Moment>, Gone> {
        let text = |it: Moment| it.as_micros().to_string();
        let mut call = self.script.key(&self.key);
        call.arg(from.map_or_else(String::new, text)).arg(text(to)).arg(millis(KEPT));
        let known: String = self.store.run("mark", &call).await?;
        Ok(known.parse().ok().map(Moment::from_micros))
    }
}

impl Delivery {
    /// Has Redis know what this replica knows, for ever.
    pub(super) async fn keep_redis_informed(&self, mark: &Mark) {
        let mut until = None;
        loop {
            let began = self.clock.now();
            match self.inform(mark, until, began).await {
                Ok(informed) => until = informed,
                Err(_gone) => mark.missed(),
            }
            self.clock.sleep_until(self.clock.now() + BEAT).await;
        }
    }

    /// Until when Redis knows all, at least: until now, if it knows all until then.
    async fn inform(
        &self,
        mark: &Mark,
        until: Option<Moment>,
        now: Moment,
    ) -> Result<Option<Moment>, Gone> {
        let has_missed = mark.has_missed.swap(false, Relaxed);
        let known = if has_missed {
            // It stays where it is.
            mark.move_on(Some(Moment::MAX), now).await?
        } else {
            mark.move_on(until, now).await?
        };
        if known == until && !has_missed {
            return Ok(Some(now));
        }
        self.repeat_since(known.min(until).unwrap_or_default()).await?;
        let is_moved = mark.move_on(known, now).await? == known;
        if !is_moved {
            mark.missed();
        }
        Ok(if is_moved { Some(now) } else { until })
    }

    async fn repeat_since(&self, since: Moment) -> Result<(), Gone> {
        let (Some(uuids), Some(keys)) = (&self.register.shared, &self.idempotency.shared) else {
            return Ok(());
        };
        // What was written by then may belong to a forward that had begun a whole deadline earlier.
        let since = since.saturating_sub(self.deadline + BEAT);
        let Changed { by_uuid, mut by_key } = self.register.changed_since(since);
        by_key.extend(self.idempotency.delivered_since(since));
        if !by_uuid.is_empty() || !by_key.is_empty() {
            let (uuids, keys) = (by_uuid.len(), by_key.len());
            tracing::info!(uuids, keys, "Redis is told again what was sent from here");
        }
        in_batches(by_uuid, |known| {
            let uuids = Arc::clone(uuids);
            async move { uuids.repeat(&known).await }
        })
        .await?;
        in_batches(by_key, |known| {
            let keys = Arc::clone(keys);
            async move { keys.repeat(&known).await }
        })
        .await
    }
}

/// Writes all of it, some at a time.
async fn in_batches<N, F>(all: Vec<Sent<N>>, write: impl Fn(Sent<N>) -> F) -> Result<(), Gone>
where
    F: Future<Output = Result<(), Gone>> + Send + 'static,
{
    let mut left = all.into_iter();
    loop {
        let writes: JoinSet<_> = left.by_ref().take(BATCH).map(&write).collect();
        if writes.is_empty() {
            return Ok(());
        }
        writes.join_all().await.into_iter().collect::<Result<(), Gone>>()?;
    }
}
