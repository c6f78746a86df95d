//! A history that never ends is to be found again.

use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a history may take, in real time: most take less than a second, and the longest some ten on a busy machine.
const LONGEST: Duration = Duration::from_mins(2);

/// Watches until it is dropped.
pub(super) struct Watchdog(#[expect(dead_code, reason = "its end is what is heard")] Sender<()>);

impl Watchdog {
    /// Ends the process if a history with this seed takes too long. A task that never waits cannot be interrupted.
    pub(super) fn of(seed: u64) -> Self {
        let (watched, ended) = channel();
        thread::spawn(move || {
            #[expect(clippy::print_stdout, reason = "the seed is all that is left of it")]
            if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                println!("seed {seed:#x} breaks a promise: it still runs after {LONGEST:?}");
                process::exit(1);
            }
        });
        Self(watched)
    }
}
