//! How far Redis knows what this replica knows.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use redis::Script;

use super::client::RedisClient;
use super::unavailable::Unavailable;
use crate::clock::{Moment, millis};
use crate::random::uuid;

/// How long a checkpoint is kept that nobody moves: longer than anything that is written before it.
const KEPT: Duration = Duration::from_hours(25);

/// Moves the checkpoint if it is where it should be, and returns where it was. A foreign value counts as absent.
const MOVE: &str = "
local known = redis.call('MGET', KEYS[1])[1] or ''
if #known > 16 or not known:find('^[1-9]%d*$') then known = '' end
if known == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return known
";

/// A moment in Redis up to which this replica has written everything down that other replicas have to know.
///
/// Redis takes writes in their order. So a replica that finds an older checkpoint than its own, or none, knows
/// what Redis has lost: it was emptied, or a server took over that knows less.
#[derive(Debug)]
pub struct Checkpoint {
    redis: Arc<RedisClient>,
    script: Script,
    key: String,
    /// Whether a write has failed since the last look.
    has_missed: AtomicBool,
}

impl Checkpoint {
    /// Under a key that begins with `prefix` and that no other process has.
    #[must_use]
    pub fn new(redis: Arc<RedisClient>, prefix: &str) -> Self {
        let key = format!("{{{prefix}}}:known:{}", uuid());
        Self { redis, script: Script::new(MOVE), key, has_missed: AtomicBool::new(false) }
    }

    /// Notes that a write has failed, or may be lost.
    pub fn missed(&self) {
        self.has_missed.store(true, Relaxed);
    }

    /// Whether a write has failed since the last call.
    pub fn take_missed(&self) -> bool {
        self.has_missed.swap(false, Relaxed)
    }

    /// Moves the checkpoint to `to` if it is at `from`. Returns where it was.
    pub async fn advance(
        &self,
        from: Option<Moment>,
        to: Moment,
    ) -> Result<Option<Moment>, Unavailable> {
        let text = |it: Moment| it.as_micros().to_string();
        let was = from.map_or_else(String::new, text);
        let mut call = self.script.key(&self.key);
        call.arg(&was).arg(text(to)).arg(millis(KEPT));
        let known: String = self.redis.run("mark", &call).await?;
        // Redis has whole microseconds only, and the caller compares what is returned with `from`.
        let is_there = known == was;
        Ok(if is_there { from } else { known.parse().ok().map(Moment::from_micros) })
    }

    /// Where the checkpoint is. It stays there.
    pub async fn position(&self) -> Result<Option<Moment>, Unavailable> {
        // No checkpoint is at this moment, so nothing is moved.
        self.advance(Some(Moment::MAX), Moment::ZERO).await
    }
}
