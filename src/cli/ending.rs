//! How the program ends.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::config::ConfigError;
use crate::telemetry::logs::LogGuard;
use crate::telemetry::traces::Traces;

/// The exit code if the configuration is wrong.
pub(super) const EXIT_CONFIG: u8 = 2;
/// How long the end of the program waits at most for a reader of standard error.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Exports the last spans and writes the last lines of the log. Not on this thread, so that a second signal still ends the
/// process at once.
pub(super) async fn end_telemetry(traces: Option<Traces>, log: LogGuard) {
    if let Some(traces) = traces {
        traces.end().await;
    }
    let _ = tokio::task::spawn_blocking(|| drop(log)).await;
}

/// What exports traces, if the environment asks for it. If it asks for what there is not, that is said, and how to exit.
pub(super) fn traces() -> Result<Option<Traces>, ExitCode> {
    Traces::from_environment(&Handle::current()).map_err(|error| {
        complain(&error.to_string());
        EXIT_CONFIG.into()
    })
}

pub(super) fn refuse(errors: &[ConfigError]) -> ExitCode {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    complain(&lines.join("\n"));
    EXIT_CONFIG.into()
}

/// Writes to standard error why the program ends. A thread does it, because standard error may be a full pipe that
/// nobody reads.
pub(super) fn complain(why: &str) {
    let line = format!("{why}\n");
    let (said, end) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stderr().write_all(line.as_bytes());
        let _ = said.send(());
    });
    let _ = end.recv_timeout(LAST_WORDS);
}

/// Writes the output of a command to standard output. If nobody reads it to its end, or the disk is full, the command
/// fails; `println!` would panic.
pub(super) fn print(output: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot write the output: {error}"));
            ExitCode::FAILURE
        }
    }
}
