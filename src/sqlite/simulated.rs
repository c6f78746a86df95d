//! A disk in memory that outlives simulated processes, and takes its time.

use std::iter;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::database::{Database, Job, MOST_PER_COMMIT, commit};
use super::error::DatabaseError;
use super::open::migrated_in_memory;
use crate::clock::Clock;

/// A disk with the gateway's file. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedDisk(Arc<Mutex<Disk>>);

#[derive(Debug)]
struct Disk {
    connection: Connection,
    /// How long a commit takes.
    latency: Duration,
    is_full: bool,
}

impl SimulatedDisk {
    /// With an empty file.
    pub(crate) fn new() -> Self {
        let connection = migrated_in_memory().expect("SQLite has memory");
        Self(Arc::new(Mutex::new(Disk { connection, latency: Duration::ZERO, is_full: false })))
    }

    /// From now on a commit takes so long, and fails if the disk is full.
    pub(crate) fn behave(&self, latency: Duration, is_full: bool) {
        let mut disk = self.disk();
        (disk.latency, disk.is_full) = (latency, is_full);
    }

    /// The file as a process has it open. Its jobs end with the runtime that this is called in.
    pub(crate) fn open(&self, clock: &Clock) -> Database {
        let (disk, clock) = (self.clone(), clock.clone());
        Database::served_by(|jobs| {
            tokio::spawn(disk.serve(jobs, clock));
        })
    }

    /// Does what the thread of a file does, on the simulation's time.
    async fn serve(self, mut jobs: mpsc::Receiver<Job>, clock: Clock) {
        while let Some(first) = jobs.recv().await {
            let latency = self.disk().latency;
            clock.sleep_until(clock.now() + latency).await;
            let waiting = iter::once(first).chain(iter::from_fn(|| jobs.try_recv().ok()));
            let (committed, done) = {
                let mut disk = self.disk();
                let mut done = Vec::new();
                let committed = if disk.is_full {
                    // As if each of them had failed: none has done anything.
                    drop(waiting.take(MOST_PER_COMMIT).collect::<Vec<_>>());
                    Err(DatabaseError::new("the disk is full"))
                } else {
                    commit(&mut disk.connection, waiting.take(MOST_PER_COMMIT), &mut done)
                };
                (committed, done)
            };
            for job in done {
                (job.answer)(committed.clone());
            }
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }
}
