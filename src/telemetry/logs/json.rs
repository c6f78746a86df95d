//! A log line as one JSON object, written in one go.
//!
//! tracing-subscriber's own JSON has the same members. It reads and writes the fields of a span again
//! for each line in it, and together with serde's detours that was a sixth of what a forward costs.

use std::fmt::{self, Debug, Write};

use serde_json::Number;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;

/// A whole line: time, level, the event's fields, target, and the span that it stands in.
pub(super) struct Line {
    clock: Clock,
}

/// Fields as `,"name":value` for each.
pub(super) struct Fields;

/// Longer than most lines, so that one seldom grows while it is made.
const USUAL_LENGTH: usize = 768;
/// Most bytes of a value that are shown: libraries log what others send.
const LONGEST_VALUE: usize = 2 << 10;
/// Bytes of a line beyond which its values are left out, and the same of a span's fields.
const LONGEST_LINE: usize = 16 << 10;

impl Line {
    /// With the machine's time: the log is of the process, whatever clocks its parts have.
    pub(super) fn new() -> Self {
        Self { clock: Clock::system() }
    }
}

impl<S> FormatEvent<S, Fields> for Line
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Fields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut members = Members::with_room_for(USUAL_LENGTH);
        write!(members.text, "{{\"timestamp\":\"{:.6}\"", self.clock.wall())?;
        members.text("level", metadata.level().as_str());
        event.record(&mut members);
        let target = members.log_target.take();
        members.text("target", target.as_deref().unwrap_or(metadata.target()));
        if let Some(span) = context.lookup_current() {
            members.text.push_str(",\"span\":{\"name\":\"");
            members.text.push_str(span.name());
            members.text.push('"');
            if let Some(fields) = span.extensions().get::<FormattedFields<Fields>>() {
                members.text.push_str(fields);
            }
            members.text.push('}');
        }
        members.text.push_str("}\n");
        writer.write_str(&members.text)
    }
}

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut members = Members::with_room_for(0);
        fields.record(&mut members);
        writer.write_str(&members.text)
    }
}

/// Members of an object, each behind a comma.
struct Members {
    text: String,
    /// Where a line comes from that a library wrote with the `log` crate.
    log_target: Option<String>,
}

impl Members {
    fn with_room_for(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), log_target: None }
    }

    fn name(&mut self, name: &str) {
        self.text.push_str(",\"");
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text.push('"');
        let _ = self.value().write_str(value);
        self.text.push('"');
    }

    /// Writes a value as far as there is room for it.
    fn value(&mut self) -> Escaped<'_> {
        let room = LONGEST_VALUE.min(LONGEST_LINE.saturating_sub(self.text.len()));
        Escaped { text: &mut self.text, room }
    }

    /// What looks in JSON as it does everywhere.
    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        let _ = write!(self.text, "{value}");
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        // So tracing names what a line of the `log` crate has beside its words.
        if field.name() == "log.target" {
            self.log_target = Some(value.to_owned());
        }
        self.text(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.name(field.name());
        self.text.push('"');
        let _ = write!(self.value(), "{value:?}");
        self.text.push('"');
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity.
        match Number::from_f64(value) {
            Some(number) => self.plain(field.name(), number),
            None => self.plain(field.name(), "null"),
        }
    }
}

/// Writes what stands within the quotes of a JSON string, and fails where there is no more room.
struct Escaped<'a> {
    text: &'a mut String,
    /// In bytes, before they are escaped.
    room: usize,
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.room {
            self.room -= text.len();
            push_escaped(self.text, text);
            return Ok(());
        }
        push_escaped(self.text, &text[..text.floor_char_boundary(self.room)]);
        self.text.push('…');
        Err(fmt::Error)
    }
}

fn push_escaped(line: &mut String, text: &str) {
    // Most texts have nothing to be escaped, which many bytes at a time can tell.
    if !text.bytes().fold(false, |found, byte| found | needs_escape(byte)) {
        return line.push_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        line.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            byte @ (b'"' | b'\\') => line.extend(['\\', char::from(byte)]),
            b'\n' => line.push_str("\\n"),
            byte => drop(write!(line, "\\u{byte:04x}")),
        }
        rest = &rest[at + 1..];
    }
    line.push_str(rest);
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Book(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Book {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The one line that `log` logs.
    fn line(log: impl FnOnce()) -> Value {
        let book = Book::default();
        let written = Arc::clone(&book.0);
        let lines = tracing_subscriber::fmt().with_writer(move || book.clone());
        with_default(lines.fmt_fields(Fields).event_format(Line::new()).finish(), log);
        let text = String::from_utf8(written.lock().expect("no panic").clone()).expect("UTF-8");
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn a_line_has_each_field_in_its_kind() {
        let mut line = line(|| {
            let nothing: Option<u8> = None;
            tracing::warn!(
                text = "t", number = 7, less = -7, part = 0.25, huge = f64::INFINITY, is_it = true,
                shown = %"s", debugged = ?Some("d"), nothing, "told"
            );
        });
        let time = line["timestamp"].take();
        let time = time.as_str().expect("a time");
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        assert_eq!(
            line,
            json!({
                "timestamp": null, "level": "WARN", "message": "told", "text": "t", "number": 7, "less": -7,
                "part": 0.25, "huge": null, "is_it": true, "shown": "s", "debugged": "Some(\"d\")",
                "target": module_path!(),
            })
        );
    }

    #[test]
    fn a_line_of_the_log_crate_has_its_own_target() {
        let line = line(|| tracing::info!(log.target = "rustls::client", "told"));
        assert_eq!(line["target"], "rustls::client");
    }

    #[test]
    fn a_line_has_the_fields_of_the_innermost_span() {
        let line = line(|| {
            let _outer = tracing::error_span!("outer", a = 1).entered();
            let span = tracing::error_span!("inner", b = "2", c = tracing::field::Empty).entered();
            span.record("c", 3);
            tracing::info!("told");
        });
        assert_eq!(line["span"], json!({ "name": "inner", "b": "2", "c": 3 }));
    }

    #[test]
    fn no_line_is_as_long_as_what_somebody_sends() {
        let long = "\u{1}ü\u{1}".repeat(100_000);
        let line = line(|| {
            let _span =
                tracing::error_span!("span", a = long, b = %long, c = ?long, d = long).entered();
            tracing::info!(a = long, b = %long, c = ?long, d = long, e = long, f = long, "{long}");
        });
        for (name, value) in line.as_object().expect("an object") {
            let length = value.as_str().map_or(0, str::len);
            assert!(length <= LONGEST_VALUE + '…'.len_utf8(), "{name} has {length} bytes");
        }
        assert!(line["a"].as_str().is_some_and(|it| it.starts_with("\u{1}ü") && it.ends_with('…')));
        assert!(line["span"]["d"].is_string());
        // The writer would cut a longer one.
        assert!(line.to_string().len() < 64 << 10);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text: String) {
            let line = line(|| tracing::info!(text, shown = %text, "{text}"));
            prop_assert_eq!((&line["text"], &line["shown"], &line["message"]), (&json!(text), &json!(text), &json!(text)));
        }
    }
}
