//! Log lines as JSON objects.
//!
//! The layers of json-subscriber and tracing-subscriber bound no value, and take an eighth to a quarter of all
//! instructions of a forward more for its two lines (`docs/en/design/performance.md`).

use std::fmt::{self, Debug, Write as _};
use std::io::Write;
use std::ops::Range;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::clock::Clock;

/// Longer than most lines, so that a line seldom grows while it is made.
const USUAL_LENGTH: usize = 768;
/// Longer than the fields of most events and of most spans, for the same reason.
const USUAL_EVENT: usize = 512;
const USUAL_SPAN: usize = 128;
/// More names than the spans around most events have fields, for the same reason.
const USUAL_NAMES: usize = 16;
/// Most bytes of a value that are shown: libraries log what others send. The hashed ids of a merge of 100 messages
/// fit.
const LONGEST_VALUE: usize = 4 << 10;
/// Bytes of the fields of an event or a span from which on no value is shown.
const LONGEST_MEMBERS: usize = 16 << 10;
/// What is around the name of a member.
const BEFORE_NAME: &[u8] = b",\"";
const AFTER_NAME: &[u8] = b"\":";

/// Writes each event as a line: time, level, the event's fields, target, and in `span` the name of the innermost
/// span and the fields of all spans around the event.
pub(super) struct JsonLines<W> {
    writer: W,
    /// The machine's: the log belongs to the process, whatever clocks its gateways have.
    clock: Clock,
}

impl<W> JsonLines<W> {
    /// Writes the lines to `writer`.
    pub(super) fn to(writer: W) -> Self {
        Self { writer, clock: Clock::system() }
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = JsonFields::new(attributes.fields().len(), USUAL_SPAN);
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<JsonFields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Vec::with_capacity(USUAL_LENGTH);
        let (now, level) = (self.clock.wall(), metadata.level());
        let _ = write!(line, "{{\"timestamp\":\"{now:.6}\",\"level\":\"{level}\"");
        let mut fields = JsonFields::new(metadata.fields().len(), USUAL_EVENT);
        event.record(&mut fields);
        line.extend_from_slice(&fields.members);
        // tracing's name for the target of a line of the `log` crate.
        match fields.value("log.target") {
            Some(target) => {
                line.extend_from_slice(b",\"target\":");
                line.extend_from_slice(target);
            }
            None => drop(write!(line, ",\"target\":\"{}\"", metadata.target())),
        }
        if let Some(span) = context.event_span(event) {
            push_span(&mut line, &span);
        }
        line.extend_from_slice(b"}\n");
        // The writer counts what it cannot write.
        let _ = self.writer.make_writer_for(metadata).write_all(&line);
    }
}

fn push_span<'a, R: LookupSpan<'a>>(line: &mut Vec<u8>, innermost: &SpanRef<'a, R>) {
    let _ = write!(line, ",\"span\":{{\"name\":\"{}\"", innermost.name());
    // The innermost span comes first and the latest value of a field counts, so a name is written once. What a span
    // is to OpenTelemetry is nothing for a log line.
    let mut names = Vec::with_capacity(USUAL_NAMES);
    names.extend(["name", "otel.kind"]);
    for span in innermost.scope() {
        if let Some(fields) = span.extensions().get::<JsonFields>() {
            for (name, member) in fields.iter().rev() {
                if !names.contains(&name) {
                    names.push(name);
                    line.extend_from_slice(member);
                }
            }
        }
    }
    line.push(b'}');
}

/// Fields of an event or a span, as members of a JSON object.
struct JsonFields {
    /// The name of each, and where its member is.
    names: Vec<(&'static str, Range<usize>)>,
    /// The members, with a comma before each.
    members: Vec<u8>,
}

impl JsonFields {
    /// Room for so many fields, and for so many bytes of members.
    fn new(fields: usize, members: usize) -> Self {
        Self { names: Vec::with_capacity(fields), members: Vec::with_capacity(members) }
    }

    /// The name and the member of each field.
    fn iter(&self) -> impl DoubleEndedIterator<Item = (&'static str, &[u8])> {
        self.names.iter().map(|(name, place)| (*name, &self.members[place.clone()]))
    }

    /// The value of the first field with this name, as JSON.
    fn value(&self, name: &str) -> Option<&[u8]> {
        let (_, member) = self.iter().find(|(it, _)| *it == name)?;
        member.get(BEFORE_NAME.len() + name.len() + AFTER_NAME.len()..)
    }

    fn add(&mut self, field: &Field, value: impl Serialize) {
        let start = self.members.len();
        self.members.extend_from_slice(BEFORE_NAME);
        self.members.extend_from_slice(field.name().as_bytes());
        self.members.extend_from_slice(AFTER_NAME);
        // Text, numbers and truth values can always be written to memory.
        let _ = serde_json::to_writer(&mut self.members, &value);
        self.names.push((field.name(), start..self.members.len()));
    }

    /// Bytes of the next value that are shown.
    fn room(&self) -> usize {
        LONGEST_VALUE.min(LONGEST_MEMBERS.saturating_sub(self.members.len()))
    }
}

impl Visit for JsonFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if value.len() <= self.room() {
            self.add(field, value);
        } else {
            self.record_debug(field, &format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut shown = CutText { text: String::new(), room: self.room() };
        // It fails where the text is cut.
        let _ = write!(shown, "{value:?}");
        self.add(field, shown.text);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }
}

/// A text that ends, with an ellipsis, where there is no more room.
struct CutText {
    text: String,
    /// In bytes.
    room: usize,
}

impl fmt::Write for CutText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.room {
            self.room -= text.len();
            self.text.push_str(text);
            return Ok(());
        }
        self.text.push_str(&text[..text.floor_char_boundary(self.room)]);
        self.text.push('…');
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry;

    use super::*;

    #[derive(Clone, Default)]
    struct WrittenLines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for WrittenLines {
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
        let book = WrittenLines::default();
        let written = Arc::clone(&book.0);
        with_default(registry().with(JsonLines::to(move || book.clone())), log);
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
    fn a_line_has_the_fields_of_all_spans_around_it() {
        let line = line(|| {
            let _request = tracing::error_span!("request", request_id = "r1", part = 1).entered();
            let child =
                tracing::error_span!("child", part = 2, later = tracing::field::Empty).entered();
            child.record("later", 3);
            tracing::info!(request_id = "its own", "told");
        });
        assert_eq!(
            line["span"],
            json!({ "name": "child", "request_id": "r1", "part": 2, "later": 3 })
        );
        assert_eq!(line["request_id"], "its own");
    }

    #[test]
    fn no_line_is_as_long_as_what_somebody_sends() {
        let long = "\u{1}ü\u{1}".repeat(100_000);
        let line = line(|| {
            let _span = tracing::error_span!("span", s = long, t = %long, u = ?long).entered();
            tracing::info!(a = long, b = %long, c = ?long, d = long, e = long, f = long, g = long,
                h = long, i = long, j = long, "{long}");
        });
        let members = |value: &Value| value.as_object().expect("an object").clone();
        for (name, value) in members(&line).into_iter().chain(members(&line["span"])) {
            let length = value.as_str().map_or(0, str::len);
            assert!(length <= LONGEST_VALUE + '…'.len_utf8(), "{name} has {length} bytes");
        }
        assert!(line["a"].as_str().is_some_and(|it| it.starts_with("\u{1}ü") && it.ends_with('…')));
        assert_eq!(line["j"], "…");
        // The appender would cut a longer one.
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
