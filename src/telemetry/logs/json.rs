//! Log lines as JSON objects.

use std::fmt::{self, Debug, Write};

use json_subscriber::{FieldWriter, JsonLayer};
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::registry::LookupSpan;

/// Most bytes of a value that are shown: libraries log what others send.
const LONGEST_VALUE: usize = 2 << 10;
/// Most bytes of all values of an event that are shown.
const LONGEST_VALUES: usize = 16 << 10;

/// The layer that writes each event as a line: time, level, target, the event's fields, and in `span` the name of
/// the innermost span and the fields of all spans around the event.
pub(super) fn layer<S, W>(writer: W) -> JsonLayer<S, W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    let mut layer = JsonLayer::new(writer);
    layer.with_timer("timestamp", SystemTime);
    layer.with_level("level");
    layer.with_flattened_span_fields("span");
    // Not `with_flattened_event`, which shows values whatever their length.
    layer.add_multiple_dynamic_fields(|event, _, members| write_event(event, members));
    layer
}

fn write_event(event: &Event<'_>, members: &mut FieldWriter<'_>) {
    let mut fields = EventFields { members, room: LONGEST_VALUES, log_target: None };
    event.record(&mut fields);
    let target = fields.log_target.take();
    fields.write("target", target.as_deref().unwrap_or(event.metadata().target()));
}

/// Writes the fields of an event as members of an object, long values cut.
struct EventFields<'a, 'line> {
    members: &'a mut FieldWriter<'line>,
    /// Bytes of values that may still be shown.
    room: usize,
    /// The target that a library named to the `log` crate.
    log_target: Option<String>,
}

impl EventFields<'_, '_> {
    fn write(&mut self, name: &str, value: impl Serialize) {
        // Text and numbers can always be written.
        let _ = self.members.write_field(name, value);
    }
}

impl Visit for EventFields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // tracing's name for the target of a line of the `log` crate.
        if field.name() == "log.target" {
            self.log_target = Some(value.to_owned());
        }
        let room = LONGEST_VALUE.min(self.room);
        if value.len() <= room {
            self.room -= value.len();
            return self.write(field.name(), value);
        }
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut shown = CutText { text: String::new(), room: LONGEST_VALUE.min(self.room) };
        // It fails where the text is cut.
        let _ = write!(shown, "{value:?}");
        self.room = self.room.saturating_sub(shown.text.len());
        self.write(field.name(), shown.text);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field.name(), value);
    }
}

/// A text that ends, with an ellipsis, where there is no more room.
struct CutText {
    text: String,
    /// In bytes.
    room: usize,
}

impl Write for CutText {
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
        with_default(registry().with(layer(move || book.clone())), log);
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
            tracing::info!(a = long, b = %long, c = ?long, d = long, e = long, f = long, g = long,
                h = long, i = long, j = long, "{long}");
        });
        for (name, value) in line.as_object().expect("an object") {
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
