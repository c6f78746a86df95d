//! Programs that prove promises in real time: the gateway as a process of its own in front of the
//! simulator, on loopback. `make soak`, `make soak-replicas`, `make overload`, `make memory`, `make broadcasts`, `make scale`
//! and `make test-upgrade` run them, and `cargo test` does not.
#![expect(clippy::print_stdout, reason = "this is what talks to people")]
#![expect(clippy::disallowed_methods, reason = "each proof has chances of its own, in real time")]

mod broadcast_load;
mod broadcasts;
mod broadcasts_cost;
mod call;
mod gateway;
mod memory;
mod overload;
mod person;
mod program;
mod redis;
mod replicas;
mod scale;
mod seen;
mod signal;
mod soak;
mod upgrade;
mod verdict;

use std::env;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be heard");
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be heard");
    let which = env::args().nth(1).unwrap_or_default();
    let proof = async {
        match which.as_str() {
            "soak" => soak::run().await,
            "overload" => overload::run().await,
            "memory" => memory::run().await,
            "broadcasts" => broadcasts::run().await,
            "upgrade" => upgrade::run().await,
            "broadcasts-cost" => broadcasts_cost::run().await,
            "scale" => scale::run().await,
            _ => vec![
                "name what is to be proved: soak, overload, memory, broadcasts, upgrade, broadcasts-cost or scale"
                    .to_owned(),
            ],
        }
    };
    // Returning drops what was started, the gateway's process with it.
    let violations = tokio::select! {
        violations = proof => violations,
        _ = terminate.recv() => vec!["stopped".to_owned()],
        _ = interrupt.recv() => vec!["stopped".to_owned()],
    };
    for violation in violations.iter().take(SHOWN) {
        println!("VIOLATION: {violation}");
    }
    if violations.is_empty() {
        println!("{which}: ok");
        return ExitCode::SUCCESS;
    }
    println!("{which}: {} violations", violations.len());
    ExitCode::FAILURE
}

/// Violations that are written out. More would teach nothing more.
const SHOWN: usize = 20;
