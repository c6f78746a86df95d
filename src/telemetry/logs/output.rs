//! Standard output, which may block and fail at any time.

use std::io::{self, ErrorKind, Write};
use std::mem::take;
use std::thread;
use std::time::Duration;

use super::dropped::{Target, dropped};

/// How long a pipe that is full and does not block is left alone.
const PAUSE: Duration = Duration::from_millis(10);

/// Standard output without the buffer of `io::Stdout`, which keeps lines that could not be written, and without
/// its lock, which `println!` would wait for.
pub(super) struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output of lines that are written whole or not at all.
pub(super) struct Output<W> {
    inner: W,
    /// The rest of a line that was written in part: it comes before all others.
    unfinished: Vec<u8>,
}

impl<W: Write> Output<W> {
    /// An output that writes to `inner`.
    pub(super) fn to(inner: W) -> Self {
        Self { inner, unfinished: Vec::new() }
    }

    /// Writes lines of a target, and counts those as dropped that cannot be written.
    pub(super) fn write_lines(&mut self, target: Target, lines: &[u8]) {
        let was_unfinished = !self.unfinished.is_empty();
        let text = [&take(&mut self.unfinished), lines].concat();
        let (written, rest) = text.split_at(self.write_some(&text));
        let is_unfinished = written.last().map_or(was_unfinished, |byte| *byte != b'\n');
        let mut lost = rest.split_inclusive(|byte| *byte == b'\n');
        if is_unfinished {
            self.unfinished = lost.next().unwrap_or_default().to_vec();
        }
        dropped(target, lost.count() as u64);
    }

    /// Writes until all is written or a write fails, and returns how many bytes are written.
    #[expect(clippy::disallowed_methods, reason = "only the threads of the log write")]
    fn write_some(&mut self, text: &[u8]) -> usize {
        let mut written = 0;
        while written < text.len() {
            match self.inner.write(&text[written..]) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A process that shares the pipe has made it non-blocking, and it is full.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(_) => break,
            }
        }
        written
    }
}
