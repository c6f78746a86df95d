//! One message to many receivers: accepted durably, delivered behind everybody who waits for an answer, and each
//! receiver's truth known.

mod broadcast;
mod error;
mod forecast;
mod redis;
mod service;
mod sqlite;
mod store;
#[cfg(test)]
mod tests;

pub use broadcast::{
    Broadcast, Counts, NewBroadcast, ReceiverProblem, ReceiverRecord, ReceiverState, State,
};
pub use error::BroadcastError;
pub use forecast::Forecast;
pub use redis::RedisStore;
pub use service::{Accepted, BroadcastRequest, BroadcastSettings, Broadcasts};
pub use sqlite::SqliteStore;
pub use store::{
    Acceptance, Announcement, Answer, BEAT, CLAIM_OUTLIVES, Claimed, MOST_AT_ONCE, Settled,
    Settlement, Store, StoreError,
};
