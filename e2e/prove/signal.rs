//! Signals to processes that a proof has started.

use std::process::{Child, Command};

/// A signal that a process gets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// Drain and end.
    Terminate,
    /// End at once.
    Kill,
    /// Stand still.
    Stop,
    /// Go on.
    Continue,
}

/// Sends a signal to a child that has not been waited for.
pub(crate) fn send(child: &Child, signal: Signal) {
    let name = match signal {
        Signal::Terminate => "-TERM",
        Signal::Kill => "-KILL",
        Signal::Stop => "-STOP",
        Signal::Continue => "-CONT",
    };
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("kill can be run").success(), "{signal:?} cannot be sent");
}
