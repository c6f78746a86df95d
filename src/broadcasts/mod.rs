//! One message to many receivers: accepted durably, delivered behind everybody who waits for an answer, and each
//! receiver's truth known.

mod announcer;
mod body;
mod broadcast;
mod error;
mod forecast;
mod obstacles;
mod redis;
mod service;
mod settlement;
mod shared;
mod sqlite;
mod store;
#[cfg(test)]
mod tests;
mod upkeep;
mod webhook_client;
mod worker;

pub use announcer::announce_ends;
pub use body::{BroadcastBody, in_millis};
pub use broadcast::{
    Broadcast, Counts, NewBroadcast, ReceiverProblem, ReceiverRecord, ReceiverState, State,
};
pub use error::BroadcastError;
pub use forecast::Forecast;
pub use redis::RedisStore;
pub use service::{Accepted, BroadcastRequest, Broadcasts};
pub use shared::BroadcastSettings;
pub use sqlite::SqliteStore;
pub use store::{
    Acceptance, Announcement, Answer, BEAT, CLAIM_OUTLIVES, Claimed, MOST_AT_ONCE, Settled,
    Settlement, Store, StoreError,
};
pub use webhook_client::WebhookClient;
pub use worker::FindCaller;
