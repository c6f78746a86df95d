//! The thread that owns the file, and the queue of jobs for it.

use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::error::{DatabaseError, OpenError};
use super::open::{open, open_to_read};

/// The SQLite file of this process. Dropping it waits for the jobs that are queued, and closes the file.
#[derive(Debug)]
pub struct Database {
    /// None once it is being dropped.
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Does its work in a transaction. None: nobody waits for it any more, and it did nothing.
pub(super) type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Option<Done> + Send>;

/// A job that was done, and is not yet on the disk.
pub(super) struct Done {
    failure: Option<DatabaseError>,
    /// To be called when it was committed or was not.
    pub(super) answer: Box<dyn FnOnce(Result<(), DatabaseError>)>,
}

/// How many jobs wait at most.
const MOST_QUEUED: usize = 1024;
/// How many jobs one commit has at most, so that the first of them does not wait long for its answer.
pub(super) const MOST_PER_COMMIT: usize = 64;

impl Database {
    /// Opens the file, or creates it, readable by its owner only. Nobody else can open it from then on. Another process
    /// that has the file may take `patience` to close it. This blocks.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, OpenError> {
        Self::of(open(path, patience)?)
    }

    /// Opens a file of the gateway's for jobs that only read. It fails while another process has the file. This blocks.
    pub fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        Self::of(open_to_read(path)?)
    }

    /// A file that may be damaged when the machine loses its power, for tests that write often.
    #[cfg(test)]
    pub(crate) fn open_without_sync(path: &Path) -> Result<Self, OpenError> {
        let connection = open(path, Duration::ZERO)?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        Self::of(connection)
    }

    /// A file whose jobs are served so, for simulations.
    #[cfg(test)]
    pub(super) fn served_by(serve: impl FnOnce(mpsc::Receiver<Job>)) -> Self {
        let (queue, jobs) = mpsc::channel(MOST_QUEUED);
        serve(jobs);
        Self { queue: Some(queue), thread: None }
    }

    fn of(connection: Connection) -> Result<Self, OpenError> {
        let (queue, jobs) = mpsc::channel(MOST_QUEUED);
        let thread = thread::Builder::new().name("sqlite".to_owned());
        let thread = thread.spawn(move || serve(connection, jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs a job on the file, alone and in a transaction, and returns what it returned once that is on the disk. A job
    /// that fails changes nothing. One whose future is dropped before it has begun never begins.
    ///
    /// A job that only reads costs no write.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let (answer, answered) = oneshot::channel();
        let job = move |transaction: &mut Transaction<'_>| {
            if answer.is_closed() {
                return None;
            }
            // Nobody may wait for it any more.
            Some(do_now(transaction, job, |result| drop(answer.send(result))))
        };
        let ended = || DatabaseError::new("the file is closed");
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(Box::new(job)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Queues a job like those of [`Self::run`], which is done whether or not somebody waits for it, and returns at once.
    /// Too many jobs that wait refuse it.
    ///
    /// `done` gets what the job returned once that is on the disk. It is called on the thread of the file, so it must not
    /// hold the database.
    pub fn begin<T: 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        done: impl FnOnce(Result<T, DatabaseError>) + Send + 'static,
    ) {
        match self.queue.as_ref().map(mpsc::Sender::try_reserve) {
            Some(Ok(place)) => {
                place.send(Box::new(|transaction| Some(do_now(transaction, job, done))));
            }
            Some(Err(_)) | None => done(Err(DatabaseError::new("too many writes wait"))),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It catches what a job panics with.
            let _ = thread.join();
        }
    }
}

/// Does a job. `done` gets the result once it was committed or was not.
fn do_now<T: 'static>(
    transaction: &mut Transaction<'_>,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    done: impl FnOnce(Result<T, DatabaseError>) + 'static,
) -> Done {
    let result = attempt(transaction, job);
    let failure = result.as_ref().err().cloned();
    let answer = Box::new(move |committed: Result<(), DatabaseError>| {
        done(result.and_then(|it| committed.map(|()| it)));
    });
    Done { failure, answer }
}

/// Does a job in a savepoint, so that its failure undoes nothing else.
fn attempt<T>(
    transaction: &mut Transaction<'_>,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, DatabaseError> {
    let savepoint = transaction.savepoint().map_err(|it| DatabaseError::from(&it))?;
    let result = catch_unwind(AssertUnwindSafe(|| job(&savepoint)))
        .map_err(|_| DatabaseError::new("a job panicked"))?
        .map_err(|it| DatabaseError::from(&it))?;
    savepoint.commit().map_err(|it| DatabaseError::from(&it))?;
    Ok(result)
}

fn serve(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let waiting = iter::once(first).chain(iter::from_fn(|| jobs.try_recv().ok()));
        let mut done = Vec::new();
        let committed = commit(&mut connection, waiting.take(MOST_PER_COMMIT), &mut done);
        for job in done {
            (job.answer)(committed.clone());
        }
    }
    // Closing the file moves what is in the write-ahead log into it. If that fails, the log stays, and is read when the
    // file is opened again.
    let _ = connection.close();
}

/// Does jobs in one transaction, and commits it. Those that are to be answered then are in `done`, also if it fails.
pub(super) fn commit(
    connection: &mut Connection,
    jobs: impl Iterator<Item = Job>,
    done: &mut Vec<Done>,
) -> Result<(), DatabaseError> {
    // It takes no lock and writes nothing before a job does.
    let mut transaction = connection.transaction().map_err(|it| DatabaseError::from(&it))?;
    for job in jobs {
        done.extend(job(&mut transaction));
        // SQLite undoes all of it where the disk is full or fails. No job may run outside of a transaction.
        if transaction.is_autocommit() {
            let why = done.last().and_then(|it| it.failure.clone());
            return Err(why.unwrap_or_else(|| DatabaseError::new("the transaction was undone")));
        }
    }
    transaction.commit().map_err(|it| DatabaseError::from(&it))
}
