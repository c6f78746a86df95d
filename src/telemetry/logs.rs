//! Where log lines go and how they look.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::{EnvFilter, fmt};

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for machines.
    Json,
    /// Text for people in front of a terminal.
    Text,
}

/// Sends the process's log lines to standard output. Fails when the filter does not parse; a second
/// call changes nothing.
pub fn init(format: Format, filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(without_chatter(filter))?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stdout);
    // A subscriber that is already there belongs to whoever set it up first.
    let _ = match format {
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
        Format::Text => lines.with_ansi(io::stdout().is_terminal()).with_target(false).try_init(),
    };
    Ok(())
}

/// The server framework tells how it starts, at `info`; whoever wants to know can name it.
fn without_chatter(filter: &str) -> String {
    if filter == "off" || filter.contains("actix_server") {
        filter.to_owned()
    } else {
        format!("{filter},actix_server=warn")
    }
}
