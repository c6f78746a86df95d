//! The server: what becomes of a request, and what can happen to the server itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::database::Database;
use super::engine::Engine;
use super::master::{Master, NoWrites};
use super::numbers;
use super::replica::Replica;
use super::reply::Reply;

/// A server, with a replica that is ready to take over or without.
pub struct Server {
    master: Arc<Mutex<Master>>,
    engine: Engine,
    replica: Option<Replica>,
}

impl Server {
    /// An empty one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "there is no use for it")]
    pub fn new() -> Self {
        let master = Arc::new(Mutex::new(Master::default()));
        let engine = Engine::new(&master).expect("the prelude is Lua");
        Self { master, engine, replica: None }
    }

    /// Carries out a request: a command and its arguments. The wall clock shows `now`, in microseconds since 1970.
    pub fn ask(&mut self, now: i64, request: &[Vec<u8>]) -> Reply {
        {
            let mut master = self.master();
            (master.database.now, master.has_written) = (now, false);
        }
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
        let written = self.master().written.as_mut().map(std::mem::take);
        if let (Some(replica), Some(written)) = (&mut self.replica, written) {
            replica.hears(now, written);
        }
        reply
    }

    /// How many commands were carried out, those of scripts included.
    #[must_use]
    pub fn carried_out(&self) -> u64 {
        self.master().carried_out
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

    /// All keys are gone.
    pub fn empty(&mut self) {
        self.master().database.clear();
        self.replica = self.replica.take().map(|_| Replica::of(Database::default()));
    }

    /// From now on there is a replica, which every write is told.
    pub fn add_replica(&mut self) {
        let replica = {
            let mut master = self.master();
            master.written = Some(Vec::new());
            Replica::of(master.database.clone())
        };
        self.replica = Some(replica);
    }

    /// The replica takes over. It lacks so many of the last writes, at most [`MOST_LOST`]. A script's writes are one.
    ///
    /// # Panics
    ///
    /// If there is no replica.
    ///
    /// [`MOST_LOST`]: crate::MOST_LOST
    pub fn fail_over(&mut self, lost: usize) {
        let replica = self.replica.as_mut().expect("a replica");
        let known = replica.takes_over(lost);
        self.master().database = known;
        // No server tells another one its scripts.
        self.forget_scripts();
    }

    /// It forgets all scripts, as one that was restarted.
    pub fn forget_scripts(&mut self) {
        self.engine.forget();
    }

    /// From now on it takes no writes, or takes them again.
    pub fn set_no_writes(&mut self, no_writes: Option<NoWrites>) {
        self.master().no_writes = no_writes;
    }

    fn master(&self) -> MutexGuard<'_, Master> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
