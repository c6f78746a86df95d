//! What signals do: SIGTERM and SIGINT end the process, SIGHUP has keys and secrets read again.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{Application, Reloader};
use crate::clock::Clock;
use crate::telemetry::logs::WRITTEN_AFTER;

/// The process was ended by a second signal.
const EXIT_SIGNAL: i32 = 130;

/// Runs until a signal comes. A second signal ends the process about 100 ms later, so that the log is written.
pub(super) async fn stopped(application: Application, hangups: Reading) -> ExitCode {
    actix_web::rt::spawn(hangups.heed_by(application.reloader()));
    let mut signals = EndSignals::heed();
    let stop = async move {
        signals.next().await;
        actix_web::rt::spawn(async move {
            signals.next().await;
            // The guard of the log belongs to the caller, which waits for the drain.
            let clock = Clock::system();
            clock.sleep_until(clock.now() + WRITTEN_AFTER).await;
            std::process::exit(EXIT_SIGNAL);
        });
    };
    match application.run_until_stopped(stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "stopped");
            ExitCode::FAILURE
        }
    }
}

/// The signals that end the process. Each is kept until it is received.
struct EndSignals(Option<[Signal; 2]>);

impl EndSignals {
    fn heed() -> Self {
        let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        Self(match signals {
            [Ok(terminate), Ok(interrupt)] => Some([terminate, interrupt]),
            // Without handlers a signal ends the process by itself.
            _ => None,
        })
    }

    async fn next(&mut self) {
        let Some([terminate, interrupt]) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// SIGHUP, which does not end the process. One that comes during the start is kept.
pub(super) struct Hangups(Option<Signal>);

impl Hangups {
    pub(super) fn heed() -> Self {
        Self(signal(SignalKind::hangup()).ok())
    }

    /// SIGHUP, and the file and the variables that it has read again.
    pub(super) fn reading(
        self,
        file: Option<PathBuf>,
        variables: Vec<(String, String)>,
    ) -> Reading {
        Reading { hangups: self, file, variables }
    }
}

/// SIGHUP, and the file and the variables that it has read again.
pub(super) struct Reading {
    hangups: Hangups,
    file: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Reading {
    async fn heed_by(mut self, reloader: Reloader) {
        let Some(hangups) = &mut self.hangups.0 else {
            return;
        };
        while hangups.recv().await.is_some() {
            reloader.read_again(self.file.clone(), self.variables.clone()).await;
        }
    }
}
