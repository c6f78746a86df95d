//! Every line of the log of this process.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use feishu_forward_gateway::telemetry::logs::{Format, init_to};
use serde_json::Value;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to keep lines, in the form in which the gateway writes JSON.
pub(crate) fn open() {
    static OPENED: OnceLock<()> = OnceLock::new();
    OPENED.get_or_init(|| {
        init_to(Format::Json, "trace,actix_server=trace,actix_http=trace", || Writer)
            .expect("a filter");
    });
}

/// Every whole line so far.
pub(crate) fn lines() -> Vec<String> {
    let bytes = LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(bytes).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// The lines so far that stand in the span of a request.
pub(crate) fn lines_of(request_id: &str) -> Vec<Value> {
    let is_of = |line: &Value| line["span"]["request_id"] == request_id;
    // A cheap look first: there are a great many lines.
    let lines = lines().into_iter().filter(|line| line.contains(request_id));
    lines.map(|line| serde_json::from_str(&line).expect("JSON")).filter(is_of).collect()
}

/// The one line that says how a request was answered.
pub(crate) fn answered(request_id: &str) -> Value {
    let mut lines = lines_of(request_id);
    lines.retain(|line| line["message"] == "answered");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

/// Whether a line's level is seen by those who look at `info`, as everybody does.
pub(crate) fn is_seen_at_info(line: &Value) -> bool {
    matches!(line["level"].as_str(), Some("INFO" | "WARN" | "ERROR"))
}
