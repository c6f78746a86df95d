//! Every line that this process has logged, of all gateways in it: a process has one log.

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

/// Keeps every line from now on, of every target at every level, as the gateway writes JSON.
pub fn capture() {
    static CAPTURED: OnceLock<()> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        init_to(Format::Json, "trace,actix_server=trace,actix_http=trace", None, || Writer)
            .expect("a filter");
    });
}

/// Every whole line so far.
pub fn lines() -> Vec<String> {
    let bytes = LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(bytes).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// The lines so far in the span of a request.
pub fn lines_of(request_id: &str) -> Vec<Value> {
    let is_of = |line: &Value| line["span"]["request_id"] == request_id;
    // A search for the text first: there are too many lines to parse all of them.
    let lines = lines().into_iter().filter(|line| line.contains(request_id));
    lines.map(|line| serde_json::from_str(&line).expect("JSON")).filter(is_of).collect()
}

/// The line that says how a request was answered. There must be one, and no more.
pub fn answered(request_id: &str) -> Value {
    let mut lines = lines_of(request_id);
    lines.retain(|line| line["message"] == "answered");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

/// Whether a line is written at the level `info`, the default.
pub fn is_seen_at_info(line: &Value) -> bool {
    matches!(line["level"].as_str(), Some("INFO" | "WARN" | "ERROR"))
}
