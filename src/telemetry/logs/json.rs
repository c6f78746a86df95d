//! A log line as one JSON object, written piece by piece.
//!
//! tracing-subscriber's own JSON has the same members. It reads and writes the fields of a span again
//! for each line in it, and together with serde's detours that was a sixth of what a forward costs.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// A whole line: time, level, the event's fields, target, and the span that it stands in.
pub(super) struct Line;

/// Fields as `,"name":value` for each.
pub(super) struct Members;

impl<S> FormatEvent<S, Members> for Line
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_char('"')?;
        let mut members = MemberWriter::new(writer.by_ref());
        event.record(&mut members);
        let MemberWriter { result, log_target, .. } = members;
        result?;
        begin_member(&mut writer, "target")?;
        quoted(&mut writer, log_target.as_deref().unwrap_or(metadata.target()))?;
        if let Some(span) = context.lookup_current() {
            writer.write_str(",\"span\":{\"name\":")?;
            quoted(&mut writer, span.name())?;
            if let Some(fields) = span.extensions().get::<FormattedFields<Members>>() {
                writer.write_str(fields)?;
            }
            writer.write_char('}')?;
        }
        writer.write_str("}\n")
    }
}

impl<'writer> FormatFields<'writer> for Members {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut members = MemberWriter::new(writer);
        fields.record(&mut members);
        members.result
    }
}

struct MemberWriter<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
    /// Where a line comes from that a library wrote with the `log` crate.
    log_target: Option<String>,
}

impl<'a> MemberWriter<'a> {
    fn new(writer: Writer<'a>) -> Self {
        Self { writer, result: Ok(()), log_target: None }
    }

    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'a>) -> fmt::Result) {
        // So tracing names what it adds to a line of the `log` crate.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            let begun = begin_member(&mut self.writer, field.name());
            self.result = begun.and_then(|()| value(&mut self.writer));
        }
    }
}

impl Visit for MemberWriter<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.target" {
            self.log_target = Some(value.to_owned());
        }
        self.member(field, |writer| quoted(writer, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |writer| {
            writer.write_char('"')?;
            write!(Escaped(writer), "{value:?}")?;
            writer.write_char('"')
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity.
        self.member(field, |writer| {
            if value.is_finite() { write!(writer, "{value:?}") } else { writer.write_str("null") }
        });
    }
}

fn begin_member(writer: &mut Writer<'_>, name: &str) -> fmt::Result {
    writer.write_str(",\"")?;
    writer.write_str(name)?;
    writer.write_str("\":")
}

fn quoted(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    Escaped(writer).write_str(text)?;
    writer.write_char('"')
}

/// What stands within the quotes of a JSON string.
struct Escaped<'a, W>(&'a mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(needs_escape) {
            self.0.write_str(&rest[..at])?;
            match rest.as_bytes()[at] {
                byte @ (b'"' | b'\\') => write!(self.0, "\\{}", char::from(byte))?,
                b'\n' => self.0.write_str("\\n")?,
                byte => write!(self.0, "\\u{byte:04x}")?,
            }
            rest = &rest[at + 1..];
        }
        self.0.write_str(rest)
    }
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
        let (book, written) = {
            let book = Book::default();
            (book.clone(), book.0)
        };
        let lines = tracing_subscriber::fmt().with_writer(move || book.clone());
        with_default(lines.fmt_fields(Members).event_format(Line).finish(), log);
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
    fn a_line_has_the_fields_of_the_innermost_span() {
        let line = line(|| {
            let _outer = tracing::error_span!("outer", a = 1).entered();
            let span = tracing::error_span!("inner", b = "2", c = tracing::field::Empty).entered();
            span.record("c", 3);
            tracing::info!("told");
        });
        assert_eq!(line["span"], json!({ "name": "inner", "b": "2", "c": 3 }));
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text: String) {
            let line = line(|| tracing::info!(text, shown = %text, "{text}"));
            prop_assert_eq!((&line["text"], &line["shown"], &line["message"]), (&json!(text), &json!(text), &json!(text)));
        }
    }
}
