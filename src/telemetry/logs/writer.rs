//! Log lines are written by a thread of their own, so that nobody who logs waits for who reads the log.
//!
//! `tracing-appender` has such a thread too. It bounds lines and not bytes, makes a write of each line, and
//! keeps no room for the audit log.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem::{swap, take};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::dropped::{Target, dropped};

/// Bytes of lines that are still to be written: some seconds of a busy gateway.
const ROOM: usize = 4 << 20;
/// Bytes more that audit lines alone may take, so that they are the last to be dropped.
const ROOM_FOR_AUDIT: usize = 4 << 20;
/// Longest line, in bytes; the rest of a longer one is cut off.
const LONGEST_LINE: usize = 64 << 10;
/// Most bytes of a write of several lines. A pipe takes so much in whole or not at all (`PIPE_BUF`), so
/// who else writes to it breaks no line, and neither does the end of the process.
const MOST_AT_ONCE: usize = 4096;
/// How long a line waits for others, so that a write and the wake-up of a thread are for many.
const GATHERING: Duration = Duration::from_millis(10);
/// Bytes and lines that the buffer keeps room for when it is empty.
const USUAL: usize = 64 << 10;
const USUAL_LINES: usize = 128;

/// Lines on their way; clones share them.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    kept: Mutex<Kept>,
    /// Wakes the thread that writes.
    more: Condvar,
    /// Wakes who waits until all is written.
    written: Condvar,
}

#[derive(Default)]
struct Kept {
    waiting: Batch,
    /// Bytes that the thread has taken and not written yet.
    in_hand: usize,
    /// Whether the thread sleeps until there is a line.
    is_idle: bool,
    /// Whether somebody waits until all is written.
    is_urgent: bool,
}

/// Lines one after the other.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    /// Where each line stands in the text.
    lines: Vec<Line>,
    /// How much of the text is written.
    written: usize,
}

struct Line {
    target: Target,
    start: usize,
    end: usize,
}

impl Lines {
    /// Written by nobody yet.
    fn kept() -> Self {
        Self(Arc::new(Shared {
            kept: Mutex::default(),
            more: Condvar::new(),
            written: Condvar::new(),
        }))
    }

    /// To standard output.
    pub(super) fn to_stdout() -> Self {
        let lines = Self::kept();
        // Not `io::Stdout`, whose lock is held while it writes and which keeps what it could not write.
        match io::stdout().as_fd().try_clone_to_owned() {
            Ok(stdout) => lines.write_to(File::from(stdout)),
            Err(_) => lines.write_to(Nowhere),
        }
        lines
    }

    /// Begins to write to `output`, which may block and fail.
    fn write_to(&self, output: impl Write + Send + 'static) {
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("log".to_owned());
        // As little can go on without it as without the threads that answer.
        thread.spawn(move || shared.write_to(output)).expect("the system has room for a thread");
    }

    /// Adds a line to what is to be written, or drops and counts it.
    pub(super) fn add(&self, target: Target, line: &[u8]) {
        if line.len() <= LONGEST_LINE {
            return self.0.add(target, line);
        }
        let shown = String::from_utf8_lossy(line);
        let shown = &shown[..shown.floor_char_boundary(LONGEST_LINE)];
        self.0.add(target, format!("{shown}…\n").as_bytes());
    }

    /// Returns once all is written, or after `longest`.
    pub(super) fn flush(&self, longest: Duration) {
        let mut kept = self.0.kept();
        kept.is_urgent = true;
        self.0.more.notify_one();
        drop(self.0.written.wait_timeout_while(kept, longest, |kept| kept.bytes() > 0));
    }
}

/// The writer of one line.
pub(super) struct LineWriter<'a>(&'a Lines, Target);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(self, Target::Other)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        LineWriter(self, Target::of(metadata.target()))
    }
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(self.1, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where nothing can be written.
struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::NotFound.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, target: Target, line: &[u8]) {
        let mut kept = self.kept();
        let room = if target == Target::Audit { ROOM + ROOM_FOR_AUDIT } else { ROOM };
        if kept.bytes() + line.len() > room {
            return dropped(target);
        }
        kept.waiting.push(target, line);
        if take(&mut kept.is_idle) {
            self.more.notify_one();
        }
    }

    fn write_to(&self, mut output: impl Write) {
        let (mut batch, mut begun) = (Batch::default(), Batch::default());
        loop {
            self.take_lines(&mut batch);
            batch.begin_with(take(&mut begun));
            self.write(&mut batch, &mut output);
            begun = batch.end();
            self.kept().in_hand = begun.text.len();
            self.written.notify_all();
        }
    }

    /// Takes the lines that are to be written, once there are some.
    fn take_lines(&self, batch: &mut Batch) {
        let mut kept = self.kept();
        kept.is_idle = kept.waiting.text.is_empty();
        let nobody_calls = |kept: &mut Kept| kept.is_idle && !kept.is_urgent;
        kept = self.more.wait_while(kept, nobody_calls).unwrap_or_else(PoisonError::into_inner);
        kept.is_idle = false;
        let gathered = self.more.wait_timeout_while(kept, GATHERING, |kept| !kept.is_urgent);
        kept = gathered.unwrap_or_else(PoisonError::into_inner).0;
        kept.is_urgent = false;
        swap(&mut kept.waiting, batch);
        kept.in_hand += batch.text.len();
    }

    /// Writes lines until one cannot be written.
    fn write(&self, batch: &mut Batch, output: &mut impl Write) {
        while let Some(lines) = batch.next_lines() {
            match output.write(lines) {
                Ok(0) => return,
                Ok(count) => batch.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whoever shares the pipe has made it non-blocking, and it is full.
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.pause(),
                Err(_) => return,
            }
            self.kept().in_hand = batch.text.len() - batch.written;
        }
    }

    fn pause(&self) {
        drop(self.more.wait_timeout_while(self.kept(), GATHERING, |_| true));
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        self.waiting.text.len() + self.in_hand
    }
}

impl Batch {
    fn push(&mut self, target: Target, text: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        self.lines.push(Line { target, start, end: self.text.len() });
    }

    /// Puts the line that was begun before all others.
    fn begin_with(&mut self, mut begun: Self) {
        if begun.text.is_empty() {
            return;
        }
        for line in &self.lines {
            begun.push(line.target, &self.text[line.start..line.end]);
        }
        *self = begun;
    }

    /// What is to be written next: as many lines as may be at once, or one that is longer.
    fn next_lines(&self) -> Option<&[u8]> {
        let start = self.written;
        let rest = &self.lines[self.lines.partition_point(|line| line.end <= start)..];
        let fitting = rest.partition_point(|line| line.end <= start + MOST_AT_ONCE);
        let last = rest.get(fitting.saturating_sub(1))?;
        Some(&self.text[start..last.end])
    }

    /// Forgets all lines, counts those of which nothing was written as dropped, and returns the one that
    /// was begun: it has to be written to its end before another line.
    fn end(&mut self) -> Self {
        let mut begun = Self::default();
        for line in self.lines.drain(..).skip_while(|line| line.end <= self.written) {
            if line.start < self.written {
                begun.push(line.target, &self.text[line.start..line.end]);
                begun.written = self.written - line.start;
            } else {
                dropped(line.target);
            }
        }
        self.lines.shrink_to(USUAL_LINES);
        self.text.clear();
        self.text.shrink_to(USUAL);
        self.written = 0;
        begun
    }
}

#[cfg(test)]
mod tests;
