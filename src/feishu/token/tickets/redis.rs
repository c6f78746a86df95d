//! The newest app ticket of a store app in Redis, for all replicas. Feishu pushes it to one of them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use redis::{Script, ScriptInvocation};

use super::app_ticket::{AppTicket, KEPT};
use super::error::TicketNotKept;
use crate::clock::millis;
use crate::model::seal::Seal;
use crate::redis::{RedisClient, Unavailable};

/// The ticket of one app in Redis.
#[derive(Debug)]
pub struct RedisTicket {
    redis: Arc<RedisClient>,
    script: Script,
    key: String,
}

impl RedisTicket {
    /// The ticket of the app with this id, under a key that begins with `prefix`.
    #[must_use]
    pub fn new(redis: Arc<RedisClient>, prefix: &str, app_id: &str) -> Self {
        let key = format!("{{{prefix}}}:app_ticket:{app_id}");
        Self { redis, script: Script::new(include_str!("redis.lua")), key }
    }

    pub(super) async fn load(&self, seal: &Seal) -> Result<Option<AppTicket>, TicketNotKept> {
        let call = self.call("load");
        let (sent_at, sealed): (i64, Vec<u8>) = self.run(&call).await?;
        Ok(AppTicket::open(seal, &self.key, &sealed, sent_at))
    }

    pub(super) async fn keep(&self, seal: &Seal, ticket: &AppTicket) -> Result<(), TicketNotKept> {
        let mut call = self.call("keep");
        call.arg(ticket.sent_at.as_millisecond()).arg(ticket.sealed(seal, &self.key));
        self.run(&call).await
    }

    pub(super) async fn forget(&self, ticket: &AppTicket) -> Result<(), TicketNotKept> {
        let mut call = self.call("forget");
        call.arg(ticket.sent_at.as_millisecond());
        self.run(&call).await
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, TicketNotKept> {
        // At the start the supervisor of the limits connects.
        self.redis.tried().await;
        let answer = self.redis.run("ticket", call).await;
        answer.map_err(|it: Unavailable| TicketNotKept(it.to_string()))
    }

    fn call(&self, operation: &str) -> ScriptInvocation<'_> {
        let mut call = self.script.key(&self.key);
        call.arg(operation).arg(millis(KEPT));
        call
    }
}
