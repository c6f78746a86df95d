//! A Redis in memory for tests (`tests/redis`), with a clock, with connections, and with the faults that it is told to
//! have.

mod clock;
mod connection;
mod faults;
mod host;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex};

use redis::RedisResult;
pub(crate) use simulated_redis::{NoWrites, Reply};

use crate::clock::Clock;
pub(crate) use connection::SimulatedConnection;
use connection::{Line, lock};
pub(crate) use faults::{Event, Failure, Fate, Reach};
use host::Host;

/// A simulated server, as one gateway sees it. Clones are for the same gateway.
#[derive(Clone)]
pub(crate) struct SimulatedRedis {
    host: Arc<Mutex<Host>>,
    line: Arc<Mutex<Line>>,
}

impl SimulatedRedis {
    /// An empty server, whose wall clock begins at 2026-01-01 and goes as this one.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { host: Arc::new(Mutex::new(Host::new(clock))), line: Arc::default() }
    }

    /// From now on there is a replica, which can take over.
    pub(crate) fn add_replica(&self) {
        lock(&self.host).server.add_replica();
    }

    /// The same server, as another gateway sees it.
    pub(crate) fn for_another(&self) -> Self {
        Self { host: Arc::clone(&self.host), line: Arc::default() }
    }

    /// Connects this gateway. The connection ends with the runtime that this is called in.
    pub(crate) async fn connect(&self) -> RedisResult<SimulatedConnection> {
        SimulatedConnection::open(Arc::clone(&self.line), Arc::clone(&self.host)).await
    }

    /// Carries out a command at once.
    pub(crate) fn ask(&self, command: &[Vec<u8>]) -> Reply {
        lock(&self.host).ask(command)
    }

    /// From now on this hears each request to the server, and how many commands were carried out for it.
    pub(crate) fn heard_by(&self, listener: impl FnMut(&[Vec<u8>], u64) + Send + 'static) {
        lock(&self.host).listener = Some(Box::new(listener));
    }

    /// This happens to the server.
    pub(crate) fn happens(&self, event: Event) {
        lock(&self.host).happens(event);
    }

    /// From now on this gateway reaches the server so.
    pub(crate) fn set_reach(&self, reach: Reach) {
        lock(&self.line).reach = reach;
    }

    /// From now on this decides what becomes of each request of this gateway.
    pub(crate) fn decide_by(&self, fates: impl FnMut() -> Fate + Send + 'static) {
        lock(&self.line).fates = Some(Box::new(fates));
    }

    /// The server's wall clock, in microseconds since 1970.
    pub(crate) fn micros(&self) -> i64 {
        lock(&self.host).clock.micros()
    }
}

impl fmt::Debug for SimulatedRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedRedis").finish_non_exhaustive()
    }
}
