//! What the server runs on: its wall clock, and its end of all connections.

use simulated_redis::{Reply, Server};

use super::clock::ServerClock;
use super::faults::Event;
use crate::clock::Clock;

/// A server with a wall clock.
pub(super) struct Host {
    pub(super) clock: ServerClock,
    pub(super) server: Server,
    /// How often all connections were closed.
    pub(super) closed: u64,
}

impl Host {
    /// An empty server.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock: ServerClock::new(clock), server: Server::new(), closed: 0 }
    }

    /// Carries out a request: a command and its arguments.
    pub(super) fn ask(&mut self, request: &[Vec<u8>]) -> Reply {
        self.server.ask(self.clock.micros(), request)
    }

    /// This happens to the server.
    pub(super) fn happens(&mut self, event: Event) {
        match event {
            Event::Emptied => self.server.empty(),
            Event::Restarted => {
                self.server.forget_scripts();
                self.closed += 1;
            }
            Event::FailedOver(lost) => {
                self.server.fail_over(lost);
                self.closed += 1;
            }
            Event::ScriptsForgotten => self.server.forget_scripts(),
            Event::ClockStepped(by) => self.clock.step(by),
            Event::ClockDrifts(millionths) => self.clock.drift(millionths),
            Event::Writes(no_writes) => self.server.set_no_writes(no_writes),
        }
    }
}
