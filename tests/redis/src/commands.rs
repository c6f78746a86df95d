//! The commands that the gateway's scripts, its client and its tests use. Any other one is unknown.

mod hashes;
mod keys;
mod server;
mod sorted_sets;
mod texts;

use super::database::{Database, Refusal};
use super::numbers;
use super::reply::Reply;

/// What a command does to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It reads.
    Reads,
    /// It writes, and takes no more memory.
    Writes,
    /// It writes what takes more memory.
    Grows,
}

/// A command.
pub(crate) struct Command {
    name: &'static str,
    /// The least and the most arguments that it takes, its name not counted.
    takes: (usize, usize),
    pub(crate) effect: Effect,
    run: fn(&mut Database, &[Vec<u8>]) -> Result<Reply, Refusal>,
}

const MANY: usize = usize::MAX;

/// Each command by its name.
const COMMANDS: &[Command] = {
    use Effect::{Grows, Reads, Writes};
    &[
        command("DBSIZE", (0, 0), Reads, server::size),
        command("DEL", (1, MANY), Writes, keys::remove),
        command("DUMP", (1, 1), Reads, keys::dump),
        command("EXISTS", (1, MANY), Reads, keys::exist),
        command("EXPIRE", (2, 2), Writes, keys::expire),
        command("FLUSHALL", (0, 0), Writes, server::empty),
        command("GET", (1, 1), Reads, texts::get),
        command("HDEL", (2, MANY), Writes, hashes::remove),
        command("HEXISTS", (2, 2), Reads, hashes::exists),
        command("HGET", (2, 2), Reads, hashes::get),
        command("HGETALL", (1, 1), Reads, hashes::all),
        command("HLEN", (1, 1), Reads, hashes::size),
        command("HMGET", (2, MANY), Reads, hashes::get_many),
        command("HSET", (3, MANY), Grows, hashes::set),
        command("HSTRLEN", (2, 2), Reads, hashes::length),
        command("INFO", (0, 1), Reads, server::info),
        command("KEYS", (1, 1), Reads, keys::names),
        command("MEMORY", (2, 2), Reads, server::memory),
        command("MGET", (1, MANY), Reads, texts::get_many),
        command("PERSIST", (1, 1), Writes, keys::persist),
        command("PEXPIRE", (2, 2), Writes, keys::expire_millis),
        command("PING", (0, 0), Reads, server::ping),
        command("PTTL", (1, 1), Reads, keys::millis_left),
        command("RENAME", (2, 2), Writes, keys::rename),
        command("RPUSH", (2, MANY), Grows, texts::push),
        command("SET", (2, MANY), Grows, texts::set),
        command("STRLEN", (1, 1), Reads, texts::length),
        command("TIME", (0, 0), Reads, server::time),
        command("TYPE", (1, 1), Reads, keys::kind),
        command("UNLINK", (1, MANY), Writes, keys::remove),
        command("ZADD", (3, MANY), Grows, sorted_sets::add),
        command("ZCARD", (1, 1), Reads, sorted_sets::size),
        command("ZCOUNT", (3, 3), Reads, sorted_sets::count),
        command("ZLEXCOUNT", (3, 3), Reads, sorted_sets::count_by_name),
        command("ZRANGE", (3, MANY), Reads, sorted_sets::by_place),
        command("ZRANGEBYLEX", (3, MANY), Reads, sorted_sets::by_name),
        command("ZRANGEBYSCORE", (3, MANY), Reads, sorted_sets::by_score),
        command("ZREM", (2, MANY), Writes, sorted_sets::remove),
        command("ZREMRANGEBYSCORE", (3, 3), Writes, sorted_sets::remove_by_score),
        command("ZREVRANGEBYLEX", (3, MANY), Reads, sorted_sets::by_name_backwards),
        command("ZSCORE", (2, 2), Reads, sorted_sets::score),
    ]
};

const fn command(
    name: &'static str,
    takes: (usize, usize),
    effect: Effect,
    run: fn(&mut Database, &[Vec<u8>]) -> Result<Reply, Refusal>,
) -> Command {
    Command { name, takes, effect, run }
}

impl Command {
    /// The command of this name.
    pub(crate) fn named(name: &[u8]) -> Option<&'static Self> {
        COMMANDS.iter().find(|it| it.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether so many arguments are too few or too many.
    pub(crate) fn refuses(&self, arguments: usize) -> bool {
        arguments < self.takes.0 || arguments > self.takes.1
    }

    /// Carries it out with arguments that are as many as it takes.
    pub(crate) fn run(&self, database: &mut Database, arguments: &[Vec<u8>]) -> Reply {
        (self.run)(database, arguments).unwrap_or_else(Reply::Error)
    }
}

fn integer(text: &[u8]) -> Result<i64, Refusal> {
    numbers::integer(text).ok_or_else(|| "ERR value is not an integer or out of range".to_owned())
}

fn syntax() -> Refusal {
    "ERR syntax error".to_owned()
}
