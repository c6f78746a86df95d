//! Whether the replicas that share a Redis agree on a key or a `uuid`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::limits::OVERLAP;

/// How long replicas may take to write down again what they know, once Redis has come anew: until they
/// notice it a second, and the rest for what they know. Meanwhile nobody can say that nothing went out.
pub(super) const REPEATING: Duration = Duration::from_secs(10);

/// For so long nothing is sent after Redis has come anew (a window of at least a second after the overlap), so
/// what was agreed before is true as long.
const GOOD_FOR: Duration = Duration::from_secs(OVERLAP.as_secs() + 1);

/// Whether the replicas that share a Redis have agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreed {
    /// They have.
    Yes,
    /// Redis could not be asked, or may not know all that they know.
    No,
    /// There are no others.
    Alone,
}

/// When they agreed last, if they did.
#[derive(Debug, Default)]
pub(super) struct Agreement(Mutex<Option<Moment>>);

impl Agreement {
    /// They agree, as who asked at this moment has heard.
    pub(super) fn reached(&self, asked_at: Moment) {
        *self.at() = Some(asked_at);
    }

    /// Whether none of them can have sent what they had not when they agreed.
    pub(super) fn holds(&self, now: Moment) -> Agreed {
        let holds = self.at().is_some_and(|at| now.saturating_sub(at) < GOOD_FOR);
        if holds { Agreed::Yes } else { Agreed::No }
    }

    fn at(&self) -> MutexGuard<'_, Option<Moment>> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
