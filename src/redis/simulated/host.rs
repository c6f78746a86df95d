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
    /// Hears each request, and how many commands were carried out for it.
    pub(super) listener: Option<Listener>,
}

/// Hears each request, and how many commands were carried out for it.
pub(super) type Listener = Box<dyn FnMut(&[Vec<u8>], u64) + Send>;

impl Host {
    /// An empty server.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock: ServerClock::new(clock), server: Server::new(), closed: 0, listener: None }
    }

    /// Carries out a request: a command and its arguments.
    pub(super) fn ask(&mut self, request: &[Vec<u8>]) -> Reply {
        let before = self.server.carried_out();
        let reply = self.server.ask(self.clock.micros(), request);
        if let Some(listener) = &mut self.listener {
            listener(request, self.server.carried_out() - before);
        }
        reply
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
