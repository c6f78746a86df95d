//! The server that commands are carried out on.

use super::commands::{Command, Effect};
use super::database::Database;
use super::reply::Reply;

/// Why a server takes no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWrites {
    /// Its memory is full: it takes what needs no more.
    Full,
    /// It is a replica.
    ReadOnly,
}

/// The data of the server, and what becomes of commands.
#[derive(Default)]
pub(crate) struct Master {
    pub(crate) database: Database,
    /// How many commands were carried out, those of scripts included.
    pub(crate) carried_out: u64,
    pub(crate) no_writes: Option<NoWrites>,
    /// Whether the request that is carried out has written.
    pub(crate) has_written: bool,
    /// What it has written, if there is a replica to tell it to: commands with their arguments.
    pub(crate) written: Option<Vec<Vec<Vec<u8>>>>,
}

impl Master {
    /// Carries out a command of a script.
    pub(crate) fn call(&mut self, arguments: &[Vec<u8>]) -> Reply {
        let command = Command::named(&arguments[0]);
        let refused = |why: &str| Reply::Error(why.to_owned());
        let Some(command) = command else {
            return refused("ERR Unknown Redis command called from script");
        };
        if command.refuses(arguments.len() - 1) {
            return refused("ERR Wrong number of args calling Redis command from script");
        }
        self.carry_out(command, arguments)
    }

    /// Carries out a command of a client.
    pub(crate) fn request(&mut self, arguments: &[Vec<u8>]) -> Reply {
        let name = String::from_utf8_lossy(&arguments[0]).into_owned();
        let Some(command) = Command::named(&arguments[0]) else {
            let shown = |it: &Vec<u8>| format!("'{}' ", String::from_utf8_lossy(it));
            let rest: String = arguments[1..].iter().map(shown).collect();
            let why = format!("ERR unknown command '{name}', with args beginning with: {rest}");
            return Reply::Error(why);
        };
        if command.refuses(arguments.len() - 1) {
            let name = name.to_ascii_lowercase();
            let why = format!("ERR wrong number of arguments for '{name}' command");
            return Reply::Error(why);
        }
        self.carry_out(command, arguments)
    }

    fn carry_out(&mut self, command: &Command, arguments: &[Vec<u8>]) -> Reply {
        self.carried_out += 1;
        let why = match (command.effect, self.no_writes) {
            (Effect::Writes | Effect::Grows, Some(NoWrites::ReadOnly)) => {
                "READONLY You can't write against a read only replica."
            }
            (Effect::Grows, Some(NoWrites::Full)) if !self.has_written => {
                "OOM command not allowed when used memory > 'maxmemory'."
            }
            _ => {
                let reply = command.run(&mut self.database, &arguments[1..]);
                if command.effect != Effect::Reads && !matches!(reply, Reply::Error(_)) {
                    // From now on a script may go on although the memory is full.
                    self.has_written = true;
                    if let Some(written) = &mut self.written {
                        written.push(arguments.to_vec());
                    }
                }
                return reply;
            }
        };
        Reply::Error(why.to_owned())
    }
}
