//! The server: what becomes of a request, and what can happen to the server itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::ServerClock;
use super::engine::Engine;
use super::faults::Event;
use super::master::Master;
use super::numbers;
use super::replica::Replica;
use super::reply::Reply;
use crate::clock::Clock;

/// A server with a replica that is ready to take over.
pub(super) struct Server {
    pub(super) clock: ServerClock,
    master: Arc<Mutex<Master>>,
    engine: Engine,
    replica: Replica,
    /// How often all connections were closed.
    pub(super) closed: u64,
}

impl Server {
    /// An empty one.
    pub(super) fn new(clock: Clock) -> Self {
        let master = Arc::new(Mutex::new(Master::default()));
        let engine = Engine::new(&master).expect("the prelude is Lua");
        let (replica, closed) = Default::default();
        Self { clock: ServerClock::new(clock), master, engine, replica, closed }
    }

    /// Carries out a request: a command and its arguments.
    pub(super) fn ask(&mut self, request: &[Vec<u8>]) -> Reply {
        let now = self.clock.micros();
        self.master().database.now = now;
        let reply = match (&*request[0].to_ascii_uppercase(), &request[1..]) {
            (b"EVAL", [body, keys, rest @ ..]) => match self.engine.load(body) {
                Ok(script) => self.script(&script, keys, rest),
                Err(why) => Reply::Error(why),
            },
            (b"EVALSHA", [name, keys, rest @ ..]) => {
                self.script(&String::from_utf8_lossy(name).to_ascii_lowercase(), keys, rest)
            }
            (b"SCRIPT", [what, body]) if what.eq_ignore_ascii_case(b"LOAD") => {
                let loaded = self.engine.load(body);
                loaded.map_or_else(Reply::Error, |name| Reply::text(name.as_bytes()))
            }
            (b"SCRIPT", [what]) if what.eq_ignore_ascii_case(b"FLUSH") => {
                self.engine.forget();
                Reply::ok()
            }
            _ => self.master().request(request),
        };
        let written = std::mem::take(&mut self.master().written);
        self.replica.hears(now, written);
        reply
    }

    fn script(&self, name: &str, keys: &[u8], rest: &[Vec<u8>]) -> Reply {
        let refused = |why: &str| Reply::Error(why.to_owned());
        let Some(keys) = numbers::integer(keys) else {
            return refused("ERR value is not an integer or out of range");
        };
        let Ok(keys) = usize::try_from(keys) else {
            return refused("ERR Number of keys can't be negative");
        };
        let Some((keys, arguments)) = rest.split_at_checked(keys) else {
            return refused("ERR Number of keys can't be greater than number of args");
        };
        let reply = self.engine.run(name, keys, arguments);
        reply.unwrap_or_else(|| refused("NOSCRIPT No matching script. Please use EVAL."))
    }

    /// This happens to the server.
    pub(super) fn happens(&mut self, event: Event) {
        match event {
            Event::Emptied => {
                self.master().database.clear();
                self.replica = Replica::default();
            }
            Event::Restarted => self.restart(),
            Event::FailedOver(lost) => {
                self.master().database = self.replica.takes_over(lost);
                // No server tells another one its scripts.
                self.restart();
            }
            Event::ScriptsForgotten => self.engine.forget(),
            Event::ClockStepped(by) => self.clock.step(by),
            Event::ClockDrifts(millionths) => self.clock.drift(millionths),
            Event::Writes(no_writes) => self.master().no_writes = no_writes,
        }
    }

    fn restart(&mut self) {
        self.engine.forget();
        self.closed += 1;
    }

    pub(super) fn master(&self) -> MutexGuard<'_, Master> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
