//! The operations on the broadcasts in Redis.

use std::sync::Arc;

use jiff::Timestamp;
use redis::{Script, ScriptInvocation};

use super::reply::Reply;
use super::sealed::foreign;
use crate::broadcasts::store::StoreError;
use crate::model::broadcast_id::BroadcastId;
use crate::redis::RedisClient;

/// Runs operations on the broadcasts under a prefix.
#[derive(Debug)]
pub(super) struct Scripts {
    redis: Arc<RedisClient>,
    script: Script,
    /// What all keys begin with.
    prefix: String,
}

impl Scripts {
    /// Operations on the broadcasts under keys that begin with `prefix`.
    pub(super) fn new(redis: Arc<RedisClient>, prefix: &str) -> Self {
        let script = concat!(
            include_str!("record.lua"),
            include_str!("accept.lua"),
            include_str!("deliver.lua"),
            include_str!("tidy.lua"),
            include_str!("read.lua"),
        );
        let prefix = format!("{{{prefix}}}:broadcast:");
        Self { redis, script: Script::new(script), prefix }
    }

    /// The key of a broadcast.
    pub(super) fn key(&self, id: &BroadcastId) -> String {
        format!("{}{id}", self.prefix)
    }

    /// An operation on what all broadcasts share.
    pub(super) fn shared(&self, operation: &str) -> ScriptInvocation<'_> {
        let mut call = self.script.prepare_invoke();
        for name in ["all", "index", "requests", "catalog", "ends", "notes", "owners"] {
            call.key(format!("{}{name}", self.prefix));
        }
        call.arg(operation);
        call
    }

    /// An operation on a broadcast.
    pub(super) fn of(&self, id: &BroadcastId, operation: &str) -> ScriptInvocation<'_> {
        let mut call = self.shared(operation);
        let key = self.key(id);
        for part in ["", ":again", ":doubtful", ":held", ":staged"] {
            call.key(format!("{key}{part}"));
        }
        call
    }

    /// What an operation came to, and the rest of the reply.
    pub(super) async fn ask(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<(String, Reply), StoreError> {
        let reply = self.redis.run("broadcast", call).await;
        let mut reply = Reply::new(reply.map_err(|gone| StoreError(gone.to_string()))?);
        Ok((reply.text()?, reply))
    }

    /// The reply of an operation that was done.
    pub(super) async fn run(&self, call: &ScriptInvocation<'_>) -> Result<Reply, StoreError> {
        let (what, reply) = self.ask(call).await?;
        if what == "done" { Ok(reply) } else { Err(foreign()) }
    }
}

/// Milliseconds of the wall clock since 1970.
pub(super) fn wall(at: Timestamp) -> i64 {
    at.as_millisecond().max(0)
}
