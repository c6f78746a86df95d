//! Lines leave together: what is logged before a runtime next waits for the network is one write.
//!
//! A write for each line would cost more than all else that is done about it, and threads would wait
//! for each other's.

use std::io::{self, Write};
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that are still to be written; clones share them.
#[derive(Clone)]
pub(super) struct Batch(Arc<Lines>);

struct Lines {
    waiting: Mutex<Vec<u8>>,
    /// Held from taking lines until they are written, so that none overtakes another.
    writing: Mutex<()>,
    write: Box<WriteOut>,
}

/// Writes lines to where they belong.
type WriteOut = dyn Fn(&[u8]) + Send + Sync;

impl Batch {
    /// Nothing is to be written.
    pub(super) fn new(write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Lines {
            waiting: Mutex::default(),
            writing: Mutex::default(),
            write: Box::new(write),
        }))
    }

    /// Writes what is waiting.
    pub(super) fn write_out(&self) {
        self.0.write_out();
    }

    /// On standard output.
    pub(super) fn to_stdout() -> Self {
        // Where it cannot be written to, there is nobody to tell.
        Self::new(|lines| drop(io::stdout().lock().write_all(lines)))
    }
}

impl MakeWriter<'_> for Batch {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Batch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.add(line) {
            let rest = Rest(Arc::clone(&self.0));
            // It comes to run after all that is ready, and is dropped with its runtime, if not before.
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(async move { drop(rest) })),
                Err(_) => drop(rest),
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        (*self).write_out();
        Ok(())
    }
}

impl Lines {
    /// Adds a line and tells whether it is the first that is to be written.
    fn add(&self, line: &[u8]) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.is_empty();
        waiting.extend_from_slice(line);
        is_first
    }

    fn write_out(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if !lines.is_empty() {
            (self.write)(&lines);
        }
    }
}

/// What is left to be written when this is dropped.
struct Rest(Arc<Lines>);

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.write_out();
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    /// A batch, and what it has written.
    fn batch() -> (Batch, Arc<Mutex<Vec<String>>>) {
        let written = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&written);
        let write = move |lines: &[u8]| {
            let lines = String::from_utf8(lines.to_vec()).expect("UTF-8");
            book.lock().expect("no panic").push(lines);
        };
        (Batch::new(write), written)
    }

    fn log(batch: &Batch, line: &str) {
        batch.clone().write_all(line.as_bytes()).expect("it is kept");
    }

    #[test]
    fn without_a_runtime_a_line_is_written_at_once() {
        let (batch, written) = batch();
        log(&batch, "1\n");
        log(&batch, "2\n");
        assert_eq!(*written.lock().expect("no panic"), ["1\n", "2\n"]);
    }

    #[tokio::test]
    async fn lines_of_what_is_done_in_one_go_are_one_write() {
        let (batch, written) = batch();
        log(&batch, "1\n");
        let other = batch.clone();
        tokio::spawn(async move { log(&other, "2\n") });
        log(&batch, "3\n");
        assert!(written.lock().expect("no panic").is_empty());
        yield_now().await;
        yield_now().await;
        let all = written.lock().expect("no panic").concat();
        assert_eq!(all, "1\n3\n2\n");
        assert!(written.lock().expect("no panic").len() <= 2);
    }

    #[test]
    fn what_a_runtime_leaves_behind_is_written_when_it_ends() {
        let (batch, written) = batch();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async { log(&batch, "last words\n") });
        drop(runtime);
        assert_eq!(*written.lock().expect("no panic"), ["last words\n"]);
    }
}
