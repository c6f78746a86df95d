//! A Redis in memory for tests. It carries out the gateway's real scripts, on a clock that it is given, and fails as it
//! is told to. `tests` and `make test-replicas` compare it with a real one.

mod clock;
mod cmsgpack;
mod commands;
mod connection;
mod database;
mod engine;
mod faults;
mod master;
mod numbers;
mod replica;
mod reply;
mod server;
mod sorted_set;

use std::fmt;
use std::sync::{Arc, Mutex};

use redis::RedisResult;

use crate::clock::Clock;
pub(crate) use connection::SimulatedConnection;
use connection::{Line, lock};
pub(crate) use faults::{Event, Failure, Fate, Reach};
pub(crate) use master::NoWrites;
pub(crate) use reply::Reply;
use server::Server;

/// A simulated server, as one gateway sees it. Clones are for the same gateway.
#[derive(Clone)]
pub(crate) struct SimulatedRedis {
    server: Arc<Mutex<Server>>,
    line: Arc<Mutex<Line>>,
}

impl SimulatedRedis {
    /// An empty server, whose wall clock begins at 2026-01-01 and goes as this one.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { server: Arc::new(Mutex::new(Server::new(clock))), line: Arc::default() }
    }

    /// The same server, as another gateway sees it.
    pub(crate) fn for_another(&self) -> Self {
        Self { server: Arc::clone(&self.server), line: Arc::default() }
    }

    /// Connects this gateway. The connection ends with the runtime that this is called in.
    pub(crate) async fn connect(&self) -> RedisResult<SimulatedConnection> {
        SimulatedConnection::open(Arc::clone(&self.line), Arc::clone(&self.server)).await
    }

    /// Carries out a command at once.
    pub(crate) fn ask(&self, command: &[Vec<u8>]) -> Reply {
        lock(&self.server).ask(command)
    }

    /// This happens to the server.
    pub(crate) fn happens(&self, event: Event) {
        lock(&self.server).happens(event);
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
        lock(&self.server).clock.micros()
    }
}

impl fmt::Debug for SimulatedRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedRedis").finish_non_exhaustive()
    }
}
