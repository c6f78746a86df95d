//! What the queue needs of `src/redis`: a connection that is always there.

use std::time::Duration;

/// As in the gateway.
pub const TIMEOUT: Duration = Duration::from_millis(250);

/// Why Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// No answer came in time.
    #[error("late")]
    Late,
    /// Its clock was stepped.
    #[error("stepped by {0}")]
    ClockStepped(i64),
}

/// The connection.
#[derive(Debug, Default)]
pub struct RedisClient;

#[expect(clippy::unused_self, clippy::unused_async, reason = "as in the gateway")]
impl RedisClient {
    /// It is.
    pub fn is_connected(&self) -> bool {
        true
    }

    /// It is.
    pub fn why_not_connected(&self) -> Unavailable {
        Unavailable::Late
    }

    /// It is.
    pub async fn connect(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

/// How far Redis knows what this replica knows.
#[derive(Debug, Default)]
pub struct Checkpoint;

#[expect(clippy::unused_self, reason = "as in the gateway")]
impl Checkpoint {
    /// A write may be lost.
    pub fn missed(&self) {}
}
