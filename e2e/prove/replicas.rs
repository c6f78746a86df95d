//! The gateway's processes: one, or several that share a Redis.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::seq::IndexedRandom;

use crate::program::{Addresses, Program};

/// The processes, and which of them callers are sent to.
pub(crate) struct Replicas {
    variables: Vec<(String, String)>,
    programs: Vec<Mutex<Program>>,
    /// None where one is being replaced.
    offered: Mutex<Vec<Option<Addresses>>>,
    may_end: AtomicBool,
}

impl Replicas {
    /// Starts that many of this build with these variables.
    pub(crate) async fn start(
        count: usize,
        build: &Path,
        variables: Vec<(String, String)>,
    ) -> Self {
        let (mut programs, mut offered) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let program = Program::start(build, &variables).await.expect("it listens");
            offered.push(Some(program.addresses.clone()));
            programs.push(Mutex::new(program));
        }
        Self {
            variables,
            programs,
            offered: Mutex::new(offered),
            may_end: AtomicBool::new(count > 1),
        }
    }

    /// Whether processes end in this proof, so that callers may lose connections. One process alone does not, unless
    /// `expect_ends` says so.
    pub(crate) fn may_end(&self) -> bool {
        self.may_end.load(Relaxed)
    }

    /// From now on processes may end.
    pub(crate) fn expect_ends(&self) {
        self.may_end.store(true, Relaxed);
    }

    /// How many there are, also those that are being replaced.
    pub(crate) fn count(&self) -> usize {
        self.programs.len()
    }

    /// The addresses of those that callers are sent to.
    pub(crate) fn offered(&self) -> Vec<Addresses> {
        lock(&self.offered).iter().flatten().cloned().collect()
    }

    /// The addresses of any of those that callers are sent to.
    pub(crate) fn any(&self) -> Addresses {
        self.offered().choose(&mut rand::rng()).cloned().expect("one is always offered")
    }

    /// One of the processes. It is held for no longer than a system call takes.
    pub(crate) fn program(&self, number: usize) -> MutexGuard<'_, Program> {
        lock(&self.programs[number])
    }

    /// Sends callers to the others from now on.
    pub(crate) fn withdraw(&self, number: usize) {
        lock(&self.offered)[number] = None;
    }

    /// Kills a process, if it has not ended, and starts another one in its place.
    pub(crate) async fn replace(&self, number: usize) {
        self.replace_by(&Program::own_build(), number).await.expect("it listens");
    }

    /// The same by another build, or what that one says when it does not start.
    pub(crate) async fn replace_by(&self, build: &Path, number: usize) -> Result<(), String> {
        let program = Program::start(build, &self.variables).await?;
        let addresses = program.addresses.clone();
        *self.program(number) = program;
        lock(&self.offered)[number] = Some(addresses);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
