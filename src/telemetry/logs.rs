//! The log of the process: where its lines go, what they look like, and which of them are written.

mod appender;
mod dropped;
mod json;
mod output;

use std::any::Any;
use std::io::{self, IsTerminal};
use std::panic::{self, Location};

use tracing::Subscriber;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use appender::Appenders;
use json::JsonLines;
use output::StandardOutput;

use super::traces::{TARGET as TRACES, Traces};

pub use appender::{LogGuard, WRITTEN_AFTER};
pub(super) use dropped::metric as dropped_lines;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for machines.
    Json,
    /// Text for people in front of a terminal.
    Text,
}

/// Sends the log lines of the process, panics included, to standard output.
///
/// Nobody who logs waits for the reader of standard output: lines that do not fit into a buffer are dropped and
/// counted. The guard writes the last lines when it is dropped. The spans of traces go to `traces`, if there is one. A
/// process has one log: where there is a subscriber already, it stays. Fails when `filter` does not parse.
pub fn init(format: Format, filter: &str, traces: Option<&Traces>) -> Result<LogGuard, ParseError> {
    let (appenders, guard) = Appenders::to(StandardOutput);
    init_to(format, filter, traces, appenders)?;
    panic::set_hook(Box::new(|panic| log_panic(panic.location(), panic.payload())));
    Ok(guard)
}

/// Logs a panic with its place. A message that is not a literal may hold what a caller sent, so it is left out.
fn log_panic(place: Option<&Location<'_>>, payload: &dyn Any) {
    let words = payload.downcast_ref::<&'static str>();
    tracing::error!(place = place.map(tracing::field::display), words, "panicked");
}

/// Sends the log lines of the process to `writer`. A subscriber that is there already stays. Fails when `filter`
/// does not parse.
pub fn init_to<W>(
    format: Format,
    filter: &str,
    traces: Option<&Traces>,
    writer: W,
) -> Result<(), ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = LineFilter::parse(&with_quiet_framework(filter))?;
    let lines = match format {
        Format::Json => JsonLines::to(writer).boxed(),
        Format::Text => fmt::layer()
            .with_writer(writer)
            .with_ansi(io::stdout().is_terminal())
            .with_target(false)
            // The layer would write its own failures to standard error, which may be a pipe that is full.
            .log_internal_errors(false)
            .boxed(),
    };
    let _ = match traces {
        // The filter of the lines is that of everything, which costs less for each span than one for each layer.
        None => registry().with(lines).with(filter.of_everything()).try_init(),
        Some(traces) => {
            registry().with(lines.with_filter(filter.of_lines())).with(traces.layer()).try_init()
        }
    };
    Ok(())
}

/// Which lines are written.
#[expect(clippy::large_enum_variant, reason = "a process makes one")]
enum LineFilter {
    Targets(Targets),
    Env(EnvFilter),
}

impl LineFilter {
    /// Parses the directives, to `Targets` where that is enough: `EnvFilter` takes a lock that all threads share each
    /// time that a span is entered, to look for directives that name spans.
    fn parse(directives: &str) -> Result<Self, ParseError> {
        match directives.parse::<Targets>() {
            Ok(filter) if directives.split(',').all(is_plain) => Ok(Self::Targets(filter)),
            _ => Ok(Self::Env(EnvFilter::builder().parse(directives)?)),
        }
    }

    fn of_everything<S: Subscriber>(self) -> Box<dyn Layer<S> + Send + Sync> {
        match self {
            Self::Targets(filter) => filter.boxed(),
            Self::Env(filter) => filter.boxed(),
        }
    }

    fn of_lines<S>(self) -> Box<dyn Filter<S> + Send + Sync> {
        match self {
            Self::Targets(filter) => Box::new(filter),
            Self::Env(filter) => Box::new(filter),
        }
    }
}

/// Whether a directive names no span and leaves out no level: the two kinds of filters read what is left out
/// as different levels.
fn is_plain(directive: &str) -> bool {
    let directive = directive.trim();
    !directive.is_empty() && !directive.ends_with('=') && !directive.contains('[')
}

/// Targets of the server framework, with levels that leave out what the gateway says itself: at `info` that it
/// starts, and at `error` each connection that brings something else than HTTP, which the gateway counts and
/// logs at `debug`. `rmcp` would log the words of callers. The spans of traces are no part of a line. A filter that
/// names such a target is left as it is.
const QUIET_FRAMEWORK: [(&str, &str); 4] =
    [("actix_server", "warn"), ("actix_http", "off"), ("rmcp", "off"), (TRACES, "off")];

fn with_quiet_framework(filter: &str) -> String {
    let mut whole = filter.to_owned();
    if filter != "off" {
        for (target, level) in QUIET_FRAMEWORK.iter().filter(|(target, _)| !filter.contains(target))
        {
            whole = format!("{whole},{target}={level}");
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tracing_subscriber::Registry;
    use tracing_subscriber::filter::LevelFilter;

    use super::*;

    #[test]
    fn a_panic_is_logged_with_its_place_and_none_but_the_programs_own_words() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let writer = file.reopen().expect("a file");
        let subscriber = fmt().with_writer(move || writer.try_clone().expect("a descriptor"));
        tracing::subscriber::with_default(subscriber.finish(), || {
            log_panic(Some(Location::caller()), &"a literal");
            log_panic(None, &"oc_somebody".to_owned());
        });
        let log = fs::read_to_string(file.path()).expect("lines");
        assert!(log.contains("a literal") && log.contains("logs.rs"), "{log}");
        assert!(log.lines().count() == 2 && !log.contains("oc_somebody"), "{log}");
    }

    #[test]
    fn what_a_filter_leaves_out_means_what_it_always_did() {
        for (filter, most) in [
            ("info", LevelFilter::INFO),
            ("info,", LevelFilter::INFO),
            ("warn,audit=info", LevelFilter::INFO),
            ("warn,,audit=info", LevelFilter::INFO),
            ("info,audit=", LevelFilter::TRACE),
            ("", LevelFilter::WARN),
            ("off", LevelFilter::OFF),
        ] {
            let parsed = LineFilter::parse(&with_quiet_framework(filter)).expect("a filter");
            let parsed = parsed.of_everything::<Registry>();
            assert_eq!(parsed.max_level_hint(), Some(most), "{filter}");
        }
    }
}
