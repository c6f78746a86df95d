//! The way of log lines to standard output: no thread that answers requests waits for a reader of the log.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tracing::Metadata;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

use super::dropped::{Target, dropped};
use super::output::Output;

/// Longest line, in bytes; the rest of a longer one is cut off.
const LONGEST_LINE: usize = 64 << 10;
/// Bytes that a line counts for at least. So the number of lines has a bound too, and the channel of an
/// appender, whose size is fixed, is never full before its bytes are.
const SHORTEST_LINE: usize = 512;
/// Most bytes of one write of several lines, `PIPE_BUF` of Linux. A pipe takes so many as a whole or not at
/// all, so neither another process that writes to it nor the end of this one breaks a line.
const MOST_AT_ONCE: usize = 4096;
/// How long lines gather after a write. A thread that wakes up for each line, and writes it alone, takes a third
/// of a forward's CPU more (`docs/en/design/performance.md`).
const GATHERING: Duration = Duration::from_millis(10);
/// Lines are written this long after they are logged at the latest, where the log is read at once.
pub const WRITTEN_AFTER: Duration = Duration::from_millis(100);
/// How long the end of the log waits at most for its reader.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// One appender for each target, so that a flood of one target's lines displaces no other's.
pub(super) struct Appenders([Appender; Target::ALL.len()]);

/// The lines of a target that are still to be written, by a thread of `tracing-appender`.
pub(super) struct Appender {
    target: Target,
    lines: NonBlocking,
    /// The bytes of these lines. `tracing-appender` bounds the number of lines alone, and the lengths of lines
    /// differ by a factor of a hundred.
    waiting: Arc<AtomicUsize>,
}

/// Writes all lines that are still to be written when it is dropped, for a second at most. Lines that are
/// logged afterwards are lost.
#[must_use]
#[derive(Debug)]
pub struct LogGuard(Vec<WorkerGuard>);

impl Appenders {
    /// Appenders that write to `output`, which may block and fail.
    pub(super) fn to<W: Write + Send + 'static>(output: W) -> (Self, LogGuard) {
        let output = Arc::new(Mutex::new(Output::to(output)));
        let mut guards = Vec::new();
        let appenders = Target::ALL.map(|target| {
            let (appender, guard) = Appender::to(target, Arc::clone(&output));
            guards.push(guard);
            appender
        });
        (Self(appenders), LogGuard(guards))
    }
}

impl<'a> MakeWriter<'a> for Appenders {
    type Writer = &'a Appender;

    fn make_writer(&'a self) -> Self::Writer {
        &self.0[Target::Other as usize]
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        &self.0[Target::of(metadata.target()) as usize]
    }
}

impl Appender {
    fn to<W: Write + Send + 'static>(
        target: Target,
        output: Arc<Mutex<Output<W>>>,
    ) -> (Self, WorkerGuard) {
        let waiting = Arc::new(AtomicUsize::new(0));
        let lines = BufWriter::with_capacity(MOST_AT_ONCE, WholeLines { target, output });
        // One place more than lines can wait: for the message that ends the thread. The guard would print
        // to standard output, which may block, if there were none.
        let (lines, guard) = NonBlockingBuilder::default()
            .thread_name("log")
            .buffered_lines_limit(room(target) / SHORTEST_LINE + 1)
            .finish(GatheredLines { lines, waiting: Arc::clone(&waiting) });
        (Self { target, lines, waiting }, guard)
    }

    /// Adds a line to those that are to be written, or drops and counts it.
    fn add(&self, line: &[u8]) {
        let line = cut(line);
        let bytes = bytes_of(&line);
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > room(self.target) {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return dropped(self.target, 1);
        }
        // It cannot fail: a lossy appender counts what it drops, and has room.
        let _ = self.lines.make_writer().write_all(&line);
    }
}

impl Write for &Appender {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of lines that may wait: some seconds of a busy gateway, 8 MiB in all.
fn room(target: Target) -> usize {
    match target {
        Target::Audit => 4 << 20,
        Target::Gateway | Target::Other => 2 << 20,
    }
}

fn bytes_of(line: &[u8]) -> usize {
    line.len().max(SHORTEST_LINE)
}

fn cut(line: &[u8]) -> Cow<'_, [u8]> {
    if line.len() <= LONGEST_LINE {
        return line.into();
    }
    let shown = String::from_utf8_lossy(line);
    let shown = &shown[..shown.floor_char_boundary(LONGEST_LINE)];
    format!("{shown}…\n").into_bytes().into()
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let (ending, ended) = mpsc::channel::<()>();
        for guard in self.0.drain(..) {
            let ending = ending.clone();
            // The guards wait for up to a second each, so each has a thread.
            let _ = thread::Builder::new().spawn(move || {
                drop(guard);
                drop(ending);
            });
        }
        drop(ending);
        let _ = ended.recv_timeout(LAST_WORDS);
    }
}

/// What the thread of an appender writes each line to, and flushes when no other line waits.
struct GatheredLines<W: Write> {
    lines: BufWriter<WholeLines<W>>,
    waiting: Arc<AtomicUsize>,
}

impl<W: Write> Write for GatheredLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let result = self.lines.write_all(line);
        self.waiting.fetch_sub(bytes_of(line), Ordering::Relaxed);
        result.map(|()| line.len())
    }

    #[expect(clippy::disallowed_methods, reason = "the thread does nothing else")]
    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()?;
        thread::sleep(GATHERING);
        Ok(())
    }
}

/// The lines of a target on the output that all targets share.
struct WholeLines<W> {
    target: Target,
    output: Arc<Mutex<Output<W>>>,
}

impl<W: Write> Write for WholeLines<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_lines(self.target, lines);
        // Lines that could not be written are counted; the buffer would keep them and try for ever.
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
