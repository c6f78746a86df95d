//! Where log lines go and how they look.

mod dropped;
mod json;
mod writer;

use std::any::Any;
use std::io::{self, IsTerminal};
use std::panic::{self, Location};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use dropped::Target;
use json::{Fields, Line};
use writer::Lines;

pub(super) use dropped::metric as dropped_lines;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for machines.
    Json,
    /// Text for people in front of a terminal.
    Text,
}

/// How long an end at once waits for the log: as long as one that is read takes.
pub const SHORT: Duration = Duration::from_millis(100);

/// The lines of this process that are still to be written to standard output.
static STDOUT: LazyLock<Lines> = LazyLock::new(Lines::to_stdout);

/// Sends the process's log lines to standard output, what panics say too. Fails when the filter does not
/// parse; a second call changes nothing.
///
/// Nobody who logs waits for who reads the log: lines that do not fit into a buffer are dropped.
pub fn init(format: Format, filter: &str) -> Result<(), ParseError> {
    init_to(format, filter, STDOUT.clone())?;
    panic::set_hook(Box::new(|panic| {
        panicked(panic.location(), panic.payload());
        // These may be the last words of the process.
        if thread::current().name() == Some("main") {
            flush(SHORT);
        }
    }));
    Ok(())
}

/// What is said in other words than the program's own may hold those of others, so it is left out.
fn panicked(place: Option<&Location<'_>>, payload: &dyn Any) {
    let words = payload.downcast_ref::<&'static str>();
    tracing::error!(place = place.map(tracing::field::display), words, "panicked");
}

/// Writes `text` among the log lines.
pub fn print(text: &str) {
    STDOUT.add(Target::Gateway, text.as_bytes());
}

/// Returns once all lines are written, or after `longest`: whoever ends the process calls it before.
pub fn flush(longest: Duration) {
    STDOUT.flush(longest);
}

/// The same to somewhere else.
pub fn init_to<W>(format: Format, filter: &str, writer: W) -> Result<(), ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter_of(&without_chatter(filter))?;
    // What a layer has to say of itself would go to standard error, which may be a pipe that is full.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    let lines = match format {
        Format::Json => lines.fmt_fields(Fields).event_format(Line::new()).boxed(),
        Format::Text => lines.with_ansi(io::stdout().is_terminal()).with_target(false).boxed(),
    };
    // A subscriber that is already there belongs to whoever set it up first.
    let _ = registry().with(lines).with(filter).try_init();
    Ok(())
}

type Filter<S> = Box<dyn Layer<S> + Send + Sync>;

/// What names no span needs no look, under a lock that all threads share, at each span that is entered.
fn filter_of<S: Subscriber>(directives: &str) -> Result<Filter<S>, ParseError> {
    match directives.parse::<Targets>() {
        Ok(filter) if directives.split(',').all(is_plain) => Ok(filter.boxed()),
        _ => Ok(EnvFilter::builder().parse(directives)?.boxed()),
    }
}

/// Whether it names no span and says all that it means: what is left out, the two kinds of filters take
/// for different levels.
fn is_plain(directive: &str) -> bool {
    let directive = directive.trim();
    !directive.is_empty() && !directive.ends_with('=') && !directive.contains('[')
}

/// What the server framework tells by itself: how it starts, at `info`, and at `error` each connection
/// that brings something else than HTTP, which the gateway counts and tells at `debug`. Whoever wants to
/// know can name it.
const CHATTER: [(&str, &str); 2] = [("actix_server", "warn"), ("actix_http", "off")];

fn without_chatter(filter: &str) -> String {
    let mut whole = filter.to_owned();
    if filter != "off" {
        for (target, level) in CHATTER.iter().filter(|(target, _)| !filter.contains(target)) {
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
            panicked(Some(Location::caller()), &"a literal");
            panicked(None, &"oc_somebody".to_owned());
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
            let filter_of: Filter<Registry> =
                filter_of(&without_chatter(filter)).expect("a filter");
            assert_eq!(filter_of.max_level_hint(), Some(most), "{filter}");
        }
    }
}
