//! A line that is served one at a time, in the order in which people joined it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Somebody leaves it by dropping their place or permit, from the middle as well.
#[derive(Debug)]
pub(super) struct Line {
    first: Semaphore,
    length: AtomicUsize,
}

/// Being counted in a line.
pub(super) struct Place<'a> {
    line: &'a Line,
    /// How many were there before.
    pub(super) ahead: usize,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { first: Semaphore::new(1), length: AtomicUsize::new(0) }
    }

    /// Joins at the end.
    pub(super) fn join(&self) -> Place<'_> {
        Place { line: self, ahead: self.length.fetch_add(1, Relaxed) }
    }

    /// How many stand in it, the first one included.
    pub(super) fn length(&self) -> usize {
        self.length.load(Relaxed)
    }
}

impl<'a> Place<'a> {
    /// Returns once this place is the first; the next one follows when the permit is dropped.
    pub(super) async fn first(&self) -> SemaphorePermit<'a> {
        self.line.first.acquire().await.expect("nobody closes the semaphore")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line.length.fetch_sub(1, Relaxed);
    }
}
