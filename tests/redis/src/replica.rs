//! A replica of the server, to which each write is told after it.

use std::collections::VecDeque;

use super::database::Database;
use super::master::Master;

/// The most writes that a replica that takes over can lack.
pub const MOST_LOST: usize = 64;

/// What a replica knows, and what it has yet to carry out.
pub(crate) struct Replica {
    known: Master,
    heard: VecDeque<Write>,
}

/// The commands of one request that wrote.
struct Write {
    at: i64,
    commands: Vec<Vec<Vec<u8>>>,
}

impl Replica {
    /// One that knows this.
    pub(crate) fn of(database: Database) -> Self {
        let known = Master { database, ..Master::default() };
        Self { known, heard: VecDeque::new() }
    }

    /// Hears of what a request has written.
    pub(crate) fn hears(&mut self, at: i64, commands: Vec<Vec<Vec<u8>>>) {
        if !commands.is_empty() {
            self.heard.push_back(Write { at, commands });
            self.carry_out(MOST_LOST);
        }
    }

    /// What it knows without the last writes. From then on it is a replica of that.
    pub(crate) fn takes_over(&mut self, lost: usize) -> Database {
        self.carry_out(lost);
        self.heard.clear();
        self.known.database.clone()
    }

    /// Carries out what it has heard, except for the last writes.
    fn carry_out(&mut self, left: usize) {
        while self.heard.len() > left {
            let Some(write) = self.heard.pop_front() else { return };
            self.known.database.now = write.at;
            for command in &write.commands {
                self.known.request(command);
            }
        }
    }
}
