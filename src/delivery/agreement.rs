//! Whether the replicas that share a Redis agree that nothing else was sent under a key or a `uuid`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::limits::OVERLAP;

/// How long replicas may take to write to a Redis that was emptied what it has lost: a second until they notice,
/// and the rest for writing. Meanwhile no replica can say that nothing was sent.
pub(super) const REPEATING: Duration = Duration::from_secs(10);

/// How long an agreement holds. Nothing is sent for so long after Redis was emptied (the overlap, and a window of
/// a second at least), so an agreement of before is true for as long.
const GOOD_FOR: Duration = Duration::from_secs(OVERLAP.as_secs() + 1);

/// Whether the replicas agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreed {
    /// They agree.
    Yes,
    /// Redis could not be asked, or may not know all that they know.
    No,
    /// There are no other replicas.
    Alone,
}

/// When the replicas agreed last, if they did.
#[derive(Debug, Default)]
pub(super) struct Agreement(Mutex<Option<Moment>>);

impl Agreement {
    /// A question of `asked_at` showed that they agree.
    pub(super) fn reached(&self, asked_at: Moment) {
        *self.at() = Some(asked_at);
    }

    /// Whether no replica can have sent anything since they agreed.
    pub(super) fn holds(&self, now: Moment) -> Agreed {
        let holds = self.at().is_some_and(|at| now.saturating_sub(at) < GOOD_FOR);
        if holds { Agreed::Yes } else { Agreed::No }
    }

    fn at(&self) -> MutexGuard<'_, Option<Moment>> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
